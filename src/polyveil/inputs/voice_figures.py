# SPDX-License-Identifier: Apache-2.0
"""Figures of a voice as a vector, all of one weight or those more that feelings are told by.

Within a budget every record's gradient is clipped and noised as a whole, so figures that say little
cost as much as those that say much. A smaller figure takes a smaller share, and whoever trains
without a budget can still make up for it. Which figures tell feelings is taken from the literature
on speech, not from a data set; how much less the others weigh was chosen on validation actors of
EMO-DB, between values that were tried.

Source: Eyben et al., The Geneva Minimalistic Acoustic Parameter Set (GeMAPS) for Voice Research and
Affective Computing, IEEE TAC 7(2), 2016
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from polyveil.records import sound
from polyveil.records.record import Record

EVEN, FEELING = "even", "feeling"
MORE, LESS = 0.8, 0.2
"""Weights of figures that tell feelings, and of the others."""


@dataclass(frozen=True, slots=True)
class VoiceFigures(ABC):
    """float32 [figures] of a record's voice, each shifted and scaled by where speech lies.

    Attributes:
      emphasis: "even", or "feeling" for less weight on what tells feelings less; or another that a
        kind of figures has.
      count: how many figures there are.
      telling: places of those that feelings are told by.
      emphases: what there is of them.
    """

    emphasis: str = EVEN
    count: ClassVar[int]
    telling: ClassVar[Collection[int]]
    emphases: ClassVar[tuple[str, ...]] = (EVEN, FEELING)

    def __post_init__(self) -> None:
        if self.emphasis not in self.emphases:
            raise ValueError(
                f"expected emphasis as {' or '.join(self.emphases)}, got {self.emphasis!r}."
            )

    @property
    def shape(self) -> tuple[int, ...]:
        """(figures,)."""
        return (self.count,)

    @property
    def spread(self) -> float:
        """A third of how far speech spreads."""
        return 0.3

    def read(self, record: Record) -> NDArray[np.float32] | None:
        """The figures; None where the record has no voice.

        Raises:
          UnreadableRecord: the sound cannot be decoded safely.
        """
        if record.voice is None:
            return None
        return self.emphasised(self.figures(sound.decode(record.voice).samples))

    @abstractmethod
    def figures(self, samples: NDArray[np.floating]) -> NDArray[np.float32]:
        """Of a sound, (time,), one channel at 16 kHz; all of equal weight."""

    def emphasised(self, figures: NDArray[np.float32]) -> NDArray[np.float32]:
        """Figures as they are shown, float32 [figures]."""
        return figures if self.emphasis == EVEN else figures * weights(self.count, self.telling)


def weights(count: int, telling: Collection[int]) -> NDArray[np.float32]:
    """`MORE` at the places of figures that tell feelings, `LESS` at the others."""
    return np.where(np.isin(np.arange(count), list(telling)), MORE, LESS).astype(np.float32)
