# SPDX-License-Identifier: Apache-2.0
"""Linkage with row truth: who knows a few columns about a person finds his row in the release.

Each known value votes for the rows that are close to it, the louder the fewer rows are; the
attacker names the row with the most votes, and claims it where it stands out from the second by
more than the spread of all votes. Truth is needed: which released row came from which person. Where
rows have no origin (synthetic data) the attack is `joining.Joining`.

Source: the scoreboard of Narayanan & Shmatikov, "Robust De-anonymization of Large Sparse Datasets",
S&P 2008, https://arxiv.org/abs/cs/0610105, with its rarity weights and eccentricity; Sweeney for
the classes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from polyveil import _validate
from polyveil.assess.measure import Measure
from polyveil.attack.guard import Guard
from polyveil.attack.result import AttackResult, Effort, Exposed
from polyveil.attack.tables import uniqueness
from polyveil.attack.tables.scoreboard import Search, search, swapped
from polyveil.attack.tables.seats import FEWEST, PLANTED
from polyveil.attack.tables.space import Points, Space
from polyveil.attack.tables.table import Table
from polyveil.attack.threat import Threat
from polyveil.errors import UsageError
from polyveil.interval import clopper_pearson

THREAT = Threat(
    "linkage-table",
    "someone who knows a few things about a person",
    "the released rows",
    "the person's values in some columns",
    risk="linkability",
)
REACH = 0.5
"""Share of people that must be found where their rows themselves are released."""


@dataclass(frozen=True, slots=True)
class LinkageEvidence:
    """Searches of the release in question and of those of which the truth is known.

    Attributes:
      searches: "release", "identity", "planted", "null".
      strangers: share of control people for whom a row was claimed though none is theirs; None
        without control.
      known: the members' known columns, as points.
      released: the release's known columns, as points.
      rows: which rows of the members' table were searched for.
    """

    searches: Mapping[str, Search] = field(repr=False)
    strangers: float | None
    known: Points = field(repr=False)
    released: Points = field(repr=False)
    rows: NDArray[np.intp] = field(repr=False)

    @property
    def chance(self) -> float:
        """Share found by naming a row at random."""
        found = self.searches["release"]
        right = int((found.origin >= 0).sum())
        return right / (len(found.guess) * len(self.released))


@dataclass(frozen=True, slots=True)
class Linkage:
    """The attacker, what he knows, and the truth that he is judged by.

    Attributes:
      members: everybody behind the release. Secret; of it the attacker knows the known columns.
      known: columns that he knows.
      origin: for each released row the row of `members` it came from, -1 for none; None where the
        release has the members' rows in their order.
      control: people without a row in the release, on whom his claims are false; or None.
      bandwidth: how near a number must be to vote, as a share of the column's range.
      most: people searched for at most.
      tolerance: share above chance that counts as nothing.
    """

    members: Table = field(repr=False)
    known: tuple[str, ...]
    origin: NDArray[np.intp] | None = field(default=None, repr=False)
    control: Table | None = field(default=None, repr=False)
    bandwidth: float = 0.02
    most: int = 2000
    tolerance: float = 0.02
    seed: int = 0

    def __post_init__(self) -> None:
        _validate.positive(bandwidth=self.bandwidth)
        _validate.at_least(FEWEST, most=self.most, members=len(self.members))
        if not self.known:
            raise UsageError("linkage: no known columns; expected one or more.")
        self.members.only(self.known)

    @property
    def name(self) -> str:
        return f"linkage, {len(self.known)} known columns"

    def attempt(self, release: Table) -> LinkageEvidence:
        """Searches everybody's row.

        Raises:
          UsageError: `origin` is not one row of members a released row.
        """
        origin = _checked(self.origin, len(release), len(self.members))
        tables = [release, self.members] + ([self.control] if self.control is not None else [])
        space = Space.of([one.only(self.known) for one in tables])
        draw = np.random.default_rng([self.seed, 7])
        rows = np.sort(draw.permutation(len(self.members))[: self.most])
        known, released = space.points(self.members)[rows], space.points(release)
        seats = np.full(len(self.members) + 1, -1)
        seats[rows] = np.arange(len(rows))
        origin = seats[origin]
        find = partial(search, category=space.category, bandwidth=self.bandwidth, seed=self.seed)
        searches = {
            name: find(known, points, truth)
            for name, (points, truth) in _releases(released, known, origin, draw).items()
        }
        # The rows dealt to other people: what is named stays, whose it is changes.
        searches["null"] = replace(searches["release"], origin=draw.permutation(origin))
        strangers = None
        if self.control is not None:
            others = space.points(self.control)[: self.most]
            strangers = float(find(others, released, origin).claimed.mean())
        return LinkageEvidence(searches, strangers, known, released, rows)

    def analyse(self, evidence: LinkageEvidence) -> AttackResult:
        """Share of people whose row is named first, beside one in all released rows."""
        found = evidence.searches["release"]
        n, size = len(found.guess), len(evidence.released)
        hits = int(found.found.sum())
        return AttackResult(
            attack=self.name,
            threat=THREAT,
            headline=Measure(
                "people whose row is found",
                clopper_pearson(hits, n),
                better="lower",
                baseline={"chance": evidence.chance},
                attacker=f"knows {', '.join(self.known)}",
            ),
            sentence=(
                f"Who knows {len(self.known)} values about a person finds the right one of "
                f"{size:,} released rows for {hits:,} of {n:,} people; by chance for "
                f"{n * evidence.chance:.1f}."
            ),
            guards=self._guards(evidence, hits),
            p_value=swapped(found, seed=self.seed),
            tolerance=self.tolerance,
            measures=(
                *_ranks(found, size),
                *_claims(found, evidence.strangers),
                *uniqueness.measures(evidence.known, "people"),
                *uniqueness.measures(evidence.released, "release"),
            ),
            curves=(uniqueness.uniqueness_curve(evidence.known, "people", seed=self.seed),),
            exposed=_exposed(found),
            effort=Effort(trials=1),
            not_tested=("other columns than the known ones", "known values that are wrong"),
            arrays={"rank": found.rank, "claimed": found.claimed, "member_rows": evidence.rows},
        )

    def _guards(self, evidence: LinkageEvidence, hits: int) -> tuple[Guard, ...]:
        identity, planted, null = (evidence.searches[n] for n in ("identity", "planted", "null"))
        n, chance = len(identity.guess), evidence.chance
        kept = float(identity.found.mean())
        planted_hits = int(planted.found.sum())
        planted_p, null_p = swapped(planted, seed=self.seed), swapped(null, seed=self.seed)
        high = clopper_pearson(hits, n).high
        enough = planted_hits / n > chance + self.tolerance and planted_p <= 0.05
        return (
            Guard(
                "positive control",
                "false comfort",
                kept >= REACH,
                f"where the rows themselves are released, {kept:.1%} are found; at least "
                f"{REACH:.0%} was expected, else the attacker knows too little",
            ),
            Guard(
                "planted leak",
                "false comfort",
                enough,
                f"with {PLANTED:.0%} of the people's own rows in it, {planted_hits:,} of {n:,} are "
                f"found, p = {planted_p:.2g}",
            ),
            Guard(
                "null control",
                "false alarm",
                null_p > 0.01,
                f"with the rows dealt to other people, {int(null.found.sum()):,} of {n:,} are "
                f"found, p = {null_p:.2g}",
            ),
            Guard(
                "enough trials",
                "false comfort",
                high <= chance + self.tolerance or hits / n > chance + self.tolerance,
                f"a share above {high:.1%} is excluded at 95 % by {n:,} people",
            ),
        )


def _releases(
    released: Points, known: Points, origin: NDArray[np.intp], draw: np.random.Generator
) -> Mapping[str, tuple[Points, NDArray[np.intp]]]:
    held = np.flatnonzero(origin >= 0)
    chosen = draw.permutation(held)[: max(1, round(PLANTED * len(held)))]
    planted = released.copy()
    planted[chosen] = known[origin[chosen]]
    return {
        "release": (released, origin),
        "identity": (known, np.arange(len(known))),
        "planted": (planted, origin),
    }


def _checked(origin: NDArray[np.intp] | None, released: int, members: int) -> NDArray[np.intp]:
    if origin is None and released == members:
        return np.arange(members)
    found = np.full(0, -1) if origin is None else np.asarray(origin)
    right = found.shape == (released,) and np.issubdtype(found.dtype, np.integer)
    if not right or found.min() < -1 or found.max() >= members:
        raise UsageError(
            f"linkage: origin of {found.shape}, {released} released rows, {members} members; "
            "expected for each released row a row of members or -1."
        )
    return found.astype(np.intp)


def _ranks(found: Search, size: int) -> tuple[Measure, ...]:
    n = len(found.guess)
    return tuple(
        Measure(
            f"right row among the first {k}",
            clopper_pearson(int((found.rank <= k).sum()), n),
            better="lower",
            baseline={"chance": min(1.0, k / size)},
        )
        for k in (5, 10)
        if k < size
    )


def _claims(found: Search, strangers: float | None) -> tuple[Measure, ...]:
    claimed = int(found.claimed.sum())
    right = int((found.claimed & found.found).sum())
    beside = {} if strangers is None else {"people without a row": strangers}
    return (
        Measure(
            "people for whom the attacker is sure",
            clopper_pearson(claimed, len(found.guess)),
            better="lower",
            baseline=beside,
        ),
        Measure("of these right", clopper_pearson(right, claimed), better="lower"),
    )


def _exposed(found: Search) -> tuple[Exposed, ...]:
    hit = np.flatnonzero(found.claimed & found.found)[:5]
    return tuple(
        Exposed(f"record {place}", 1.0, "found, and the attacker is sure of it")
        for place, _ in enumerate(hit, start=1)
    )
