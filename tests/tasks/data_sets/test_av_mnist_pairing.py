# SPDX-License-Identifier: Apache-2.0
"""Digits as their makers distribute them: paired by digit, and stably."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile
from small_sets import digits_as_distributed, tone

from polyveil.errors import UsageError
from polyveil.inputs import front_end
from polyveil.tasks.data_sets import LabelledSet
from polyveil.tasks.data_sets.av_mnist import find_av_mnist, read_av_mnist


def read(root: Path) -> LabelledSet:
    return read_av_mnist(*find_av_mnist(root))


@pytest.mark.parametrize("inside", [".", "free-spoken-digit-dataset"])
def test_every_picture_is_paired_with_a_take_of_its_digit_and_part(
    tmp_path: Path, inside: str
) -> None:
    found = read(digits_as_distributed(tmp_path, inside=inside))
    assert len(found) == 52 and sum(found.own_test) == 12
    for record, label, tested in zip(found.records, found.labels, found.own_test, strict=True):
        digit, _, take = Path(str(record.voice)).stem.split("_")
        assert digit == label and (int(take) < 5) == tested
    assert len({record.voice for record in found.records}) > 15  # spread over twenty clips
    split = found.split(validation=0.3, test=None, seed=0)
    units = [{found.units[row] for row in part} for part in (split.train, split.validation)]
    assert len(units[1]) == 3 and not units[0] & units[1]
    ends = {"image": front_end("image", size=28, channels=1), "sound": front_end("voice")}
    assert found.read(ends, np.arange(3)).present.all()


def test_one_picture_more_changes_no_pair_and_one_clip_only_those_it_takes(tmp_path: Path) -> None:
    root = digits_as_distributed(tmp_path)
    before = {record.image: record.voice for record in read(root).records}
    with np.load(root / "mnist.npz") as file:
        arrays = dict(file)
    more = np.full((1, 28, 28), 7, np.uint8)
    arrays["x_train"] = np.concatenate([more, arrays["x_train"]])
    arrays["y_train"] = np.concatenate([[1], arrays["y_train"]])
    np.savez(root / "mnist.npz", **arrays)
    after = {record.image: record.voice for record in read(root).records}
    assert len(after) == 53 and before.items() <= after.items()
    new = root / "recordings" / "0_bob_9.wav"
    soundfile.write(new, tone(300, 0.3, 8000), 8000)
    again = {record.image: record.voice for record in read(root).records}
    moved = [image for image in after if again[image] != after[image]]
    assert {again[image] for image in moved} <= {new} and len(moved) < 12


@pytest.mark.parametrize("content", [b"", b"no sound"])
def test_pairs_of_a_broken_clip_are_refused_one_by_one(tmp_path: Path, content: bytes) -> None:
    root = digits_as_distributed(tmp_path)
    broken = root / "recordings" / "0_ann_7.wav"
    broken.write_bytes(content)
    found = read(root)
    lost = sum(record.voice == broken for record in found.records)
    assert len(found) == 52 and lost
    ends = {"image": front_end("image", size=28, channels=1), "sound": front_end("voice")}
    assert len(found.read(ends).refused) == lost


def test_pairs_are_spread_evenly(tmp_path: Path) -> None:
    root = digits_as_distributed(tmp_path)
    draw = np.random.default_rng(2)
    many = draw.integers(0, 255, (2000, 28, 28), dtype=np.uint8)
    few = {"x_test": many[:10], "y_test": np.zeros(10, np.uint8)}
    np.savez(root / "mnist.npz", x_train=many, y_train=np.zeros(2000, np.uint8), **few)
    counts = Counter(record.voice for record in read(root).records[:2000])
    assert len(counts) == 5 and min(counts.values()) > 340  # 400 each, deviation 18


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    root = digits_as_distributed(tmp_path, clips=5)
    with pytest.raises(UsageError, match="no training take of digit 0"):
        read(root)
    np.savez(root / "mnist.npz", x_train=np.zeros((3, 28, 28), np.uint8), x_test=np.zeros((3, 2)))
    with pytest.raises(UsageError, match="with plain arrays y_train, y_test"):
        read(root)
    for path in (root / "recordings").iterdir():
        path.unlink()
    (root / "recordings").rmdir()
    assert find_av_mnist(root) == ()
