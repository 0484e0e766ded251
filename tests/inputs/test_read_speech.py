# SPDX-License-Identifier: Apache-2.0
"""Prosody told against read speech: what is shortened, what is kept; LibriSpeech agrees."""

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

from polyveil.errors import UsageError
from polyveil.inputs import front_end
from polyveil.inputs.prosody import FEELING_WEIGHTS, FIGURES, prosody
from polyveil.inputs.read_speech import AXES, GAIN, MEAN, unlike
from polyveil.records.record import Record
from polyveil.records.sound import RATE

SHARES = np.array([share for share, _ in AXES])
DIRECTIONS = np.array([axis for _, axis in AXES])


def weighted(bounded: NDArray[np.float64]) -> NDArray[np.float64]:
    """Figures that tanh makes these of."""
    return np.arctanh(bounded)


def test_axes_are_at_right_angles_and_the_widest_comes_first() -> None:
    np.testing.assert_allclose(DIRECTIONS @ DIRECTIONS.T, np.eye(len(AXES)), atol=0.005)
    assert ((SHARES > 0) & (SHARES < 0.3)).all() and (np.diff(SHARES) < 0).all()
    assert len(MEAN) == DIRECTIONS.shape[1] == len(FIGURES)
    # How high a voice is comes first, and all figures of pitch say it.
    assert np.argsort(-np.abs(DIRECTIONS[0]))[:3].tolist() == [6, 0, 3]


def test_read_speech_itself_is_nothing() -> None:
    np.testing.assert_allclose(unlike(weighted(np.array(MEAN))), 0, atol=1e-6)


@given(st.integers(0, 2), st.floats(-0.2, 0.2))
def test_along_an_axis_its_share_is_missing_and_across_nothing(axis: int, step: float) -> None:
    along = unlike(weighted(np.array(MEAN) + step * DIRECTIONS[axis]))
    # Three digits of direction: right angles up to half a hundredth.
    expected = GAIN * (1 - SHARES[axis]) * step * DIRECTIONS[axis]
    np.testing.assert_allclose(along, expected, atol=0.005 * abs(step) + 1e-6)
    across = np.eye(len(MEAN))[18]
    across = across - DIRECTIONS.T @ np.linalg.solve(DIRECTIONS @ DIRECTIONS.T, DIRECTIONS @ across)
    kept = unlike(weighted(np.array(MEAN) + step * across))
    np.testing.assert_allclose(kept, GAIN * step * across, atol=1e-6)


def test_the_reader_weighs_and_then_tells_against_reading() -> None:
    samples = 0.2 * np.sin(np.arange(RATE) * 2 * np.pi * 180 / RATE)
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, RATE, format="WAV", subtype="FLOAT")
    end = front_end("prosody", emphasis="unlike reading")
    found = end.read(Record("1", {}, voice=buffer.getvalue()))
    assert found is not None and found.shape == end.shape == (28,) and found.dtype == np.float32
    expected = unlike(FEELING_WEIGHTS * prosody(samples))
    np.testing.assert_allclose(found, expected, atol=1e-4)
    assert type(end).from_json(end.to_json()) == end


def test_only_prosody_is_told_against_reading() -> None:
    with pytest.raises(UsageError, match="even or feeling, got 'unlike reading'"):
        front_end("timbre", emphasis="unlike reading")


def test_people_who_read_aloud_differ_less_along_the_axes(data: Callable[[str], Path]) -> None:
    files = sorted((data("voice_librispeech") / "dev").rglob("*.flac"))[::4]
    figures = [prosody(soundfile.read(file)[0][:40_000]) for file in files]
    shown = np.stack([unlike(FEELING_WEIGHTS * one) for one in figures])
    before = np.tanh(np.stack(figures) * FEELING_WEIGHTS)
    assert np.abs(shown.mean(axis=0)).max() < 0.3
    ratio = (shown @ DIRECTIONS.T).std(axis=0) / (before @ DIRECTIONS.T).std(axis=0)
    np.testing.assert_allclose(ratio, GAIN * (1 - SHARES), rtol=0.02)
