# SPDX-License-Identifier: Apache-2.0
"""A voice as a picture of its sound: bands of hearing by time, each band standardised.

Silence before and after is cut away, by energy. Every band then has mean 0 and standard deviation 1
over the utterance: how loud somebody spoke, and how the microphone and the line coloured it, goes.
So does the mean colour of the voice itself; what is left is how it moves.

A longer utterance gives its middle, a shorter one is repeated.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from polyveil import _validate
from polyveil.errors import UnreadableRecord
from polyveil.inputs import mel
from polyveil.inputs import part as parts
from polyveil.records import sound
from polyveil.records.record import Record

SILENT = 10.0**-3.5
"""Frames of less than this share of the loudest frame's energy (-35 dB) are silence."""

FLOOR = 1e-8
"""Energies are at least this share of the largest (-80 dB): digital silence has no logarithm."""

LEAST = 10
"""Frames that are not cut away as silence, at least: 0.1 s."""

_LEAST_SPREAD = 1e-3
_INAUDIBLE = 1e-10


@dataclass(frozen=True, slots=True)
class VoiceReader:
    """float32 [1, mels, frames], about standardised; 100 frames a second.

    Attributes:
      seconds: length of what is read, without silence before and after.
      mels: bands.
      part: which part of the recording is read, as shares of its length.
    """

    seconds: float = 2.5
    mels: int = 40
    part: tuple[float, ...] = parts.WHOLE

    def __post_init__(self) -> None:
        _validate.positive(seconds=self.seconds)
        _validate.at_least(LEAST, frames=self.frames)
        _validate.at_least(2, mels=self.mels)
        if self.mels > 80 or self.seconds > 60:
            raise ValueError("expected at most 80 mels and 60 seconds.")
        parts.check(self.part)

    @property
    def frames(self) -> int:
        """Frames that are read."""
        return round(self.seconds * sound.RATE / mel.HOP)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(1, mels, frames)."""
        return 1, self.mels, self.frames

    @property
    def spread(self) -> float:
        """Half the standard deviation of the values."""
        return 0.5

    def read(self, record: Record) -> NDArray[np.float32] | None:
        """The voice of a record; None without one.

        Raises:
          UnreadableRecord: it cannot be decoded safely, or is silent.
        """
        if record.voice is None:
            return None
        samples = sound.decode(record.voice).samples
        frames = standardised(samples[parts.cut(len(samples), self.part)], self.mels)
        return np.ascontiguousarray(fixed(frames, self.frames).T[None], dtype=np.float32)


def standardised(samples: NDArray[np.float32], mels: int) -> NDArray[np.float64]:
    """Logarithmic energies without silence, float64 (frames, mels), each band standardised.

    Raises:
      UnreadableRecord: less than 0.1 s of sound.
    """
    energy = mel.energies(samples, mels)
    total = energy.sum(axis=1)
    loudest = float(total.max(initial=0.0))
    heard = np.flatnonzero(total > max(SILENT * loudest, _INAUDIBLE))
    if not len(heard) or heard[-1] - heard[0] + 1 < LEAST:
        raise UnreadableRecord("voice: silent, or less than 0.1 s; expected somebody who speaks.")
    energy = energy[heard[0] : heard[-1] + 1]
    logarithms = np.log(np.maximum(energy, FLOOR * float(energy.max())))
    centred = logarithms - logarithms.mean(axis=0)
    return np.asarray(centred / np.maximum(centred.std(axis=0), _LEAST_SPREAD))


def fixed(frames: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """Exactly `count` frames: the middle of more, fewer repeated."""
    if len(frames) < count:
        return np.resize(frames, (count, frames.shape[1]))
    start = (len(frames) - count) // 2
    return frames[start : start + count]
