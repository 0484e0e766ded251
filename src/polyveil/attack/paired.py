# SPDX-License-Identifier: Apache-2.0
"""Two models judged on the same records: which of them reaches a goal more often, and by how much.

Records that both decide alike say nothing about the difference, so that only the others count. Two
intervals side by side would need several times the records to show the same.

Source: McNemar, Psychometrika 12 (1947), in its exact (binomial) form.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from polyveil.attack.guard import Guard
from polyveil.attack.multiplicity import all_trials
from polyveil.interval import Interval, clopper_pearson

ODD = 0.01
"""Significance of guards: a healthy attack fails one of them by chance this often."""
Hits: TypeAlias = NDArray[np.bool_]
"""(records,): the goal was reached on this record."""


def more_often(one: Hits, other: Hits) -> float:
    """Exact one-sided p-value of "one reaches it no more often than the other".

    Edge cases: 1.0 where they differ on no record, or where there is none.

    Raises:
      ValueError: the two were not judged on the same number of records.
    """
    gained, lost = _discordant(one, other)
    if not gained:
        return 1.0
    from scipy.stats import binom

    return float(binom.sf(gained - 1, gained + lost, 0.5))


def difference(one: Hits, other: Hits, *, confidence: float = 0.95) -> Interval:
    """Share that `one` reaches less the share that `other` reaches, with an interval.

    From an exact bound on each kind of disagreement at half the risk, so that it never promises
    more than it holds; also where the two never disagree, when a bootstrap would say "exactly 0".

    Raises:
      ValueError: not the same number of records, or none.
    """
    gained, lost = _discordant(one, other)
    if not one.size:
        raise ValueError("expected records to compare two models on, got none.")
    each = (1.0 + confidence) / 2.0
    up = clopper_pearson(gained, one.size, confidence=each)
    down = clopper_pearson(lost, one.size, confidence=each)
    return Interval(
        (gained - lost) / one.size,
        max(-1.0, up.low - down.high),
        min(1.0, up.high - down.low),
        one.size,
        f"paired, two exact bounds, {100 * confidence:g} %",
    )


def share(hits: Hits, *, trials: int = 1) -> Interval:
    """Clopper-Pearson, so wide that it holds for the best of `trials` such shares."""
    return clopper_pearson(int(hits.sum()), hits.size, confidence=1.0 - 0.05 / trials)


def by_chance(shares: NDArray[np.float64], *, confidence: float = 0.95) -> float:
    """What one more model of the same kind would exceed with a chance of 1 - confidence only, by
    the spread of at least two that differ by their seed alone; at most 1. Student's prediction
    bound: it takes the spread for normal, and with two models it is wide."""
    from scipy.stats import t

    count = len(shares)
    wide = float(t.ppf(confidence, count - 1)) * math.sqrt(1 + 1 / count)
    return min(1.0, float(shares.mean() + wide * shares.std(ddof=1)))


def beyond_seeds(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """One-sided p-value of "models of one kind reach no more than those of the other", as many of
    each, which differ among themselves by their seed alone: Student's test over models.

    Edge case: where neither kind varies, 0.0 if `one` reaches more, else 1.0.
    """
    from scipy.stats import t

    gain, error = float(one.mean() - other.mean()), math.sqrt(one.var() + other.var())
    if error < 1e-12:
        return 0.0 if gain > 0 else 1.0
    return float(t.sf(gain * math.sqrt(len(one) - 1) / error, 2 * len(one) - 2))


def _discordant(one: Hits, other: Hits) -> tuple[int, int]:
    if one.shape != other.shape or one.ndim != 1:
        raise ValueError(
            f"expected two lists of the same records, got shapes {one.shape} and {other.shape}."
        )
    return int((one & ~other).sum()), int((other & ~one).sum())


def rising(name: str, what: str, reached: Sequence[Hits] | NDArray[np.bool_]) -> Guard:
    """That more effort is not weaker: of each step up, no record-wise loss beyond chance.

    Args:
      name: of the guard; what: what is reached by rising effort, for its sentence.
      reached: (efforts, records), rising effort.
    """
    p = min((more_often(less, more) for less, more in pairwise(reached)), default=1.0)
    shares = ", ".join(f"{one.mean():.1%}" for one in reached)
    return Guard(
        name,
        "false comfort",
        all_trials(p, max(1, len(reached) - 1)) > ODD,
        f"{what}: {shares}",
    )
