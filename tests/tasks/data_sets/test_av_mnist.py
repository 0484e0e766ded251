# SPDX-License-Identifier: Apache-2.0
"""AV-MNIST: pairs of digits seen and spoken, their clips apart, the makers' test part as it is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from small_sets import av_mnist

from polyveil.errors import UsageError
from polyveil.inputs import front_end
from polyveil.tasks.data_sets.av_mnist import find_av_mnist, read_av_mnist


@pytest.mark.parametrize("beside", [True, False])
@pytest.mark.parametrize("inside", [".", "av_mnist", "av_mnist/dev"])
def test_sounds_are_found_beside_and_next_to_the_pictures(
    tmp_path: Path, inside: str, beside: bool
) -> None:
    av_mnist(tmp_path, beside=beside)
    root = tmp_path / inside
    found = find_av_mnist(root) or find_av_mnist(root / "dev")
    assert [one.resolve() for one in found] == [
        tmp_path / "av_mnist/dev",
        tmp_path / ("av_mnist/dev" if beside else "voice_fsdd/dev"),
    ]
    assert len(read_av_mnist(*found)) == 60


def test_pairs_come_as_they_were_made(tmp_path: Path) -> None:
    seen, spoken = find_av_mnist(av_mnist(tmp_path))
    found = read_av_mnist(seen, spoken)
    pictures, pairs = np.load(seen / "mnist.npz"), np.load(seen / "pairs.npz")
    rows = np.concatenate([pairs["train"], pairs["test"]])
    assert list(found.labels) == [str(digit) for digit in rows[:, 2]]
    assert sum(found.own_test) == len(pairs["test"]) and not any(found.own_test[:45])
    image = front_end("image", size=28, channels=1)
    for row in (0, 44, 45, 59):
        part = "test" if found.own_test[row] else "train"
        pixels = pictures[f"x_{part}"][rows[row, 0]].astype(np.float32)[None] / 255
        np.testing.assert_array_equal(image.read(found.records[row]), pixels)
    whole, rate = soundfile.read(spoken / "audio_8k.flac", dtype="int16")
    ends = np.load(spoken / "index.npz")["offsets"]
    clip = rows[7, 1]
    wav = tmp_path / "clip.wav"
    wav.write_bytes(found.records[7].voice)  # type: ignore[arg-type]
    samples, of = soundfile.read(wav, dtype="int16")
    assert of == rate
    np.testing.assert_array_equal(samples, whole[ends[clip] : ends[clip + 1]])
    assert any("chimeric" in one for one in found.remarks)


def test_a_split_keeps_clips_whole_and_the_makers_test_part(tmp_path: Path) -> None:
    found = read_av_mnist(*find_av_mnist(av_mnist(tmp_path)))
    held = set()
    for seed in range(6):
        split = found.split(validation=0.2, test=None, seed=seed)
        parts = (split.train, split.validation, split.test)
        assert sorted(np.concatenate(parts).tolist()) == list(range(60))
        assert split.test.tolist() == [row for row in range(60) if found.own_test[row]]
        clips = [{found.units[row] for row in part} for part in parts]
        assert not (clips[0] & clips[1] or clips[0] & clips[2] or clips[1] & clips[2])
        assert len(clips[1]) == 3  # a fifth of fifteen
        held.add(frozenset(clips[1]))
    assert len(held) > 3


def test_a_clip_is_held_out_by_what_it_holds_not_by_its_place(tmp_path: Path) -> None:
    seen, spoken = find_av_mnist(av_mnist(tmp_path))
    before = read_av_mnist(seen, spoken)
    samples, rate = soundfile.read(spoken / "audio_8k.flac")
    ends = np.load(spoken / "index.npz")["offsets"]
    more = samples[:4000] / 2
    soundfile.write(spoken / "audio_8k.flac", np.concatenate([more, samples]), rate)
    np.savez(spoken / "index.npz", offsets=np.concatenate([[0], ends + 4000]))
    pairs = np.load(seen / "pairs.npz")
    moved = {part: pairs[part] + [0, 1, 0] for part in ("train", "test")}
    np.savez(seen / "pairs.npz", **moved)
    assert read_av_mnist(seen, spoken).units == before.units


@pytest.mark.parametrize(
    ("file", "arrays", "message"),
    [
        ("mnist.npz", {"x_train": np.zeros((45, 28, 28))}, "mnist.npz: expected an .npz"),
        (
            "mnist.npz",
            {"x_train": np.zeros((9, 28, 28)), "x_test": np.zeros((9, 28, 28))},
            "x_train as uint8",
        ),
        ("pairs.npz", {"train": np.zeros((3, 2), int), "test": np.zeros((3, 3), int)}, "train as"),
        (
            "pairs.npz",
            {"train": np.full((3, 3), 99), "test": np.zeros((3, 3), int)},
            "not there; expected numbers below 45, 20 and 10",
        ),
        ("index.npz", {"offsets": np.array([0, 5, 5])}, "rising offsets"),
        ("index.npz", {"offsets": np.array([0, 10**9])}, "beyond the end"),
    ],
)
def test_what_does_not_fit_is_refused(
    tmp_path: Path, file: str, arrays: dict[str, np.ndarray], message: str
) -> None:
    found = find_av_mnist(av_mnist(tmp_path, beside=True))
    np.savez(found[0] / file, **arrays)
    with pytest.raises(UsageError, match=message):
        read_av_mnist(*found)


def test_pictures_without_sounds_say_where_sounds_are_looked_for(tmp_path: Path) -> None:
    seen, spoken = find_av_mnist(av_mnist(tmp_path))
    (spoken / "audio_8k.flac").unlink()
    assert find_av_mnist(tmp_path) == (seen,)
    with pytest.raises(UsageError, match=r"index\.npz, the last two beside them or in voice_"):
        read_av_mnist(seen)
    assert find_av_mnist(tmp_path / "voice_fsdd") == ()


def test_the_pack_is_split_as_its_makers_did(data: Callable[[str], Path]) -> None:
    seen, spoken = data("av_mnist") / "dev", data("voice_fsdd") / "dev"
    found = read_av_mnist(seen, spoken)
    takes = np.load(spoken / "index.npz")["take"]
    pairs = np.load(seen / "pairs.npz")
    assert len(found) == 16_400 and sum(found.own_test) == 2_000
    assert takes[pairs["test"][:, 1]].max() < 5 <= takes[pairs["train"][:, 1]].min()
    assert len(set(found.units)) == 2_000
