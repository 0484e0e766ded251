# SPDX-License-Identifier: Apache-2.0
"""How well scores tell two groups apart: hits at a few false alarms, area, curve, and chance.

An average over all thresholds hides what an attacker does at the few that he trusts, so that the
low end of the curve decides. Equal scores are one group that no threshold can divide: nothing is
gained from the order in which records happen to lie.

| Case | Outcome |
|---|---|
| all scores equal | AUC 0.5, no hit at any rate, p = 1 |
| fewer others than 1 / rate | `TooFew`, with the reason, never a figure |
| groups fully apart | AUC 1, its low end from the exact interval of the smaller group |

Source: Carlini et al., IEEE S&P 2022, https://arxiv.org/abs/2112.03570 (low rates, log axes);
DeLong et al., Biometrics 44 (1988); Mann & Whitney, Annals of Mathematical Statistics 18 (1947).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from polyveil.attack.result import Curve
from polyveil.errors import UsageError
from polyveil.interval import Interval, clopper_pearson

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

FEWEST = {0.001: 1000, 0.01: 100, 0.05: 20, 0.1: 10}
"""False-alarm rate -> records of the other group below which it cannot be measured."""
_POINTS = 60
_SMALL = 30
"""Records of the smaller group below which ranks are permuted instead of approximated."""
_PERMUTATIONS = 9999
_CELLS = 1_000_000


@dataclass(frozen=True, slots=True)
class Hits:
    """What one threshold finds, set so that a fresh other record is above it with chance `rate`.

    Attributes:
      rate: false-alarm rate asked for.
      hits: share of the members above the threshold, Clopper-Pearson.
      false_alarms, others: others above it, of how many.
      threshold: a record is named if its score is greater.
      p_value: exact chance of so many hits if scores ignore membership (hypergeometric).
    """

    rate: float
    hits: Interval
    false_alarms: int
    others: int
    threshold: float
    p_value: float


@dataclass(frozen=True, slots=True)
class TooFew:
    """A rate that these records cannot resolve.

    Attributes:
      rate: false-alarm rate asked for.
      others: how many there were.
      reason: for a report.
    """

    rate: float
    others: int
    reason: str


@dataclass(frozen=True, slots=True)
class Area:
    """Area under the curve: the chance that a member scores above an other, ties half.

    Attributes:
      area: with its DeLong interval.
      p_value: one-sided Mann-Whitney: members score higher; permuted in small groups.
    """

    area: Interval
    p_value: float


def hits_at(
    scores: Floats, is_member: Bools, rate: float, *, confidence: float = 0.95
) -> Hits | TooFew:
    """Members found at a false-alarm rate.

    The threshold lies at the k-th highest score of the others, k = floor(rate * (others + 1)), and
    only what is above it counts. So a fresh other record raises an alarm with chance `rate` at
    most, and a guesser names as many members; reading an ROC at k / others promises less.

    Args:
      scores: float (n,), finite; greater means member.
      is_member: bool (n,).
      rate: in (0, 0.5].

    Raises:
      UsageError: a group is empty, or scores are not finite.
    """
    members, others = _groups(scores, is_member)
    if not 0 < rate <= 0.5:
        raise ValueError(f"expected 0 < rate <= 0.5, got {rate}.")
    fewest = FEWEST.get(rate, math.ceil(1 / rate))
    if len(others) < fewest:
        return TooFew(
            rate,
            len(others),
            f"{len(others):,} non-members cannot show a false-alarm rate of {100 * rate:g} %; it "
            f"takes {fewest:,}.",
        )
    # The small addend keeps 0.01 * 1000 from becoming 9.
    place = max(1, math.floor(rate * (len(others) + 1) + 1e-9))
    threshold = float(np.partition(others, -place)[-place])
    found = int((members > threshold).sum())
    alarms = int((others > threshold).sum())
    p_value = _chance_of_hits(found, len(members), place - 1, len(others))
    interval = clopper_pearson(found, len(members), confidence=confidence)
    return Hits(rate, interval, alarms, len(others), threshold, p_value)


def area_under(
    scores: Floats, is_member: Bools, *, confidence: float = 0.95, seed: int = 0
) -> Area:
    """Area under the curve, its interval and its p-value.

    Args:
      scores, is_member: as for `hits_at`.
      seed: of the permutations in small groups.
    """
    members, others = _groups(scores, is_member)
    m, n = len(members), len(others)
    ranks = midranks(np.concatenate([members, others]))
    area = float((ranks[:m].sum() - m * (m + 1) / 2) / (m * n))
    # Share of the other group below each record: their spread is the spread of the area.
    above = (ranks[:m] - midranks(members)) / n
    below = 1.0 - (ranks[m:] - midranks(others)) / m
    variance = _variance(above) / m + _variance(below) / n
    interval = _area_interval(area, variance, m, n, confidence)
    return Area(interval, _mann_whitney(ranks, m, seed))


def curve(scores: Floats, is_member: Bools, *, name: str) -> Curve:
    """The ROC at up to 60 false-alarm rates, evenly spread on a log axis, with a 95 % band."""
    members, others = _groups(scores, is_member)
    m, n = len(members), len(others)
    allowed = np.unique(np.geomspace(1, n, _POINTS).round().astype(np.int64))
    falling = np.sort(others)[::-1]
    thresholds = [float(falling[k]) if k < n else -math.inf for k in allowed]
    ordered = np.sort(members)
    found = [m - int(np.searchsorted(ordered, at, side="right")) for at in thresholds]
    bands = [clopper_pearson(k, m) for k in found]
    rates = tuple(float(k) / n for k in allowed)
    return Curve(
        name,
        rates,
        tuple(band.estimate for band in bands),
        "false alarms, share of non-members",
        "found, share of members",
        tuple(band.low for band in bands),
        tuple(band.high for band in bands),
        chance=rates,
        log=True,
    )


def midranks(values: Floats) -> Floats:
    """Ranks from 1, equal values share the mean of theirs."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    middle: Floats = (ends - (counts - 1) / 2.0)[inverse]
    return middle


def _groups(scores: Floats, is_member: Bools) -> tuple[Floats, Floats]:
    values, mask = np.asarray(scores, dtype=np.float64), np.asarray(is_member)
    if values.ndim != 1 or mask.shape != values.shape or mask.dtype != np.bool_:
        raise UsageError(
            f"ROC: scores {values.shape}, is_member {mask.shape} {mask.dtype}; expected (n,) and "
            "bool (n,)."
        )
    if not np.isfinite(values).all():
        raise UsageError(f"ROC: {int((~np.isfinite(values)).sum())} scores are not finite.")
    if mask.all() or not mask.any():
        raise UsageError(
            f"ROC: {int(mask.sum())} members, {int((~mask).sum())} others; expected both."
        )
    return values[mask], values[~mask]


def _chance_of_hits(found: int, members: int, allowed: int, others: int) -> float:
    """Chance that at least `found` members lie above all but `allowed` of the others.

    They do exactly if the top found + allowed records hold at least `found` members. Ties only
    lower `found`, so that the test stays on the safe side.
    """
    if found == 0:
        return 1.0
    from scipy.special import gammaln

    def choose(n: int, k: NDArray[np.int64]) -> Floats:
        ways: Floats = gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)
        return ways

    drawn = found + allowed
    inside = np.arange(found, min(members, drawn) + 1)
    ways = choose(members, inside) + choose(others, drawn - inside)
    return min(1.0, float(np.exp(ways - choose(members + others, np.array(drawn))).sum()))


def _variance(values: Floats) -> float:
    return float(values.var(ddof=1)) if len(values) > 1 else 0.25


def _area_interval(area: float, variance: float, m: int, n: int, confidence: float) -> Interval:
    method = f"DeLong, {100 * confidence:g} %"
    if variance <= 1e-12:
        # Nothing varies: the groups lie fully apart, or all scores are equal. The smaller group's
        # exact interval says how much that proves.
        few = min(m, n)
        exact = clopper_pearson(round(area * few), few, confidence=confidence)
        low, high = min(exact.low, area), max(exact.high, area)
        return Interval(area, low, high, m + n, f"Clopper-Pearson, {100 * confidence:g} %")
    from scipy.special import ndtri

    reach = float(ndtri(0.5 + confidence / 2)) * math.sqrt(variance)
    return Interval(area, max(0.0, area - reach), min(1.0, area + reach), m + n, method)


def _mann_whitney(ranks: Floats, m: int, seed: int) -> float:
    total, size = float(ranks[:m].sum()), len(ranks)
    if min(m, size - m) < _SMALL:
        return _permuted(ranks, m, total, np.random.default_rng(seed))
    mean = m * (size + 1) / 2
    # Drawn without replacement from the ranks as they are, ties included.
    spread = math.sqrt(m * (size - m) / size * _variance(ranks))
    if spread == 0:
        return 1.0
    # Half a step of the rank sum: a discrete statistic judged by a continuous one.
    return 0.5 * math.erfc((total - mean - 0.5) / spread / math.sqrt(2))


def _permuted(ranks: Floats, m: int, total: float, draw: np.random.Generator) -> float:
    """Share of random orders in which the first m ranks come to that much, the real one counted."""
    at_once = max(1, _CELLS // len(ranks))
    reached = 1
    for start in range(0, _PERMUTATIONS, at_once):
        rows = min(at_once, _PERMUTATIONS - start)
        # Sums of halves are exact in float64, so that equal ones compare equal.
        sums = draw.permuted(np.tile(ranks, (rows, 1)), axis=1)[:, :m].sum(1)
        reached += int((sums >= total).sum())
    return reached / (1 + _PERMUTATIONS)
