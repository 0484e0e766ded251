# SPDX-License-Identifier: Apache-2.0
"""Logarithmic mel spectrogram: how much energy a sound has, by band of hearing and by moment.

Short windows, each tapered, transformed, and summed in triangles that stand at equal distances on
the mel scale, where hearing tells pitches apart. Neither padded nor centred: a frame holds nothing
but sound.

Source: Davis & Mermelstein, IEEE TASSP 28(4), 1980; the scale is O'Shaughnessy's (2595 log10), as
HTK and Kaldi use it.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from polyveil.records.sound import RATE

WINDOW = RATE * 25 // 1000
"""Samples of a frame: 25 ms."""

HOP = RATE * 10 // 1000
"""Samples from frame to frame: 10 ms."""

POINTS = 512
"""Of the Fourier transform: the frame, filled up with zeros."""

LOWEST, HIGHEST = 20.0, 7600.0
"""Where the first triangle begins and the last one ends, Hz."""

_CHUNK = 4096


def energies(samples: NDArray[np.float32], mels: int) -> NDArray[np.float64]:
    """Energy by frame and band, float64 (frames, mels), not negative; no frame for < 25 ms.

    Args:
      samples: float32 (time,) at `records.sound.RATE`.
      mels: number of bands.
    """
    bands = filters(mels)
    return np.concatenate([chunk @ bands.T for chunk in _spectra(samples)])


def powers(samples: NDArray[np.floating]) -> NDArray[np.float64]:
    """Power by frame and line of the spectrum, float64 (frames, POINTS / 2 + 1); as `energies`."""
    return np.concatenate(list(_spectra(samples)))


def _spectra(samples: NDArray[np.floating]) -> Iterator[NDArray[np.float64]]:
    """Power spectra, some thousand frames at a time; first an empty stretch."""
    yield np.zeros((0, POINTS // 2 + 1))
    if len(samples) < WINDOW:
        return
    frames = sliding_window_view(samples, WINDOW)[::HOP]
    taper = np.hanning(WINDOW + 1)[:-1]
    for start in range(0, len(frames), _CHUNK):
        spectrum = np.fft.rfft(frames[start : start + _CHUNK] * taper, POINTS)
        yield spectrum.real**2 + spectrum.imag**2


@cache
def filters(mels: int) -> NDArray[np.float64]:
    """Triangles over the lines of the spectrum, float64 (mels, POINTS / 2 + 1), peak at most 1."""
    lines = np.arange(POINTS // 2 + 1) * RATE / POINTS
    edges = _hertz(np.linspace(_mel(LOWEST), _mel(HIGHEST), mels + 2))
    low, peak, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    rising, falling = (lines - low) / (peak - low), (high - lines) / (high - peak)
    triangles = np.maximum(0.0, np.minimum(rising, falling))
    triangles.setflags(write=False)
    return triangles


def _mel(hertz: float) -> float:
    return float(2595.0 * np.log10(1.0 + hertz / 700.0))


def _hertz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(700.0 * (10.0 ** (mel / 2595.0) - 1.0))
