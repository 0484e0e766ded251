# SPDX-License-Identifier: Apache-2.0
"""Members against control: the exact tests, and the guards that every attack on a table shares.

If a release gives nothing away about the people behind it, then those people and others of the same
population are exchangeable given the release: whoever swaps two of them changes no distribution.
Every test here is exact under that sentence alone, whatever the attack, the release or the data:
Fisher's, where each person is hit or not, and a permutation test where hits are not one a person.

Source: Fisher, The Design of Experiments (1935); Newcombe, Statistics in Medicine 17 (1998), method
10, for the interval of a difference; Schilling, JASA 81 (1986), for the nearest neighbour test.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from polyveil.attack.guard import Guard
from polyveil.attack.splits import prove_disjoint
from polyveil.attack.tables.seats import PLANTED, Seats
from polyveil.attack.tables.space import Space
from polyveil.attack.tables.table import Table
from polyveil.interval import Interval, clopper_pearson

SUSPICIOUS = 0.01
"""A null control, or two samples of one population, may look worse than this one time in 100."""
_RARE = 20
_Z = 1.959963984540054


@dataclass(frozen=True, slots=True)
class Contest:
    """Hits of one attack on both sides, and how likely so many more on the members' are by chance.

    Attributes:
      hits, tried: on the members.
      control_hits, control_tried: the same attack on the control.
      p_value: one-sided.
      units: independent ones on a side, where trials depend on each other; 0: as many as tried.
    """

    hits: int
    tried: int
    control_hits: int
    control_tried: int
    p_value: float
    units: int = 0

    @property
    def share(self) -> Interval:
        """Of the members' trials, as wide as the independent units among them allow."""
        n = self._units
        exact = clopper_pearson(round(self.hits * n / max(1, self.tried)), n)
        estimate = self.hits / self.tried if self.tried else 0.0
        low, high = min(exact.low, estimate), max(exact.high, estimate)
        return Interval(estimate, low, high, n, exact.method)

    @property
    def _units(self) -> int:
        return min(self.units, self.tried) if self.units else self.tried

    @property
    def control_share(self) -> float:
        return self.control_hits / self.control_tried if self.control_tried else 0.0

    @property
    def advantage(self) -> Interval:
        """Share on the members minus share on the control, with Newcombe's interval."""
        control = self.control_tried * self._units // max(1, self.tried)
        return difference(self.share.estimate, self._units, self.control_share, control)

    def shows(self, tolerance: float, *, level: float = 0.05) -> bool:
        """Whether it would be called a leak."""
        return self.p_value <= level and self.advantage.estimate > tolerance


def contest(hit: NDArray[np.bool_], is_member: NDArray[np.bool_]) -> Contest:
    """One hit or miss a person, judged by Fisher's exact test."""
    inside, outside = hit[is_member], hit[~is_member]
    k, m = int(inside.sum()), int(outside.sum())
    return Contest(k, len(inside), m, len(outside), fisher(k, len(inside), m, len(outside)))


def fisher(hits: int, tried: int, control_hits: int, control_tried: int) -> float:
    """Chance of so many of all hits on the members' side, were the sides dealt at random."""
    from scipy.stats import hypergeom

    found = hypergeom.sf(hits - 1, tried + control_tried, hits + control_hits, tried)
    return float(min(1.0, max(0.0, found)))


def dealt(
    weight: NDArray[np.float64], is_member: NDArray[np.bool_], *, draws: int = 2999, seed: int = 0
) -> float:
    """Chance that the members' weights sum so high, were the sides dealt at random."""
    draw = np.random.default_rng([seed, 2])
    # Whoever weighs nothing changes no sum, but his seat can be dealt to either side.
    heavy = weight[weight > 0]
    reached = float(weight[is_member].sum()) - 1e-9

    def deal() -> bool:
        return float(heavy[draw.permutation(is_member)[: len(heavy)]].sum()) >= reached

    return by_draws((deal() for _ in range(draws)), draws)


def by_draws(reached: Iterable[bool], draws: int) -> float:
    """The p-value of a test by random draws, each of which reached what was seen or did not.

    It stops at the 20th that did: what is not rare needs no exact figure, and the p-value stays one
    (Besag & Clifford, Biometrika 78 (1991)).
    """
    above = 0
    for count, one in enumerate(reached, start=1):
        above += one
        if above == _RARE:
            return above / count
    return (above + 1) / (draws + 1)


def difference(p: float, n: int, q: float, m: int) -> Interval:
    """A share p of n minus a share q of m, with Newcombe's hybrid score interval."""
    first, second = _wilson(p, n), _wilson(q, m)
    low = p - q - math.hypot(p - first[0], second[1] - q)
    high = p - q + math.hypot(first[1] - p, q - second[0])
    return Interval(p - q, max(-1.0, low), min(1.0, high), n, "Newcombe, 95 %")


def _wilson(p: float, n: int) -> tuple[float, float]:
    if not n:
        return 0.0, 1.0
    z2 = _Z * _Z
    middle = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = _Z / (1 + z2 / n) * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n))
    return max(0.0, middle - half), min(1.0, middle + half)


def controls(
    identity: Contest, planted: Contest, null: Contest, *, tolerance: float, reach: float
) -> tuple[Guard, ...]:
    """What the attack made of the three releases of which the truth is known.

    Args:
      reach: advantage that it must have where the rows themselves are released; an attacker who
        stays below knows or tries too little.
    """
    strong = identity.shows(tolerance, level=SUSPICIOUS) and identity.advantage.estimate >= reach
    return (
        Guard(
            "positive control",
            "false comfort",
            strong,
            f"on the rows themselves: {_versus(identity)}; at least {reach:.0%} more was expected",
        ),
        Guard(
            "planted leak",
            "false comfort",
            planted.shows(tolerance),
            f"with {PLANTED:.0%} of the release replaced by real rows: {_versus(planted)}",
        ),
        Guard(
            "null control",
            "false alarm",
            null.p_value > SUSPICIOUS,
            f"on a release of people who are on neither side: {_versus(null)}",
        ),
    )


def health(
    seats: Seats,
    tables: tuple[Table, Table],
    contests: Mapping[str, Contest],
    *,
    tolerance: float,
    reach: float,
    seed: int,
) -> tuple[Guard, ...]:
    """All checks of an attack that compares members with control.

    Args:
      tables: members and control.
      contests: of the releases of `Seats.releases`, by name.
    """
    members, control = tables
    identity, planted, null = (contests[name] for name in ("identity", "planted", "null"))
    return (
        disjoint(members, control),
        same_population(seats, seed=seed),
        *controls(identity, planted, null, tolerance=tolerance, reach=reach),
        enough_trials(contests["release"], tolerance),
    )


def enough_trials(found: Contest, tolerance: float) -> Guard:
    """Whether so many people suffice to see a leak, or to exclude one above the tolerance."""
    advantage = found.advantage
    return Guard(
        "enough trials",
        "false comfort",
        advantage.high <= tolerance or found.shows(tolerance),
        f"an advantage above {max(0.0, advantage.high):.1%} is excluded at 95 % by {advantage.n:,} "
        f"independent trials a side; up to {tolerance:.1%} counts as nothing",
    )


def disjoint(members: Table, control: Table) -> Guard:
    """Whether control rows are members: then the attack is measured against itself.

    Equal rows of different people are no fault where people are often equal: no more rows may be
    shared than the members repeat among themselves.
    """
    names = [name for name in members.names if name in control.columns]
    inside, outside = members.only(names).digests(), control.only(names).digests()
    proof = prove_disjoint({"members": inside, "control": outside})
    if proof.disjoint:
        one = proof.guard()
        return Guard(one.name, "false comfort", True, one.sentence)
    counts: dict[bytes, int] = {}
    for digest in inside:
        counts[digest] = counts.get(digest, 0) + 1
    repeated = sum(count for count in counts.values() if count > 1)
    shared = sum(digest in counts for digest in outside)
    usual = clopper_pearson(repeated, len(inside), confidence=0.99).high
    return Guard(
        "disjoint splits",
        "false comfort",
        shared / len(outside) <= usual,
        f"{shared:,} of {len(outside):,} control rows equal a member's; {repeated:,} of "
        f"{len(inside):,} members equal another",
    )


def same_population(seats: Seats, *, seed: int = 0) -> Guard:
    """Whether members and control differ in any column, or jointly, by more than chance."""
    single = min(1.0, len(seats.space.names) * min(_column_tests(seats)))
    joint = _neighbours(seats, seed)
    return Guard(
        "same population",
        "false alarm",
        min(single, joint) > SUSPICIOUS / 2,
        f"members and control differ with p = {single:.2g} in a column (all columns counted), "
        f"p = {joint:.2g} jointly",
    )


def _column_tests(seats: Seats) -> list[float]:
    from scipy.stats import chi2_contingency, ks_2samp

    found = []
    for at, is_category in enumerate(seats.space.category):
        one, other = seats.members[:, at], seats.control[:, at]
        counts = np.array([[np.isnan(x).sum(), (~np.isnan(x)).sum()] for x in (one, other)])
        p_missing = chi2_contingency(counts).pvalue if counts.sum(0).all() else 1.0
        one, other = one[~np.isnan(one)], other[~np.isnan(other)]
        if not len(one) or not len(other):
            p = 1.0
        elif is_category:
            table = _frequent(one, other)
            p = chi2_contingency(table).pvalue if table.shape[1] > 1 else 1.0
        else:
            p = ks_2samp(one, other, method="asymp").pvalue
        found.append(min(1.0, 2 * float(min(p, p_missing))))
    return found


def _frequent(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.int64]:
    values = np.unique(np.concatenate([one, other]))
    table = np.array([[(x == value).sum() for value in values] for x in (one, other)])
    rare = table.sum(0) < 10
    # The chi-squared approximation needs counts: rare categories are one.
    kept = [table[:, ~rare]] + ([table[:, rare].sum(1, keepdims=True)] if rare.any() else [])
    found: NDArray[np.int64] = np.concatenate(kept, axis=1)
    return found


def _neighbours(seats: Seats, seed: int, *, most: int = 500, draws: int = 999) -> float:
    half = min(len(seats), most)
    points = np.concatenate([seats.members[:half], seats.control[:half]])
    nearest = nearest_other(seats.space, points)
    draw = np.random.default_rng([seed, 3])
    sides = np.arange(2 * half) < half
    reached = int((sides == sides[nearest]).sum())

    def deal() -> bool:
        anew = draw.permutation(sides)
        return int((anew == anew[nearest]).sum()) >= reached

    return by_draws((deal() for _ in range(draws)), draws)


def nearest_other(space: Space, points: NDArray[np.float64]) -> NDArray[np.intp]:
    """For each row the nearest other one."""
    found = np.empty(len(points), dtype=np.intp)
    for rows, gaps in space.distances(points, points):
        gaps[np.arange(len(gaps)), np.arange(rows.start, rows.stop)] = np.inf
        found[rows] = gaps.argmin(1)
    return found


def _versus(one: Contest) -> str:
    return (
        f"{one.hits:,} of {one.tried:,} on members, {one.control_hits:,} of "
        f"{one.control_tried:,} on control, p = {one.p_value:.2g}"
    )
