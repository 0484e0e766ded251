# SPDX-License-Identifier: Apache-2.0
"""Two models judged on the same records: which of them reaches a goal more often, and by how much.

Records that both decide alike say nothing about the difference, so that only the others count. Two
intervals side by side would need several times the records to show the same.

Source: McNemar, Psychometrika 12 (1947), in its exact (binomial) form.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from polyveil.verify.interval import Interval, clopper_pearson

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


def _discordant(one: Hits, other: Hits) -> tuple[int, int]:
    if one.shape != other.shape or one.ndim != 1:
        raise ValueError(
            f"expected two lists of the same records, got shapes {one.shape} and {other.shape}."
        )
    return int((one & ~other).sum()), int((other & ~one).sum())
