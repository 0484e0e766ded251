# SPDX-License-Identifier: Apache-2.0
"""What every front end promises, and what it refuses to be made of."""

from __future__ import annotations

import io
import json
from typing import Any

import numpy as np
import pytest
import soundfile
from PIL import Image

from polyveil.errors import UnreadableRecord, UsageError
from polyveil.inputs import KINDS, FrontEnd, front_end
from polyveil.records.record import Record

FRONTS = [
    front_end("image"),
    front_end("image", size=20, channels=1),
    front_end("face", size=64),
    front_end("voice", seconds=0.5, mels=24, part=(0, 0.5)),
    front_end("behaviour", steps=32, keys="rows"),
    front_end("timbre", emphasis="feeling"),
    front_end("impression"),
]
ids = pytest.mark.parametrize("front", FRONTS, ids=lambda front: front.kind)


def whole_record() -> Record:
    noise = np.random.default_rng(0).normal(0, 0.1, 16_000)
    sound, picture = io.BytesIO(), io.BytesIO()
    soundfile.write(sound, noise, 16_000, format="FLAC")
    Image.effect_noise((40, 30), 80).convert("RGB").save(picture, "PNG")
    return Record(
        "metadata.jsonl:1",
        {},
        image=picture.getvalue(),
        voice=sound.getvalue(),
        behaviour=[[80.0, 0.0, 65.0], [95.0, 120.0, 66.0]],
    )


@ids
def test_reads_its_shape_the_same_every_time(front: FrontEnd) -> None:
    record = whole_record()
    if front.kind == "face":
        with pytest.raises(UnreadableRecord, match="no face found"):
            front.read(record)
        return
    first, second = front.read(record), front.read(record)
    assert first is not None and second is not None
    assert (first.shape, first.dtype) == (front.shape, np.float32)
    assert np.isfinite(first).all() and first.flags.writeable
    np.testing.assert_array_equal(first, second)
    assert front.spread > 0


@ids
def test_a_record_without_the_modality_gives_none(front: FrontEnd) -> None:
    assert front.read(Record("a:1", {"text": "x"})) is None


@ids
def test_what_is_broken_is_refused_without_its_content(front: FrontEnd) -> None:
    broken = b"Maria Keller" * 10
    with pytest.raises(UnreadableRecord) as caught:
        front.read(Record("a:1", {}, image=broken, voice=broken, behaviour=broken))
    assert "Maria" not in str(caught.value)


@ids
def test_it_travels_as_json_and_is_hashable(front: FrontEnd) -> None:
    text = json.dumps(front.to_json(), sort_keys=True)
    again = FrontEnd.from_json(json.loads(text))
    assert again == front
    assert {again: 1}[front] == 1
    assert json.dumps(again.to_json(), sort_keys=True) == text


def test_other_options_make_another_front_end() -> None:
    fronts = {front_end(kind) for kind in ("face", "image", "voice", "behaviour")} | set(FRONTS)
    assert len(fronts) == 4 + len(FRONTS) - 1  # image by its defaults is among both


GOOD = front_end("image").to_json()


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        {},
        {**GOOD, "schema": "polyveil.front_end/0"},
        {**GOOD, "more": 1},
        {**GOOD, "options": None},
        {**GOOD, "options": {"size": 32, "colour": 1}},
        {**GOOD, "kind": "smell"},
        {**GOOD, "kind": ["image"]},
        {**GOOD, "options": {"size": 0}},
        {**GOOD, "options": {"size": "32"}},
        {**GOOD, "options": {"size": True}},
        {**GOOD, "options": {"channels": 2}},
    ],
)
def test_foreign_json_is_a_usage_error(value: Any) -> None:
    with pytest.raises(UsageError):
        FrontEnd.from_json(value)


def test_the_kinds_are_named_when_one_is_unknown() -> None:
    with pytest.raises(UsageError, match="face, image, voice, behaviour"):
        front_end("faces")
    assert {"face", "image", "voice", "behaviour"} <= set(KINDS)


def test_whole_pictures_keep_their_values() -> None:
    buffer = io.BytesIO()
    pixels = np.zeros((6, 8, 3), np.uint8)
    pixels[:, 4:] = (255, 0, 51)
    Image.fromarray(pixels).save(buffer, "PNG")
    record = Record("a:1", {}, image=buffer.getvalue())
    got = front_end("image", size=4).read(record)
    assert got is not None
    np.testing.assert_allclose(got[:, 0, 3], [1, 0, 0.2], atol=1e-6)
    np.testing.assert_allclose(got[:, 0, 0], 0)
    grey = front_end("image", size=4, channels=1).read(record)
    assert grey is not None and grey[0, 0, 3] == pytest.approx(0.299 + 0.114 * 0.2, abs=0.003)
    Image.fromarray(pixels[:, :, 0]).save(buffer := io.BytesIO(), "PNG")
    spread = front_end("image", size=4).read(Record("a:1", {}, image=buffer.getvalue()))
    assert spread is not None and (spread[0] == spread[2]).all()
