# SPDX-License-Identifier: Apache-2.0
"""A guesser with the target against one without, on the same people, and against itself on others.

Source: McNemar, Psychometrika 12 (1947), exact form; both tests must reject (intersection-union,
Berger, Technometrics 24 (1982)), so that the greater p-value is one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from polyveil.attack.tables.contest import fisher


@dataclass(frozen=True, slots=True)
class Duel:
    """A guesser against imputation on the same members, and against itself on others.

    Attributes:
      hits, share: members guessed rightly.
      imputed: share of members that imputation guesses.
      others: share of others that the guesser guesses.
      only, missed: members guessed by the guesser alone, by imputation alone.
      p_value: the greater of McNemar's and Fisher's: a leak must exceed both.
    """

    hits: int
    share: float
    imputed: float
    others: float
    only: int
    missed: int
    p_value: float

    @property
    def advantage(self) -> float:
        return self.share - max(self.imputed, self.others)


def duel(inside: NDArray[np.bool_], imputed: NDArray[np.bool_], outside: NDArray[np.bool_]) -> Duel:
    """Members hit (n,), members hit by imputation (n,), others hit (m,)."""
    only, missed = int((inside & ~imputed).sum()), int((imputed & ~inside).sum())
    hits, others = int(inside.sum()), int(outside.sum())
    p_value = max(mcnemar(only, missed), fisher(hits, len(inside), others, len(outside)))
    shares = float(inside.mean()), float(imputed.mean()), float(outside.mean())
    return Duel(hits, *shares, only, missed, p_value)


def mcnemar(only: int, missed: int) -> float:
    """Exact, one-sided: chance of so many of the records that one guesser alone hits."""
    from scipy.stats import binom

    return float(binom.sf(only - 1, only + missed, 0.5)) if only else 1.0
