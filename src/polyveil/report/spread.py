# SPDX-License-Identifier: Apache-2.0
"""A figure over seeds, and whether two of them differ by more than the seeds do.

Seeds that split one data set anew share most of their training records, so that the plain paired
t-test finds differences where there are none. Nadeau and Bengio widen its variance by the ratio of
test to training records; with that a difference stands only where it would in new data of the kind.

Source: Nadeau & Bengio, Inference for the Generalization Error, Machine Learning 52, 2003
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

LEVEL = 0.05
FEWEST = 3
"""Seeds below which no difference is called more than noise."""


@dataclass(frozen=True, slots=True)
class Spread:
    """A figure over seeds.

    Attributes:
      mean: over the seeds that have it.
      deviation: sample standard deviation; None of a single seed.
      by_seed: seed -> figure.
    """

    mean: float
    deviation: float | None
    by_seed: Mapping[int, float]

    @staticmethod
    def of(by_seed: Mapping[int, float | None]) -> Spread | None:
        """None of no values at all; a seed without a finite figure is left out."""
        found = {
            seed: value
            for seed, value in by_seed.items()
            if value is not None and math.isfinite(value)
        }
        count = len(found)
        if not count:
            return None
        mean = math.fsum(found.values()) / count
        if count == 1:
            return Spread(mean, None, found)
        squares = math.fsum((one - mean) ** 2 for one in found.values())
        return Spread(mean, math.sqrt(squares / (count - 1)), found)

    @property
    def seeds(self) -> int:
        """How many have it."""
        return len(self.by_seed)

    def minus(self, other: Spread) -> Spread | None:
        """Differences seed by seed, over the seeds that both have; None where they share none."""
        return Spread.of(
            {
                seed: value - other.by_seed[seed]
                for seed, value in self.by_seed.items()
                if seed in other.by_seed
            }
        )

    def beyond_noise(self, *, ratio: float, tests: int = 1) -> bool:
        """Whether differences over seeds are more than noise: a paired t-test, two-sided at 5 %.

        Args:
          ratio: test records by training records.
          tests: how many differences are looked at together (Bonferroni).

        Returns:
          False for fewer than `FEWEST` seeds, whatever they say.
        """
        from scipy.special import stdtrit

        if self.deviation is None or self.seeds < FEWEST:
            return False
        error = self.deviation * math.sqrt(1 / self.seeds + ratio)
        least = float(stdtrit(self.seeds - 1, 1 - LEVEL / (2 * tests)))
        return abs(self.mean) > least * error

    def text(self, scale: float = 100.0, *, sign: bool = False) -> str:
        """e.g. "72.1 ± 0.8"; in per cent unless scaled otherwise. The mean alone where all seeds
        agree."""
        mean = written(scale * self.mean, sign=sign)
        if not self.deviation:
            return mean
        return f"{mean} ± {scale * self.deviation:.1f}"


def written(value: float, *, sign: bool = False) -> str:
    """To a tenth, with a true minus sign; a zero has none."""
    text = f"{abs(value):.1f}"
    if float(text) == 0:
        return text
    return f"−{text}" if value < 0 else f"+{text}" if sign else text
