# SPDX-License-Identifier: Apache-2.0
"""Prosody: pitch where it was put, agreement with Praat, and sounds that hold no voice."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from polyveil.errors import UnreadableRecord
from polyveil.inputs import front_end
from polyveil.inputs.prosody import FIGURES, FRAME, HOP, frames_of, pitch_track, prosody
from polyveil.records.record import Record
from polyveil.records.sound import RATE

Samples = NDArray[np.float64]
NAMES = [name for name, _, _ in FIGURES]


def voice(hertz: Samples | float, seconds: float = 1.0) -> Samples:
    """A buzz of ten falling harmonics."""
    time = np.arange(int(seconds * RATE)) / RATE
    phase = 2 * np.pi * np.cumsum(np.broadcast_to(hertz, time.shape)) / RATE
    return np.asarray(sum(np.sin(k * phase) / k for k in range(1, 11)) * 0.2)


def value(samples: Samples, name: str) -> float:
    """One figure in its own unit."""
    at = NAMES.index(name)
    _, centre, scale = FIGURES[at]
    return float(prosody(samples)[at]) * scale + centre


@given(st.floats(75, 450))
def test_finds_the_pitch_of_a_buzz(hertz: float) -> None:
    found = pitch_track(frames_of(voice(hertz, 0.3))).hertz
    assert np.isnan(found).mean() < 0.1
    np.testing.assert_allclose(found[~np.isnan(found)], hertz, rtol=0.01)


def test_follows_a_rising_pitch() -> None:
    rising = 120 * 2 ** np.linspace(0, 1, 2 * RATE)
    samples = voice(rising, 2.0)
    assert value(samples, "pitch slope, octaves a second") == pytest.approx(0.5, abs=0.03)
    assert value(samples, "pitch mean, octaves from 160 Hz") == pytest.approx(0.085, abs=0.03)
    assert value(samples, "pitch at the end less the mean, octaves") > 0.4


def test_a_voice_under_noise_is_still_heard() -> None:
    draw = np.random.default_rng(0)
    noisy = voice(180.0) + 0.05 * draw.normal(size=RATE)
    found = pitch_track(frames_of(noisy)).hertz
    assert np.nanmedian(found) == pytest.approx(180, rel=0.02)


@pytest.mark.parametrize("kind", ["silence", "noise", "click", "short", "empty"])
def test_what_holds_no_voice(kind: str) -> None:
    draw = np.random.default_rng(0)
    samples = {
        "silence": np.zeros(RATE),
        "noise": draw.normal(0, 0.1, RATE),
        "click": np.eye(1, RATE, 8000)[0],
        "short": voice(150.0, 0.01),
        "empty": np.zeros(0),
    }[kind]
    figures = prosody(samples)
    assert figures.shape == (28,) and figures.dtype == np.float32
    assert np.isfinite(figures).all() and np.abs(figures).max() <= 10
    assert value(samples, "voiced share") < 0.1
    if kind == "silence":
        assert value(samples, "syllables a second") == 0


def test_loudness_changes_the_level_alone() -> None:
    samples = np.concatenate([voice(150.0, 0.5), 0.01 * voice(150.0, 0.3), voice(210.0, 0.6)])
    loud, soft = prosody(samples), prosody(0.1 * samples)
    level = NAMES.index("level, dB")
    others = np.arange(28) != level
    np.testing.assert_allclose(loud[others], soft[others], atol=0.02)
    assert (loud[level] - soft[level]) * FIGURES[level][2] == pytest.approx(20, abs=0.1)


def test_counts_syllables_and_pauses() -> None:
    """Five bursts of voice, 100 ms of silence between them."""
    burst = voice(140.0, 0.15) * np.hanning(int(0.15 * RATE))
    silence = np.zeros(int(0.1 * RATE))
    samples = np.concatenate([np.concatenate([burst, silence])] * 5)
    assert value(samples, "syllables a second") == pytest.approx(5 / 1.2, rel=0.15)
    assert value(samples, "pauses a second") == pytest.approx(4 / 1.2, rel=0.2)
    assert value(samples, "voiced stretches a second") == pytest.approx(4, rel=0.2)


def test_women_speak_higher_than_men(data: Callable[[str], Path]) -> None:
    """Actors 03 (man) and 08 (woman) of EMO-DB, neutral."""
    folder = data("voice_emodb") / "dev"
    median = {}
    for actor in ("03", "08"):
        files = sorted(folder.glob(f"{actor}???N?.flac"))[:4]
        tracks = [pitch_track(frames_of(soundfile.read(file)[0])).hertz for file in files]
        median[actor] = float(np.nanmedian(np.concatenate(tracks)))
    assert 85 < median["03"] < 150 < median["08"] < 260


def test_agrees_with_praat(data: Callable[[str], Path]) -> None:
    """Pitch more than a fifth off in few frames only, on acted emotions, screams among them."""
    praat = pytest.importorskip("parselmouth")
    wrong, unlike = [], []
    for file in sorted((data("voice_emodb") / "dev").glob("*.flac"))[::30]:
        samples = soundfile.read(file)[0]
        ours = pitch_track(frames_of(samples)).hertz
        track = praat.Sound(samples, RATE).to_pitch_ac(
            time_step=0.01, pitch_floor=65, pitch_ceiling=500
        )
        middle = (np.arange(len(ours)) * HOP + FRAME / 2) / RATE
        theirs = np.array([track.get_value_at_time(at) for at in middle])
        both = ~np.isnan(ours) & ~np.isnan(theirs)
        wrong.append(float((np.abs(ours[both] / theirs[both] - 1) > 0.2).mean()))
        unlike.append(float((np.isnan(ours) != np.isnan(theirs)).mean()))
    assert np.mean(wrong) < 0.03 and np.mean(unlike) < 0.1


def test_reading_records() -> None:
    buffer = io.BytesIO()
    soundfile.write(buffer, voice(150.0), RATE, format="WAV", subtype="PCM_16")
    end = front_end("prosody")
    found = end.read(Record("1", {}, voice=buffer.getvalue()))
    assert found is not None and found.shape == end.shape == (28,)
    assert end.read(Record("2", {})) is None
    with pytest.raises(UnreadableRecord):
        end.read(Record("3", {}, voice=b"no sound at all"))
