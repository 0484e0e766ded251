# SPDX-License-Identifier: Apache-2.0
"""How a voice sounds, apart from its melody: colour, brightness and noise as 62 numbers. A vector.

The other half of what tells feelings in speech beside `polyveil.inputs.prosody`: cepstral
coefficients, and the shape of the spectrum of vowels, each as mean and spread over time. A voice
that is pressed or shouts has more energy above 1 kHz, a soft or bored one falls off steeply. Pitch
is not looked at.

Numbers are shifted and scaled by where speech lies: medians and standard deviations over 449
stretches of 2.5 s of LibriSpeech, read aloud by 178 people (`training/timbre_figures.py`). Nothing
is learned from a data set that is protected, and nothing from another record of the same person.
The colour of a voice tells who speaks, and the microphone colours it as well: no anonymous view.

| Sound                   | What comes out                           |
|-------------------------|------------------------------------------|
| silence                 | zeros: every figure at its place         |
| shorter than 25 ms      | as if followed by silence                |
| ten times louder        | the same                                 |

Source: Davis & Mermelstein, IEEE TASSP 28(4), 1980 (cepstral coefficients); Eyben et al., The
Geneva Minimalistic Acoustic Parameter Set, IEEE TAC 7(2), 2016 (balances and slopes)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dct

from polyveil.inputs import mel
from polyveil.inputs.voice_figures import VoiceFigures
from polyveil.records.sound import RATE

Floats: TypeAlias = NDArray[np.float64]

MELS, COEFFICIENTS = 26, 12
"""Bands, and cepstral coefficients of them; the one of loudness is left out."""
QUIET, VOWEL = 35.0, 12.0
"""Decibels below the loudest frame: of all energy, behind which a frame is a pause; of the energy
from 50 Hz to 1 kHz, up to which it is a vowel or sounds like one."""
LIMIT = 5.0
"""Figures lie within +- this many spreads."""

_FLOOR = 1e-8
_INAUDIBLE = 1e-10
_LINES = np.arange(mel.POINTS // 2 + 1) * RATE / mel.POINTS

SHAPE = (
    "balance, 50 to 1000 Hz over 1 to 5 kHz, dB",
    "peak below 2 kHz over peak above, dB",
    "slope to 500 Hz, dB a kHz",
    "slope from 500 Hz to 1.5 kHz, dB a kHz",
    "slope from 1.5 to 5 kHz, dB a kHz",
    "centre, octaves from 1 kHz",
    "width, octaves from 1 kHz",
    "a quarter of the energy, octaves from 1 kHz",
    "half of the energy, octaves from 1 kHz",
    "85 % of the energy, octaves from 1 kHz",
    "95 % of the energy, octaves from 1 kHz",
    "entropy, bits",
    "change from frame to frame",
)
"""What is measured of a frame's spectrum, beside cepstral coefficients."""

PLACES: tuple[tuple[float, float], ...] = (
    # coefficients: mean
    (7.81, 3.98), (1.52, 1.86), (2.63, 1.58), (-0.347, 1.46), (-0.315, 1.25), (-0.764, 1.13),
    (-0.257, 0.999), (0.00229, 0.863), (-0.0036, 0.689), (-0.153, 0.748), (-0.103, 0.582),
    (-0.0255, 0.498),
    # spread
    (7.12, 1.75), (3.52, 0.809), (2.95, 0.686), (2.39, 0.61), (2.05, 0.387), (1.78, 0.344),
    (1.55, 0.33), (1.44, 0.266), (1.27, 0.267), (1.15, 0.242), (1.11, 0.254), (0.993, 0.189),
    # step
    (1.08, 0.287), (0.654, 0.133), (0.494, 0.0971), (0.44, 0.097), (0.383, 0.0689),
    (0.338, 0.0573), (0.306, 0.0514), (0.288, 0.0472), (0.26, 0.0439), (0.246, 0.0385),
    (0.228, 0.0378), (0.21, 0.0328),
    # SHAPE: mean
    (14.1, 6.1), (24.4, 7.86), (14.9, 26.8), (-17.3, 7.1), (-5.05, 2.73), (-1.17, 0.707),
    (-1.55, 0.768), (-2.01, 0.747), (-1.51, 0.734), (-0.796, 0.786), (-0.15, 0.832),
    (3.52, 0.643), (0.361, 0.107),
    # spread
    (6.67, 1.87), (7.98, 2.05), (21.7, 6.42), (10.1, 2.65), (3.01, 0.803), (0.54, 0.209),
    (0.706, 0.217), (0.523, 0.306), (0.589, 0.286), (0.739, 0.289), (0.832, 0.256),
    (0.643, 0.175), (0.245, 0.0421),
)  # fmt: skip
"""Where speech lies and how far it spreads, in the order of `NAMES`."""

NAMES = tuple(
    chain(
        (
            f"coefficient {number}: {what}"
            for what in ("mean", "spread", "step")
            for number in range(1, COEFFICIENTS + 1)
        ),
        (f"{name}: {what}" for what in ("mean", "spread") for name in SHAPE),
    )
)
"""Of the figures."""

_TELLING = (0, 1, 2, 3, 12, 13, *range(36, 49))
"""Means of the first coefficients and of the shape, spreads of the first two coefficients."""


@dataclass(frozen=True, slots=True)
class TimbreReader(VoiceFigures):
    """float32 [62], the figures of a record's voice in the order of `NAMES`."""

    count = len(NAMES)
    telling = _TELLING

    def figures(self, samples: NDArray[np.floating]) -> NDArray[np.float32]:
        """See `timbre`."""
        return timbre(samples)


def timbre(samples: NDArray[np.floating]) -> NDArray[np.float32]:
    """Figures of a sound's colour.

    Args:
      samples: (time,), one channel at 16 kHz.

    Returns:
      float32 (62,), in the order of `NAMES`, within [-5, 5].
    """
    found = raw(samples)
    if found is None:
        return np.zeros(len(NAMES), np.float32)
    centre, scale = np.array(PLACES).T
    return np.asarray(np.clip((found - centre) / scale, -LIMIT, LIMIT), dtype=np.float32)


def raw(samples: NDArray[np.floating]) -> Floats | None:
    """The figures in their own units, float64 (62,); None of silence."""
    short = max(0, mel.WINDOW - len(samples))
    power = mel.powers(np.pad(np.asarray(samples, dtype=np.float64), (0, short)))
    if float(power.sum(axis=1).max()) <= _INAUDIBLE:
        return None
    power = np.maximum(power, _FLOOR * float(power.max()))
    level = _decibels(power.sum(axis=1))
    low = _decibels(_band(power, 50, 1000).sum(axis=1))
    heard, vowel = level > level.max() - QUIET, low > low.max() - VOWEL
    cepstra = coefficients(power)
    steps = np.abs(_slopes(cepstra))
    shape = np.stack(list(_shape(power)), axis=1)
    return np.concatenate(
        [
            cepstra[heard].mean(axis=0),
            cepstra[heard].std(axis=0),
            steps[heard].mean(axis=0),
            shape[vowel].mean(axis=0),
            shape[vowel].std(axis=0),
        ]
    )


def coefficients(power: Floats) -> Floats:
    """Cepstral coefficients 1 to 12 of each frame: (frames, lines) -> (frames, 12).

    Args:
      power: spectra as `mel.powers` gives them, all > 0.
    """
    logarithms = np.log(power @ mel.filters(MELS).T)
    found: Floats = dct(logarithms, type=2, norm="ortho", axis=1)[:, 1 : COEFFICIENTS + 1]
    return found


def _slopes(values: Floats) -> Floats:
    """Least-squares slope over five frames; at the ends over what is there, held."""
    ahead = np.pad(values, ((2, 2), (0, 0)), mode="edge")
    return (2 * (ahead[4:] - ahead[:-4]) + ahead[3:-1] - ahead[1:-3]) / 10


def _shape(power: Floats) -> Iterator[Floats]:
    """The figures of `SHAPE`, (frames,) each."""
    total = power.sum(axis=1)
    yield _decibels(_band(power, 50, 1000).sum(axis=1) / _band(power, 1000, 5000).sum(axis=1))
    yield _decibels(_band(power, 0, 2000).max(axis=1) / _band(power, 2000, 5000).max(axis=1))
    for low, high in ((50, 500), (500, 1500), (1500, 5000)):
        hertz = _band(_LINES, low, high) / 1000
        hertz = hertz - hertz.mean()
        yield _decibels(_band(power, low, high)) @ hertz / (hertz @ hertz)
    centre = power @ _LINES / total
    yield _octaves(centre)
    yield _octaves(np.sqrt(np.maximum(power @ _LINES**2 / total - centre**2, 1.0)))
    share = np.cumsum(power, axis=1) / total[:, None]
    for part in (0.25, 0.5, 0.85, 0.95):
        yield _octaves(_LINES[(share < part).sum(axis=1)])
    probability = power / total[:, None]
    yield -(probability * np.log2(probability)).sum(axis=1)
    direction = power / np.linalg.norm(power, axis=1, keepdims=True)
    yield np.linalg.norm(np.diff(direction, axis=0, prepend=direction[:1]), axis=1)


def _band(values: Floats, low: float, high: float) -> Floats:
    """Lines of the spectrum from `low` to below `high` Hz."""
    return values[..., (low <= _LINES) & (high > _LINES)]


def _decibels(ratio: Floats) -> Floats:
    return np.asarray(10 * np.log10(ratio))


def _octaves(hertz: Floats) -> Floats:
    """From 1 kHz; all below 31 Hz, the distance of two lines, counts as that."""
    return np.asarray(np.log2(np.maximum(hertz, _LINES[1]) / 1000))
