# SPDX-License-Identifier: Apache-2.0
"""Singling out: who holds the release describes exactly one person behind it.

The attacker sees the release alone and writes down descriptions; one succeeds if it fits exactly
one of the members. A description that is common enough does so by luck, so that only rare ones
count (rarer than one in n, judged on people set apart), and each is tried on as many people who are
not behind the release: what succeeds there as often, generalisation found.

Source: Cohen & Nissim, "Towards Formalizing the GDPR's Notion of Singling Out", PNAS 2020,
https://arxiv.org/abs/1904.06009.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from polyveil import _validate
from polyveil.assess.measure import Measure
from polyveil.attack.result import AttackResult, Effort, Exposed
from polyveil.attack.tables.contest import Contest, by_draws, health
from polyveil.attack.tables.predicates import Predicates, describe, distinct
from polyveil.attack.tables.seats import Seats, seat
from polyveil.attack.tables.space import Points
from polyveil.attack.tables.table import Table
from polyveil.attack.threat import Threat
from polyveil.errors import UsageError
from polyveil.interval import clopper_pearson

THREAT = Threat(
    "singling-out-table",
    "someone who reads the released table and describes single people by it",
    "the released rows, nothing else",
    "nothing about anybody",
    risk="singling out",
)
REACH = 0.5
"""Share of guesses that must succeed where the rows themselves are released."""
_DRAWS = 1999
_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class Tried:
    """One release attacked.

    Attributes:
      fits: bool (guesses, 2n): members, then control.
      kind: of each guess.
      weight: share of the people set apart that each guess fits.
      made: guesses before the common ones were left out.
      rows: different rows of the release that they were made from.
    """

    fits: NDArray[np.bool_] = field(repr=False)
    kind: NDArray[np.str_] = field(repr=False)
    weight: NDArray[np.float64] = field(repr=False)
    made: int
    rows: int


@dataclass(frozen=True, slots=True)
class SinglingOutEvidence:
    """The guesses on the release in question and on those of which the truth is known.

    Attributes:
      tried: by `Seats.releases`.
      seats: who sat where.
    """

    tried: Mapping[str, Tried] = field(repr=False)
    seats: Seats = field(repr=False)


@dataclass(frozen=True, slots=True)
class SinglingOut:
    """The attacker and the people he is judged on.

    Attributes:
      members: the rows that the release was made from. Secret; no guess is made from them.
      control: rows of the same population that it was not made from.
      guesses: descriptions written down at most.
      widths: half-widths of intervals around a number, as shares of the column's range.
      most: people on each side at most.
      tolerance: advantage that counts as nothing.
    """

    members: Table = field(repr=False)
    control: Table = field(repr=False)
    guesses: int = 1000
    widths: tuple[float, ...] = (0.01, 0.05, 0.15)
    most: int = 2000
    tolerance: float = 0.02
    seed: int = 0

    def __post_init__(self) -> None:
        _validate.at_least(1, guesses=self.guesses)
        _validate.positive(**{f"widths[{at}]": width for at, width in enumerate(self.widths)})
        if not self.widths:
            raise UsageError("singling out: no widths; expected one or more.")

    @property
    def name(self) -> str:
        return f"singling out, {self.guesses:,} guesses"

    def attempt(self, release: Table) -> SinglingOutEvidence:
        """Guesses from the release, tried on members and control.

        Raises:
          UsageError: too few rows, or no column in common.
        """
        seats = seat(release, self.members, self.control, most=self.most, seed=self.seed)
        releases = seats.releases(self.seed)
        return SinglingOutEvidence(
            {name: self._try(points, seats) for name, points in releases.items()}, seats
        )

    def _try(self, release: Points, seats: Seats) -> Tried:
        made = describe(
            release,
            seats.space.category,
            guesses=self.guesses,
            widths=self.widths,
            seed=self.seed,
        )
        fitting = made.fits(seats.spare).sum(1) if len(made) else np.zeros(0)
        # Where the people set apart are the release, each guess was made around one of them.
        weight = (fitting - (release is seats.spare)) / len(seats.spare)
        rare = weight <= 1.0 / len(seats)
        kept: Predicates = made.at(rare)
        return Tried(
            kept.fits(seats.people), kept.kind, weight[rare], len(made), len(distinct(release))
        )

    def analyse(self, evidence: SinglingOutEvidence) -> AttackResult:
        """Share of guesses that fit exactly one member, beside exactly one control person."""
        seats, tried = evidence.seats, evidence.tried["release"]
        contests = {
            name: isolations(one.fits, seats.is_member, rows=one.rows, seed=self.seed)
            for name, one in evidence.tried.items()
        }
        found = contests["release"]
        counts = tried.fits[_isolating(tried.fits, seats.is_member)][:, seats.is_member].sum(0)
        return AttackResult(
            attack=self.name,
            threat=THREAT,
            headline=Measure(
                "guesses that fit exactly one person behind the release",
                found.share,
                better="lower",
                baseline={"without the target": found.control_share},
                attacker="holds the release alone",
                note="baseline: the same guesses on as many people who are not behind it",
            ),
            sentence=_sentence(found, int((counts > 0).sum()), len(seats)),
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
            measures=_measures(found, contests["null"], tried, counts, len(seats)),
            exposed=_exposed(counts),
            effort=Effort(queries=0, trials=1),
            not_tested=("an attacker who knows more than the release", "values of free text"),
            arrays={
                "people_isolated_by": counts,
                "member_rows": seats.member_rows,
                "weight": tried.weight,
            },
        )


def isolations(
    fits: NDArray[np.bool_],
    is_member: NDArray[np.bool_],
    *,
    rows: int = 0,
    seed: int = 0,
    draws: int = _DRAWS,
) -> Contest:
    """Guesses that fit exactly one member against those that fit exactly one control person.

    Args:
      rows: different rows that the guesses were made from: guesses from one row go together.

    The test deals the people anew to both sides: it is exact however the guesses overlap.
    """
    inside = int(_isolating(fits, is_member).sum())
    outside = int(_isolating(fits, ~is_member).sum())
    tried = fits[fits.any(1)].astype(np.float32)
    draw = np.random.default_rng([seed, 5])

    def deals() -> Iterator[bool]:
        for start in range(0, draws, _AT_ONCE):
            count = min(_AT_ONCE, draws - start)
            sides = np.stack([draw.permutation(is_member) for _ in range(count)])
            first = tried @ sides.T.astype(np.float32)
            other = tried.sum(1, keepdims=True) - first
            gaps = (first == 1).sum(0) - (other == 1).sum(0)
            yield from (gaps >= inside - outside).tolist()

    return Contest(inside, len(fits), outside, len(fits), by_draws(deals(), draws), rows)


def _isolating(fits: NDArray[np.bool_], side: NDArray[np.bool_]) -> NDArray[np.bool_]:
    alone: NDArray[np.bool_] = fits[:, side].sum(1) == 1
    return alone


def _sentence(found: Contest, people: int, n: int) -> str:
    return (
        f"Of {found.tried:,} descriptions written from the release alone, {found.hits:,} fit "
        f"exactly one of {n:,} people behind it ({people:,} different people); on as many people "
        f"who are not behind it, {found.control_hits:,} do."
    )


def _measures(
    found: Contest, null: Contest, tried: Tried, counts: NDArray[np.int64], n: int
) -> tuple[Measure, ...]:
    lucky = float((n * tried.weight * (1 - tried.weight) ** (n - 1)).mean()) if found.tried else 0.0
    return (
        Measure("advantage over people not behind it", found.advantage, better="lower"),
        Measure(
            "people singled out by any guess",
            clopper_pearson(int((counts > 0).sum()), n),
            better="lower",
        ),
        Measure(
            "guesses from other people's rows that fit exactly one",
            null.share,
            note="what describing the population gives, without the release",
        ),
        Measure(
            "weight of a guess",
            float(tried.weight.mean()) if found.tried else 0.0,
            note=f"share of people set apart that it fits; at this weight {lucky:.1%} fit one of "
            f"{n:,} by luck; of {tried.made:,} guesses {found.tried:,} were rare enough",
        ),
    )


def _exposed(counts: NDArray[np.int64]) -> tuple[Exposed, ...]:
    order = np.argsort(-counts, kind="stable")[:5]
    return tuple(
        Exposed(f"record {place}", float(counts[at]), f"fits {counts[at]:,} guesses alone")
        for place, at in enumerate(order, start=1)
        if counts[at]
    )
