# SPDX-License-Identifier: Apache-2.0
"""A picture at a glance: fixed length, of that picture alone."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from polyveil.errors import UnreadableRecord
from polyveil.inputs import front_end
from polyveil.inputs.look import EMBEDDING, colours
from polyveil.records.record import Record


def picture(colour: tuple[int, int, int], size: int = 40) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (size, size), colour).save(file, "PNG")
    return file.getvalue()


def test_both_halves_have_length_one_and_depend_on_the_picture() -> None:
    look = front_end("look")
    red, blue = (look.read(Record("x", {}, picture(c))) for c in ((255, 0, 0), (0, 0, 255)))
    assert red is not None and blue is not None and red.shape == look.shape
    for one in (red, blue):
        assert np.linalg.norm(one[:EMBEDDING]) == pytest.approx(1, abs=1e-4)
        assert np.linalg.norm(one[EMBEDDING:]) == pytest.approx(1, abs=1e-6)
    assert red[EMBEDDING:] @ blue[EMBEDDING:] == 0
    again = look.read(Record("y", {}, picture((255, 0, 0))))
    assert np.array_equal(red, again)


def test_colours_are_the_roots_of_shares() -> None:
    half = np.zeros((10, 10, 3), np.uint8)
    half[:5] = 255
    assert sorted(colours(half)[colours(half) > 0].tolist()) == pytest.approx([0.5**0.5] * 2)


def test_no_picture_is_none_and_a_broken_one_is_refused() -> None:
    look = front_end("look")
    assert look.read(Record("x", {"text": "a"})) is None
    with pytest.raises(UnreadableRecord):
        look.read(Record("x", {}, b"no picture"))
