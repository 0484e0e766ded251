# SPDX-License-Identifier: Apache-2.0
"""How something is said, without what is said: pitch, energy and rate of a voice as 28 numbers.

A second view of the same sound beside its spectrogram. Pitch is the strongest peak of the
short-time autocorrelation, divided by that of the window, with a small premium on the higher octave
(Boersma). Numbers are shifted and scaled by constants that say where speech lies, never by what a
data set holds, so that nothing is learned here. Mean pitch tells women from men: prosody is no
anonymous view of anybody.

| Sound                     | What comes out                                         |
|---------------------------|--------------------------------------------------------|
| silence, noise, no voice  | pitch figures 0, their place in speech; voiced share 0 |
| shorter than 50 ms        | as if followed by silence                              |
| ten times louder          | only `level` differs                                   |

Source: Boersma, Accurate short-term analysis of the fundamental frequency, IFA Proceedings 17
(1993); de Jong & Wempe, Behavior Research Methods 41 (2009), syllables as peaks of energy
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.signal import find_peaks, medfilt

from polyveil.inputs import read_speech
from polyveil.inputs.voice_figures import EVEN, FEELING, VoiceFigures, weights
from polyveil.records.sound import RATE

Floats: TypeAlias = NDArray[np.float64]

FRAME, HOP = 800, 160
"""50 ms every 10 ms at 16 kHz: three periods of the lowest pitch."""
LOWEST, HIGHEST = 65.0, 500.0
"""Pitch of speech, Hz."""
VOICED = 0.45
"""Least height of the peak, 1 for a perfectly periodic sound."""
FINER = 4
"""Lags between two samples, by band-limited interpolation."""
QUIET = 35.0
"""Decibels below the loudest frame from which on a frame counts as pause."""

_OCTAVE_PREMIUM = 0.01
_CENTRE = 160.0  # Hz, between women and men
_SPLIT = 1000.0  # Hz, between the bands whose balance is the tilt

FIGURES: tuple[tuple[str, float, float], ...] = (
    ("pitch mean, octaves from 160 Hz", 0.0, 0.5),
    ("pitch spread, octaves", 0.3, 0.2),
    ("pitch, lowest twentieth", -0.3, 0.5),
    ("pitch, quarter", -0.1, 0.5),
    ("pitch, median", 0.0, 0.5),
    ("pitch, three quarters", 0.15, 0.5),
    ("pitch, highest twentieth", 0.4, 0.5),
    ("pitch slope, octaves a second", -0.1, 0.3),
    ("pitch step, octaves a frame", 0.04, 0.03),
    ("pitch step spread", 0.1, 0.1),
    ("pitch at the end less the mean, octaves", -0.1, 0.3),
    ("periodicity mean", 0.75, 0.15),
    ("periodicity spread", 0.12, 0.06),
    ("voiced share", 0.5, 0.2),
    ("voiced stretches a second", 2.5, 1.5),
    ("length of a voiced stretch, s", 0.2, 0.15),
    ("level, dB", -25.0, 10.0),
    ("energy mean below the loudest, dB", -12.0, 5.0),
    ("energy spread, dB", 8.0, 3.0),
    ("energy, lowest tenth", -25.0, 8.0),
    ("energy, highest tenth", -3.0, 2.0),
    ("energy step, dB a frame", 1.5, 0.7),
    ("energy slope, dB a second", -2.0, 5.0),
    ("pause share", 0.15, 0.15),
    ("pauses a second", 0.7, 0.7),
    ("syllables a second", 4.5, 1.5),
    ("tilt mean, dB", 10.0, 8.0),
    ("tilt spread, dB", 10.0, 4.0),
)
"""Name, where speech lies, and how far it spreads, in the unit of the name."""

_TELLING = (0, 1, 3, 6, 8, 11, 13, 14, 17, 18, 21, 23, 25, 26)
FEELING_WEIGHTS = weights(len(FIGURES), _TELLING)
"""Of the figures where feelings are to be told."""
UNLIKE_READING = "unlike reading"
"""Emphasis: as "feeling", told against how people read aloud, see `polyveil.inputs.read_speech`."""


@dataclass(frozen=True, slots=True)
class Pitch:
    """The pitch track of a sound, a value every 10 ms.

    Attributes:
      hertz: fundamental frequency; NaN where there is no voice.
      periodicity: height of the autocorrelation's peak, in [0, 1].
    """

    hertz: Floats
    periodicity: Floats


@dataclass(frozen=True, slots=True)
class ProsodyReader(VoiceFigures):
    """float32 [28], the figures of a record's voice in the order of `FIGURES`."""

    count = len(FIGURES)
    telling = _TELLING
    emphases = (EVEN, FEELING, UNLIKE_READING)

    def figures(self, samples: NDArray[np.floating]) -> NDArray[np.float32]:
        """See `prosody`."""
        return prosody(samples)

    def emphasised(self, figures: NDArray[np.float32]) -> NDArray[np.float32]:
        """Figures as they are shown, float32 [28]."""
        if self.emphasis == UNLIKE_READING:
            return read_speech.unlike(figures * FEELING_WEIGHTS)
        return VoiceFigures.emphasised(self, figures)


def prosody(samples: NDArray[np.floating]) -> NDArray[np.float32]:
    """Prosodic figures of a sound.

    Args:
      samples: (time,), one channel at 16 kHz.

    Returns:
      float32 (28,), in the order of `FIGURES`, within [-10, 10].
    """
    frames = frames_of(np.asarray(samples, dtype=np.float64))
    found = pitch_track(frames)
    raw = [*_of_pitch(found), *_of_energy(frames, found), *_tilt(frames)]
    scaled = [
        0.0 if np.isnan(value) else (value - centre) / scale
        for value, (_, centre, scale) in zip(raw, FIGURES, strict=True)
    ]
    return np.clip(scaled, -10.0, 10.0).astype(np.float32)


def pitch_track(frames: Floats) -> Pitch:
    """Pitch of each frame of 50 ms, one every 10 ms.

    Args:
      frames: (n, 800) samples at 16 kHz; `frames_of` cuts them.
    """
    window = np.hanning(FRAME)
    spoken = (frames - frames.mean(axis=1, keepdims=True)) * window
    total, shape = _autocorrelation(spoken), _autocorrelation(window)
    rate = FINER * RATE
    lags = np.arange(int(rate / HIGHEST) - 1, int(rate / LOWEST) + 3)
    height = total[:, lags] / np.maximum(total[:, :1], 1e-12) / (shape[lags] / shape[0])
    inner = height[:, 1:-1]
    peaks = (inner >= height[:, :-2]) & (inner > height[:, 2:])
    score = np.where(peaks, inner - _OCTAVE_PREMIUM * np.log2(lags[1:-1] * LOWEST / rate), -1.0)
    best = score.argmax(axis=1)
    row = np.arange(len(frames))
    left, top, right = (height[row, best + shift] for shift in (0, 1, 2))
    bend = left - 2 * top + right
    offset = np.where(bend < 0, 0.5 * (left - right) / np.minimum(bend, -1e-12), 0.0)
    hertz = rate / (lags[best + 1] + offset)
    level = _level(frames)
    voiced = (score[row, best] > 0) & (top > VOICED) & (level > level.max() - QUIET)
    return Pitch(_steadied(np.where(voiced, hertz, np.nan)), np.clip(top, 0.0, 1.0))


def _autocorrelation(values: Floats) -> Floats:
    """At every quarter of a sample: between samples, the peak of a high voice would be missed."""
    size = 2 * FRAME
    power = np.abs(np.fft.rfft(values, size)) ** 2
    found: Floats = np.fft.irfft(power, FINER * size)
    return found[..., : FINER * FRAME]


def _steadied(hertz: Floats) -> Floats:
    """Stretches shorter than 30 ms are no voice; a jump by an octave for a frame or two is none."""
    steady = np.full_like(hertz, np.nan)
    for start, end in _stretches(~np.isnan(hertz)):
        if end - start >= 3:
            part = np.pad(hertz[start:end], 2, mode="edge")
            steady[start:end] = medfilt(part, 5)[2:-2]
    return steady


def _of_pitch(found: Pitch) -> list[float]:
    voiced = ~np.isnan(found.hertz)
    stretches = _stretches(voiced)
    seconds = len(voiced) * HOP / RATE
    shares = [float(voiced.mean()), len(stretches) / seconds]
    if not stretches:
        return [np.nan] * 13 + shares + [np.nan]
    octaves = np.log2(found.hertz / _CENTRE)
    inside = octaves[voiced]
    steps = np.concatenate([np.diff(octaves[start:end]) for start, end in stretches])
    clear = found.periodicity[voiced]
    quantiles = np.quantile(inside, [0.05, 0.25, 0.5, 0.75, 0.95])
    return [
        float(inside.mean()),
        float(inside.std()),
        *(float(one) for one in quantiles),
        _slope(np.flatnonzero(voiced), inside),
        float(np.abs(steps).mean()),
        float(steps.std()),
        float(inside[-10:].mean() - inside.mean()),
        float(clear.mean()),
        float(clear.std()),
        *shares,
        len(inside) / len(stretches) * HOP / RATE,
    ]


def _of_energy(frames: Floats, found: Pitch) -> list[float]:
    level = _level(frames)
    below = np.maximum(level - level.max(), -60.0)
    spoken = below > -QUIET
    at = np.flatnonzero(spoken)
    inner = spoken[at[0] : at[-1] + 1]
    seconds = len(inner) * HOP / RATE
    smooth = np.convolve(np.pad(below, 3, mode="edge"), np.full(7, 1 / 7), mode="valid")
    tops, _ = find_peaks(smooth, prominence=2.0, distance=8)
    syllables = int((~np.isnan(found.hertz[tops]) & spoken[tops]).sum())
    loud = below[spoken]
    return [
        float(level[spoken].mean()) if level.max() > -99 else np.nan,
        float(loud.mean()),
        float(loud.std()),
        float(np.quantile(loud, 0.1)),
        float(np.quantile(loud, 0.9)),
        float(np.abs(np.diff(below)).mean()) if len(below) > 1 else np.nan,
        _slope(at, loud),
        float(1 - inner.mean()),
        len(_stretches(~inner)) / seconds,
        syllables / seconds,
    ]


def _tilt(frames: Floats) -> list[float]:
    """Energy below 1 kHz over that above, in dB: a pressed voice has more above."""
    power = np.abs(np.fft.rfft(frames * np.hanning(FRAME))) ** 2
    cut = int(_SPLIT * FRAME / RATE)
    low, high = power[:, 1:cut].sum(axis=1), power[:, cut:].sum(axis=1)
    level = _level(frames)
    chosen = (level > level.max() - QUIET) & (low + high > 1e-12)
    if not chosen.any():
        return [np.nan, np.nan]
    balance = 10 * np.log10((low[chosen] + 1e-12) / (high[chosen] + 1e-12))
    return [float(balance.mean()), float(balance.std())]


def _level(frames: Floats) -> Floats:
    """Decibels of each frame, 0 for the loudest sound that fits; -100 for silence."""
    return np.asarray(10 * np.log10((frames**2).mean(axis=1) + 1e-10))


def frames_of(samples: Floats) -> Floats:
    """(n, 800): stretches of 50 ms every 10 ms; what is shorter is followed by silence."""
    short = max(0, FRAME - len(samples))
    padded = np.pad(samples, (0, short))
    return np.asarray(np.lib.stride_tricks.sliding_window_view(padded, FRAME)[::HOP])


def _slope(at: NDArray[np.intp], values: Floats) -> float:
    """Least-squares slope a second; NaN for fewer than three frames."""
    if len(at) < 3:
        return float("nan")
    time = at * HOP / RATE
    time = time - time.mean()
    return float((time @ values) / (time @ time))


def _stretches(chosen: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """(start, end) of each run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], chosen, [False]]).astype(np.int8)))
    return [(int(start), int(end)) for start, end in edges.reshape(-1, 2)]
