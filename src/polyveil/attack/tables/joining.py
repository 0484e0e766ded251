# SPDX-License-Identifier: Apache-2.0
"""Linkage without row truth: two lists about the same people are joined through the release.

One list holds some columns of each person, the other list the other columns, names on neither. For
each person the attacker looks, in a gallery of candidates, for the half that some released row
makes fit best: the sum of the distances of both halves to one row. Halves of one person go together
in the population too, so that the same is done for people who are not behind the release, in the
same galleries.

Source: statistical matching through a third file, as in Rodgers, JBES 2 (1984), used as an attack;
the comparison with a control set as in Stadler et al., USENIX Security 2022.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from polyveil import _validate
from polyveil.assess.measure import Measure
from polyveil.attack.result import AttackResult
from polyveil.attack.tables.contest import contest, health
from polyveil.attack.tables.linkage import THREAT
from polyveil.attack.tables.seats import Seats, seat
from polyveil.attack.tables.space import Points
from polyveil.attack.tables.table import Table
from polyveil.errors import UsageError

REACH = 0.25
"""Advantage that the attack must have where the rows themselves are released."""


@dataclass(frozen=True, slots=True)
class JoiningEvidence:
    """Who was joined rightly.

    Attributes:
      joined: by `Seats.releases`, bool (2n,): members, then control.
      seats: who sat where.
    """

    joined: Mapping[str, NDArray[np.bool_]] = field(repr=False)
    seats: Seats = field(repr=False)


@dataclass(frozen=True, slots=True)
class Joining:
    """The attacker with two lists, and the people he is judged on.

    Attributes:
      members: the rows that the release was made from. Secret.
      control: rows of the same population that it was not made from.
      first: columns of the first list; all others are in the second.
      gallery: candidates for each person.
      most: people on each side at most.
      tolerance: advantage that counts as nothing.
    """

    members: Table = field(repr=False)
    control: Table = field(repr=False)
    first: tuple[str, ...]
    gallery: int = 50
    most: int = 1000
    tolerance: float = 0.05
    seed: int = 0

    def __post_init__(self) -> None:
        _validate.at_least(2, gallery=self.gallery)
        if not self.first or not set(self.first) < set(self.members.names):
            raise UsageError("linkage: expected columns in both lists, and only such as there are.")

    @property
    def name(self) -> str:
        return f"linkage of {len(self.first)} columns with the others, galleries of {self.gallery}"

    def attempt(self, release: Table) -> JoiningEvidence:
        """Joins everybody.

        Raises:
          UsageError: too few rows, or no column in common on one of the lists.
        """
        seats = seat(release, self.members, self.control, most=self.most, seed=self.seed)
        one = seats.space.columns(self.first)
        two = np.setdiff1d(np.arange(len(seats.space.names)), one)
        if not len(two):
            raise UsageError("linkage: the release has no column of the second list.")
        releases = seats.releases(self.seed)
        return JoiningEvidence(
            {name: self._join(points, seats, one, two) for name, points in releases.items()}, seats
        )

    def _join(
        self, release: Points, seats: Seats, one: NDArray[np.intp], two: NDArray[np.intp]
    ) -> NDArray[np.bool_]:
        people = seats.people
        draw = np.random.default_rng([self.seed, 10])
        # Members and control are mixed in every gallery: the sides differ in nothing else.
        order = draw.permutation(len(people))
        joined = np.zeros(len(people), dtype=bool)
        for start in range(0, len(order), self.gallery):
            at = order[start : start + self.gallery]
            joined[at] = _best(seats, release, people[at], one, two) == np.arange(len(at))
        return joined

    def analyse(self, evidence: JoiningEvidence) -> AttackResult:
        """Share of members joined rightly, beside that of control people."""
        seats = evidence.seats
        contests = {n: contest(hit, seats.is_member) for n, hit in evidence.joined.items()}
        found = contests["release"]
        return AttackResult(
            attack=self.name,
            threat=THREAT,
            headline=Measure(
                "people whose two halves are joined",
                found.share,
                better="lower",
                baseline={
                    "chance": 1.0 / self.gallery,
                    "without the target": found.control_share,
                },
                attacker="holds two lists about the same people, without names, and the release",
                note="baseline: the same attack on people who are not behind the release",
            ),
            sentence=(
                f"With the release, {found.hits:,} of {found.tried:,} people behind it are found "
                f"again in a second list, among {self.gallery} candidates each; of people who are "
                f"not behind it, {found.control_hits:,} of {found.control_tried:,}."
            ),
            guards=health(
                seats,
                (self.members, self.control),
                contests,
                tolerance=self.tolerance,
                reach=REACH,
                seed=self.seed,
            ),
            p_value=found.p_value,
            tolerance=self.tolerance,
            measures=(
                Measure("advantage over people not behind it", found.advantage, better="lower"),
            ),
            not_tested=("other ways to divide the columns between the two lists",),
            arrays={
                "joined": evidence.joined["release"][seats.is_member],
                "member_rows": seats.member_rows,
            },
        )


def _best(
    seats: Seats, release: Points, people: Points, one: NDArray[np.intp], two: NDArray[np.intp]
) -> NDArray[np.intp]:
    """For each person's first half the candidate whose second half a released row fits best."""
    first = np.concatenate([gap for _, gap in seats.space.distances(people, release, one)])
    second = np.concatenate([gap for _, gap in seats.space.distances(people, release, two)])
    return np.array([int((gap + second).min(1).argmin()) for gap in first], dtype=np.intp)
