# SPDX-License-Identifier: Apache-2.0
"""Timbre: figures with known answers, librosa's cepstra, deaf to loudness, quiet about silence."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from golden_mel import sounds
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from polyveil.errors import UnreadableRecord, UsageError
from polyveil.inputs import front_end, mel
from polyveil.inputs.timbre import COEFFICIENTS, MELS, NAMES, PLACES, coefficients, raw, timbre
from polyveil.records.record import Record
from polyveil.records.sound import RATE

Samples = NDArray[np.float64]
TIME = np.arange(RATE) / RATE


def buzz(tilt: float, hertz: float = 125.0) -> Samples:
    """Harmonics up to 6 kHz whose amplitude falls by `tilt` dB a kHz."""
    numbers = range(1, int(6000 / hertz) + 1)
    return np.asarray(
        sum(
            10 ** (-tilt * k * hertz / 20_000) * np.sin(2 * np.pi * k * hertz * TIME)
            for k in numbers
        )
        * 0.02
    )


def value(samples: Samples, name: str) -> float:
    """One figure in its own unit."""
    found = raw(samples)
    assert found is not None
    return float(found[NAMES.index(name)])


def test_every_figure_has_a_name_and_a_place() -> None:
    assert len(NAMES) == len(set(NAMES)) == len(PLACES) == 62
    assert all(spread > 0 for _, spread in PLACES)


@pytest.mark.parametrize("tilt", [3.0, 12.0])
def test_measures_the_slope_of_a_spectrum(tilt: float) -> None:
    name = "slope from 1.5 to 5 kHz, dB a kHz: mean"
    # Noise between harmonics is at the floor, so peaks alone would be exact; lines are many.
    assert value(buzz(tilt), name) == pytest.approx(-tilt, abs=1.0)


def test_a_dull_voice_has_its_energy_below() -> None:
    bright, dull = buzz(3.0), buzz(15.0)
    for name in (
        "centre, octaves from 1 kHz: mean",
        "half of the energy, octaves from 1 kHz: mean",
        "85 % of the energy, octaves from 1 kHz: mean",
        "entropy, bits: mean",
    ):
        assert value(bright, name) > value(dull, name)
    for name in (
        "balance, 50 to 1000 Hz over 1 to 5 kHz, dB: mean",
        "peak below 2 kHz over peak above, dB: mean",
    ):
        assert value(bright, name) < value(dull, name)


def test_a_tone_lies_where_it_is_and_does_not_change() -> None:
    tone = 0.1 * np.sin(2 * np.pi * 500 * TIME)
    for name in ("centre", "a quarter of the energy", "half of the energy"):
        assert value(tone, f"{name}, octaves from 1 kHz: mean") == pytest.approx(-1, abs=0.1)
    assert value(tone, "change from frame to frame: mean") == pytest.approx(0, abs=0.02)
    moving = 0.1 * np.sin(2 * np.pi * (300 + 200 * TIME) * TIME)
    assert value(moving, "change from frame to frame: mean") > 0.05


def test_cepstra_are_those_of_librosa() -> None:
    librosa = pytest.importorskip("librosa")
    for samples in sounds().values():
        power = mel.powers(samples) + 1e-9
        theirs = librosa.feature.mfcc(
            S=np.log(mel.filters(MELS) @ power.T), n_mfcc=COEFFICIENTS + 1, dct_type=2, norm="ortho"
        )
        np.testing.assert_allclose(coefficients(power), theirs[1:].T, atol=1e-6)


def test_cepstra_by_hand() -> None:
    """A naive cosine sum in place of the transform."""
    power = mel.powers(sounds()["sweep"])[:3] + 1e-9
    bands = np.log(power @ mel.filters(MELS).T)
    at = np.arange(MELS) + 0.5
    naive = np.stack(
        [bands @ np.cos(np.pi * k * at / MELS) * np.sqrt(2 / MELS) for k in range(1, 13)], axis=1
    )
    np.testing.assert_allclose(coefficients(power), naive, atol=1e-9)


@settings(max_examples=15, deadline=None)
@given(st.floats(1e-2, 10), st.integers(0, 2**31))
def test_loudness_does_not_matter(factor: float, seed: int) -> None:
    draw = np.random.default_rng(seed)
    samples = buzz(6.0) * np.repeat(draw.uniform(0.1, 1, 10), RATE // 10)
    samples = samples + 0.003 * draw.normal(size=RATE)
    np.testing.assert_allclose(timbre(factor * samples), timbre(samples), atol=1e-4)


def test_a_pause_does_not_matter_much() -> None:
    samples = buzz(6.0)
    with_pause = np.concatenate([samples, np.zeros(RATE // 2), samples])
    assert np.abs(timbre(with_pause) - timbre(samples)).mean() < 0.5


@pytest.mark.parametrize("kind", ["silence", "nearly", "noise", "click", "short", "empty", "level"])
def test_what_holds_no_voice(kind: str) -> None:
    samples = {
        "silence": np.zeros(RATE),
        "nearly": np.full(RATE, 1e-9),
        "noise": np.random.default_rng(0).normal(0, 0.1, RATE),
        "click": np.eye(1, RATE, 8000)[0],
        "short": buzz(3.0)[:160],
        "empty": np.zeros(0),
        "level": np.ones(RATE),
    }[kind]
    figures = timbre(samples)
    assert figures.shape == (62,) and figures.dtype == np.float32
    assert np.isfinite(figures).all() and np.abs(figures).max() <= 5
    if kind in ("silence", "nearly", "empty"):
        assert not figures.any()


def test_speech_lies_about_its_place(data: Callable[[str], Path]) -> None:
    """Of the pack that the places were taken from, on whole recordings."""
    folder = data("voice_librispeech") / "dev"
    files = sorted(folder.rglob("*.flac"))[::20]
    figures = np.stack([timbre(soundfile.read(file)[0]) for file in files])
    assert np.abs(np.median(figures, axis=0)).max() < 1.5
    assert 0.3 < figures.std() < 1.7


def test_reading_records() -> None:
    buffer = io.BytesIO()
    soundfile.write(buffer, buzz(6.0), RATE, format="WAV", subtype="PCM_16")
    end = front_end("timbre")
    found = end.read(Record("1", {}, voice=buffer.getvalue()))
    assert found is not None and found.shape == end.shape == (62,)
    assert end.read(Record("2", {})) is None
    with pytest.raises(UnreadableRecord):
        end.read(Record("3", {}, voice=b"no sound at all"))


@pytest.mark.parametrize("kind", ["timbre", "prosody"])
def test_emphasis_makes_some_figures_smaller_and_none_go(kind: str) -> None:
    buffer = io.BytesIO()
    soundfile.write(buffer, buzz(6.0), RATE, format="WAV", subtype="PCM_16")
    record = Record("1", {}, voice=buffer.getvalue())
    even, felt = (front_end(kind, emphasis=one).read(record) for one in ("even", "feeling"))
    assert even is not None and felt is not None and felt.dtype == np.float32
    np.testing.assert_array_equal(even, front_end(kind).read(record))
    shares = felt[even != 0] / even[even != 0]
    assert np.unique(shares.round(4)).tolist() == pytest.approx([0.2, 0.8])
    with pytest.raises(UsageError, match="even or feeling"):
        front_end(kind, emphasis="loud")
