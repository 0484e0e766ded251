# SPDX-License-Identifier: Apache-2.0
"""A voice: standardised, of one length, deaf to loudness and to silence around it."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from golden_mel import sounds
from numpy.typing import NDArray

from polyveil.errors import UnreadableRecord, UsageError
from polyveil.inputs import front_end
from polyveil.inputs.voice import fixed, logarithms, standardised
from polyveil.records.record import Record

SWEEP = np.concatenate([sounds()["sweep"], sounds()["noise"]])


def record(samples: NDArray[Any], rate: int = 16_000) -> Record:
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate, format="WAV", subtype="FLOAT")
    return Record("metadata.jsonl:1", {}, voice=buffer.getvalue())


def read(samples: NDArray[Any], **options: Any) -> NDArray[np.float32]:
    got = front_end("voice", **options).read(record(samples))
    assert got is not None
    return got


@pytest.mark.parametrize("seconds", [0.5, 1.0, 2.5])
@pytest.mark.parametrize("over", ["bands", "whole"])
def test_shape_type_and_scale(seconds: float, over: str) -> None:
    front = front_end("voice", seconds=seconds, mels=32, over=over)
    got = front.read(record(SWEEP))
    assert got is not None
    assert got.shape == front.shape == (1, 32, round(100 * seconds))
    assert got.dtype == np.float32 and got.flags.c_contiguous and np.isfinite(got).all()
    assert 0.3 < got.std() < 2


def test_a_record_without_a_voice() -> None:
    assert front_end("voice").read(Record("a:1", {"text": "x"}, image=b"x")) is None


def test_a_sequence_is_the_picture_laid_on_its_side() -> None:
    front = front_end("voice", seconds=0.5, mels=32, layout="sequence")
    got = read(SWEEP, seconds=0.5, mels=32, layout="sequence")
    assert got.shape == front.shape == (50, 32) and got.flags.c_contiguous
    np.testing.assert_array_equal(got.T[None], read(SWEEP, seconds=0.5, mels=32))
    with pytest.raises(UsageError, match="picture or sequence"):
        front_end("voice", layout="film")


def test_standardising_by_band_and_as_a_whole() -> None:
    frames = logarithms(SWEEP, 40)
    bands, whole = standardised(frames, 0), standardised(frames, None)
    np.testing.assert_allclose(bands.mean(axis=0), 0, atol=1e-9)
    np.testing.assert_allclose(bands.std(axis=0), 1, atol=1e-9)
    assert (whole.mean(), whole.std()) == (pytest.approx(0), pytest.approx(1))
    assert np.abs(whole.mean(axis=0)).max() > 0.1


@pytest.mark.parametrize("over", ["bands", "whole"])
def test_loudness_does_not_matter(over: str) -> None:
    np.testing.assert_allclose(read(SWEEP, over=over), read(SWEEP * 0.05, over=over), atol=1e-3)


def test_the_line_does_not_matter_by_band() -> None:
    """A microphone that dulls the voice changes little by band, much as a whole."""
    spectrum = np.fft.rfft(SWEEP)
    dull = np.fft.irfft(spectrum / (1 + np.linspace(0, 10, len(spectrum))))
    change = {
        over: np.abs(read(SWEEP, over=over) - read(dull, over=over)).mean()
        for over in ("bands", "whole")
    }
    assert change["bands"] < 0.05
    assert change["whole"] > 5 * change["bands"]


def test_silence_around_it_does_not_matter() -> None:
    quiet = np.zeros(160 * 30, np.float32)
    inside = read(SWEEP, seconds=0.5)
    around = read(np.concatenate([quiet, SWEEP, quiet]), seconds=0.5)
    # The frames that lie half in the silence are new, and a few of many.
    assert np.abs(around - inside).mean() < 0.1


def test_pauses_within_stay() -> None:
    pause = np.zeros(160 * 50, np.float32)
    frames = logarithms(np.concatenate([SWEEP, pause, SWEEP]), 40)
    assert len(frames) == pytest.approx(2 * len(logarithms(SWEEP, 40)) + 50, abs=4)


def test_longer_gives_its_middle_shorter_is_repeated() -> None:
    frames = np.arange(10.0)[:, None]
    assert fixed(frames, 4)[:, 0].tolist() == [3, 4, 5, 6]
    assert fixed(frames[:3], 7)[:, 0].tolist() == [0, 1, 2, 0, 1, 2, 0]
    assert fixed(frames, 10)[:, 0].tolist() == list(range(10))


def test_halves_share_no_sample() -> None:
    first, second = sounds()["sweep"], sounds()["noise"]
    both = np.concatenate([first, second])
    options = {"seconds": 0.4}
    halves = [read(both, part=part, **options) for part in ((0.0, 0.5), (0.5, 1.0))]
    np.testing.assert_array_equal(halves[0], read(first, **options))
    np.testing.assert_array_equal(halves[1], read(second, **options))


@pytest.mark.parametrize(
    "samples", [np.zeros(16_000), np.full(16_000, 1e-9), np.ones(300), np.ones(1000)]
)
def test_nobody_speaks(samples: NDArray[Any]) -> None:
    with pytest.raises(UnreadableRecord, match=r"voice: silent, or less than 0\.1 s"):
        read(samples)


@pytest.mark.parametrize(
    "options",
    [
        {"seconds": 0.0}, {"seconds": 0.05}, {"seconds": float("nan")}, {"seconds": 99},
        {"seconds": "2"}, {"mels": 1}, {"mels": 400}, {"mels": 40.0}, {"mels": True},
        {"part": (0.5, 0.5)}, {"part": (-0.1, 1)}, {"part": (0, 1.5)}, {"part": (0, 0.5, 1)},
        {"part": 0.5}, {"part": (0, float("nan"))}, {"over": "time"}, {"rate": 8000},
    ],
)  # fmt: skip
def test_options_are_checked(options: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="voice: "):
        front_end("voice", **options)


def test_real_voices_are_nearer_to_themselves(data: Callable[[str], Path]) -> None:
    """Means of band energies of two halves: most speakers' nearest half is their own."""
    folder = data("voice_librispeech") / "dev"
    with (folder / "labels.csv").open(encoding="utf-8") as file:
        rows = [row["file"] for row in csv.DictReader(file) if "clean" in row["subset"]][:12]
    ends = ((0.0, 0.5), (0.5, 1.0))
    fronts = [front_end("voice", over="whole", part=part) for part in ends]
    means = [
        np.stack([_mean(front.read(Record("a:1", {}, voice=folder / row))) for row in rows])
        for front in fronts
    ]
    nearest = np.linalg.norm(means[0][:, None] - means[1][None], axis=2).argmin(axis=1)
    assert (nearest == np.arange(12)).mean() > 0.5


def _mean(read_voice: NDArray[np.float32] | None) -> NDArray[np.float32]:
    assert read_voice is not None
    return np.asarray(read_voice[0].mean(axis=1))
