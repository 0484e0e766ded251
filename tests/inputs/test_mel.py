# SPDX-License-Identifier: Apache-2.0
"""The spectrogram against librosa's numbers, and what a spectrogram must be."""

from __future__ import annotations

import json

import numpy as np
import pytest
from golden_mel import PLACE, sounds

from polyveil.inputs import mel

GOLDEN = json.loads(PLACE.read_text("utf-8"))


@pytest.mark.parametrize("mels", [40, 64])
@pytest.mark.parametrize("name", ["noise", "sweep"])
def test_agrees_with_librosa(name: str, mels: int) -> None:
    expected = np.array(GOLDEN[f"{name}-{mels}"])
    got = mel.energies(sounds()[name], mels)[: len(expected)]
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-9 * expected.max())


def test_filters_agree_with_librosa() -> None:
    librosa = pytest.importorskip("librosa")
    expected = librosa.filters.mel(
        sr=16_000, n_fft=512, n_mels=40, fmin=20.0, fmax=7600.0, htk=True, norm=None, dtype=float
    )
    np.testing.assert_allclose(mel.filters(40), expected, atol=1e-12)


def test_every_band_hears_something_and_none_but_its_own() -> None:
    bands = mel.filters(40)
    assert (bands.max(axis=1) > 0.5).all() and bands.max() <= 1
    for hertz in (200, 1000, 5000):
        time = np.arange(8000) / 16_000
        tone = np.sin(2 * np.pi * hertz * time).astype(np.float32)
        loudest = int(mel.energies(tone, 40).sum(axis=0).argmax())
        assert bands[loudest].argmax() * 16_000 / 512 == pytest.approx(hertz, rel=0.15)


def test_frames_are_counted_without_padding() -> None:
    for length, frames in ((0, 0), (399, 0), (400, 1), (559, 1), (560, 2), (16_000, 98)):
        assert mel.energies(np.ones(length, np.float32), 40).shape == (frames, 40)


def test_chunks_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = mel.energies(sounds()["noise"], 40)
    monkeypatch.setattr(mel, "_CHUNK", 7)
    np.testing.assert_allclose(mel.energies(sounds()["noise"], 40), whole, rtol=1e-12)
