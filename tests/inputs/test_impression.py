# SPDX-License-Identifier: Apache-2.0
"""First impressions: colours folded, faces counted, and nothing of another picture."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from polyveil.errors import UnreadableRecord
from polyveil.inputs import front_end
from polyveil.inputs.impression import EXPRESSIONS, NAMES, impression
from polyveil.records.record import Record

COLOURS = 16


def coded(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def test_one_colour_is_one_hue_one_saturation_one_value() -> None:
    red = np.zeros((30, 40, 3), np.uint8)
    red[..., 0] = 255
    found = impression(red)
    assert found.shape == (len(NAMES),) == (24,) and found.dtype == np.float32
    shown = {name for name, value in zip(NAMES, found, strict=True) if value > 0}
    assert shown == {"hue 0", "saturation 3", "value 3"}
    assert found.max() == pytest.approx(1 - 8**-0.5) and not found[COLOURS:].any()


def test_edges_of_the_histogram_each_hold_all_pixels() -> None:
    draw = np.random.default_rng(0)
    found = impression(draw.integers(0, 256, (60, 50, 3), dtype=np.uint8))
    for start, end in ((0, 8), (8, 12), (12, 16)):
        shares = (found[start:end] + (end - start) ** -0.5) ** 2
        assert shares.sum() == pytest.approx(1, abs=1e-5)


def test_size_hardly_matters_and_grey_is_read() -> None:
    end = front_end("impression")
    draw = np.random.default_rng(0)
    small = cv2.resize(draw.integers(0, 256, (6, 8, 3), dtype=np.uint8), (120, 90))
    large = cv2.resize(small, (480, 360), interpolation=cv2.INTER_NEAREST)
    np.testing.assert_allclose(impression(small), impression(large), atol=0.02)
    grey = end.read(Record("1", {}, coded(small[..., 0])))
    assert grey is not None and grey.shape == end.shape
    assert grey[NAMES.index("saturation 0")] == 0.5


def test_faces_are_counted_and_looked_at(data: Callable[[str], Path]) -> None:
    file = sorted((data("faces_lfw") / "dev").rglob("*.jpg"))[0]
    rgb = cv2.cvtColor(cv2.imread(str(file)), cv2.COLOR_BGR2RGB)
    figures = dict(zip(NAMES, impression(rgb).tolist(), strict=True))
    assert figures["a face"] == 0.5 and figures["faces, by three"] >= 0.16
    assert 0.1 < figures["side of the largest face, of the picture's"] < 0.5
    assert sum(figures[one] for one in EXPRESSIONS) == pytest.approx(0.5, abs=1e-4)
    two = dict(zip(NAMES, impression(np.concatenate([rgb, rgb], axis=1)).tolist(), strict=True))
    assert two["faces, by three"] > figures["faces, by three"]


def test_no_picture_is_none_and_a_broken_one_is_refused() -> None:
    end = front_end("impression")
    assert end.read(Record("x", {"text": "a"})) is None
    with pytest.raises(UnreadableRecord):
        end.read(Record("x", {}, b"no picture"))
