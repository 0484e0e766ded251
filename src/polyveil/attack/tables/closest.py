# SPDX-License-Identifier: Apache-2.0
"""Copies: are released rows nearer to the people behind the release than to others?

A released row that is a copy, or almost, lies at its original; one that the population explains
lies as near to people who were never used. So for each released row the nearest of members and
control, equally many, is looked up: half and half is what a release without copies gives. A few
copies hide in the mean, so that the tenth and the hundredth of the rows that lie nearest to anybody
are judged too. The test deals the people anew to both sides, which is exact although one person may
be near to many rows.

Source: the share of rows nearer to the training than to the holdout data of Platzer & Reutterer,
"Holdout-Based Empirical Assessment of Mixed-Type Synthetic Data", Frontiers in Big Data 4 (2021).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from polyveil.assess.measure import Measure
from polyveil.attack.guard import Guard
from polyveil.attack.multiplicity import all_trials
from polyveil.attack.result import AttackResult, Curve, Effort, Exposed
from polyveil.attack.tables.contest import SUSPICIOUS, dealt, disjoint, same_population
from polyveil.attack.tables.seats import PLANTED, Seats, seat
from polyveil.attack.tables.space import Points, Space
from polyveil.attack.tables.table import Table
from polyveil.attack.threat import Threat
from polyveil.interval import Interval, bootstrap, clopper_pearson

THREAT = Threat(
    "copies-table",
    "someone who looks for people he knows among the released rows",
    "the released rows, nothing else",
    "people to compare them with",
    risk="singling out",
)
PARTS = (1.0, 0.1, 0.01)
"""Shares of the released rows, those nearest to anybody first, each of which is judged."""
_FEWEST = 8
REACH = 0.9
"""Share nearer to members that must be seen where the rows themselves are released."""
_TIE = 1e-6


@dataclass(frozen=True, slots=True)
class Nearest:
    """For each released row who is nearest.

    Attributes:
      gap: Gower distance to the nearest person, (released,).
      person: one of the nearest, in [0, 2n): members come first; (released,).
      ours: share of the equally near who are members, (released,).
      credit: how much each person weighs as a nearest one, in each of `PARTS`, (2n,).
    """

    gap: NDArray[np.float64] = field(repr=False)
    person: NDArray[np.intp] = field(repr=False)
    ours: NDArray[np.float64] = field(repr=False)
    credit: tuple[NDArray[np.float64], ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class ClosestEvidence:
    """Who is nearest, in the release in question and in those of which the truth is known.

    Attributes:
      nearest: by `Seats.releases`.
      equal: released rows that equal a member's, a control person's row.
      seats: who sat where.
    """

    nearest: Mapping[str, Nearest] = field(repr=False)
    equal: tuple[int, int]
    seats: Seats = field(repr=False)


@dataclass(frozen=True, slots=True)
class Closest:
    """The people on both sides.

    Attributes:
      members: the rows that the release was made from. Secret.
      control: rows of the same population that it was not made from.
      most: people on each side at most.
      tolerance: share above one half that counts as nothing.
    """

    members: Table = field(repr=False)
    control: Table = field(repr=False)
    most: int = 2000
    tolerance: float = 0.05
    seed: int = 0

    @property
    def name(self) -> str:
        return "distance to the closest record"

    def attempt(self, release: Table) -> ClosestEvidence:
        """Looks up who is nearest to each released row.

        Raises:
          UsageError: too few rows, or no column in common.
        """
        seats = seat(release, self.members, self.control, most=self.most, seed=self.seed)
        found = {
            name: closest(seats.space, points, seats.people, len(seats))
            for name, points in seats.releases(self.seed).items()
        }
        ours, others = (_equal(seats.release, side) for side in (seats.members, seats.control))
        return ClosestEvidence(found, (ours, others), seats)

    def analyse(self, evidence: ClosestEvidence) -> AttackResult:
        """Share of released rows that lie nearer to a member, beside one half."""
        seats, found = evidence.seats, evidence.nearest["release"]
        tests = self._tests(found, seats)
        p_value = all_trials(min(tests), len(tests))
        measures = [_measure(found, part) for part in PARTS]
        # Every look is paid for; that over all rows is shown unless another one finds something.
        headline = measures.pop(tests.index(min(tests)) if p_value <= 0.05 else 0)
        whole, close = (_share(found.ours[nearest_part(found.gap, part)]) for part in PARTS[:2])
        return AttackResult(
            attack=self.name,
            threat=THREAT,
            headline=headline,
            sentence=(
                f"Of {len(found.gap):,} released rows, {whole.estimate:.1%} lie nearer to one of "
                f"{len(seats):,} people behind the release than to as many others, and "
                f"{close.estimate:.1%} of the tenth that lies nearest to anybody; half is "
                f"expected. {evidence.equal[0]:,} equal such a person's row, {evidence.equal[1]:,} "
                "another's."
            ),
            guards=self._guards(evidence, p_value),
            p_value=p_value,
            tolerance=self.tolerance,
            measures=(*measures, *_copies(evidence)),
            curves=(_curve(found, len(seats)),),
            exposed=_exposed(found, len(seats)),
            effort=Effort(trials=len(tests)),
            not_tested=("copies of a part of the columns",),
            arrays={"gap": found.gap, "nearer_to_member": found.ours, "nearest": found.person},
        )

    def _tests(self, found: Nearest, seats: Seats) -> list[float]:
        return [dealt(credit, seats.is_member, seed=self.seed) for credit in found.credit]

    def _p_value(self, found: Nearest, seats: Seats) -> float:
        tests = self._tests(found, seats)
        return all_trials(min(tests), len(tests))

    def _guards(self, evidence: ClosestEvidence, p_value: float) -> tuple[Guard, ...]:
        seats, near = evidence.seats, evidence.nearest
        null_p, planted_p = (self._p_value(near[name], seats) for name in ("null", "planted"))
        identity = float(near["identity"].ours.mean())
        null, planted = float(near["null"].ours.mean()), float(near["planted"].ours.mean())
        high = _share(near["release"].ours).high
        return (
            disjoint(self.members, self.control),
            same_population(seats, seed=self.seed),
            Guard(
                "positive control",
                "false comfort",
                identity >= REACH,
                f"of the rows themselves {identity:.1%} are nearer to their own side",
            ),
            Guard(
                "planted leak",
                "false comfort",
                planted_p <= 0.05,
                f"with {PLANTED:.0%} of the release replaced by real rows {planted:.1%} are "
                f"nearer to members, p = {planted_p:.2g}",
            ),
            Guard(
                "null control",
                "false alarm",
                null_p > SUSPICIOUS,
                f"of rows of people on neither side {null:.1%} are nearer to members, "
                f"p = {null_p:.2g}",
            ),
            Guard(
                "enough trials",
                "false comfort",
                high <= 0.5 + self.tolerance or p_value <= 0.05,
                f"a share above {high:.1%} is excluded at 95 %",
            ),
        )


def closest(space: Space, release: Points, people: Points, members: int) -> Nearest:
    """Who of `people`, the first `members` of whom are members, is nearest to each released row."""
    gap, person = np.empty(len(release)), np.empty(len(release), np.intp)
    ours = np.empty(len(release))
    every: list[tuple[NDArray[np.intp], NDArray[np.intp]]] = []
    for rows, gaps in space.distances(release, people):
        gap[rows], person[rows] = gaps.min(1), gaps.argmin(1)
        equal = gaps <= gap[rows, None] + _TIE
        ours[rows] = equal[:, :members].sum(1) / equal.sum(1)
        at, who = np.nonzero(equal)
        every.append((at + rows.start, who))
    at, who = (np.concatenate(part) for part in zip(*every, strict=True))
    # Rows with several people equally near share their one vote among them.
    vote = 1.0 / np.bincount(at, minlength=len(release))[at]
    credit = []
    for part in PARTS:
        close = nearest_part(gap, part)[at]
        weight = np.bincount(who[close], vote[close], len(people))
        credit.append(weight.astype(np.float64))
    return Nearest(gap, person, ours, tuple(credit))


def nearest_part(gap: NDArray[np.float64], part: float) -> NDArray[np.bool_]:
    """A share of the released rows, those nearest to anybody, eight at least and ties all in."""
    last = np.sort(gap)[min(len(gap), max(_FEWEST, round(part * len(gap)))) - 1]
    near: NDArray[np.bool_] = gap <= last + _TIE
    return near


def _share(ours: NDArray[np.float64]) -> Interval:
    if np.isin(ours, (0.0, 1.0)).all():
        return clopper_pearson(int(ours.sum()), len(ours))
    return bootstrap(ours)


def _measure(found: Nearest, part: float) -> Measure:
    which = "released rows" if part == 1.0 else f"of the {part:.0%} nearest to anybody"
    share = _share(found.ours[nearest_part(found.gap, part)])
    name = f"{which}, nearer to a person behind the release"
    return Measure(name, share, better="lower", baseline={"chance": 0.5})


def _equal(release: Points, side: Points) -> int:
    # Missing equals missing, which NaN does not.
    keys = {row.tobytes() for row in np.nan_to_num(side, nan=-1e300)}
    return sum(row.tobytes() in keys for row in np.nan_to_num(release, nan=-1e300))


def _copies(evidence: ClosestEvidence) -> tuple[Measure, ...]:
    n = len(evidence.nearest["release"].gap)
    ours, others = evidence.equal
    return (
        Measure(
            "released rows equal to one of the people behind the release",
            clopper_pearson(ours, n),
            better="lower",
            baseline={"equal to another's": others / n},
        ),
    )


def _curve(found: Nearest, members: int) -> Curve:
    order = np.argsort(found.gap, kind="stable")
    part = np.unique(np.linspace(1, len(order), 50).astype(int))
    running = np.cumsum(found.ours[order])
    return Curve(
        f"nearer to one of {members:,} members",
        tuple(float(k / len(order)) for k in part),
        tuple(float(running[k - 1] / k) for k in part),
        "share of released rows, the nearest to anybody first",
        "share of these nearer to a member",
        chance=tuple(0.5 for _ in part),
    )


def _exposed(found: Nearest, members: int) -> tuple[Exposed, ...]:
    ours = np.flatnonzero(found.ours == 1.0)
    order = ours[np.argsort(found.gap[ours], kind="stable")]
    people = list(dict.fromkeys(int(found.person[at]) for at in order if found.gap[at] <= _TIE))
    return tuple(
        Exposed(f"record {place}", 0.0, "is released as it is")
        for place, _ in enumerate(people[:5], start=1)
    )
