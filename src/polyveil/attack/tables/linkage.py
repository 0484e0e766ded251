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
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from polyveil import _validate
from polyveil.attack.guard import Guard
from polyveil.attack.result import AttackResult, Effort, Exposed
from polyveil.attack.tables import uniqueness
from polyveil.attack.tables.contest import by_draws
from polyveil.attack.tables.seats import FEWEST, PLANTED
from polyveil.attack.tables.space import MEMORY, Points, Space
from polyveil.attack.tables.table import Table
from polyveil.attack.threat import Threat
from polyveil.errors import UsageError
from polyveil.verify.interval import clopper_pearson
from polyveil.verify.measure import Measure

THREAT = Threat(
    "linkage-table",
    "someone who knows a few things about a person",
    "the released rows",
    "the person's values in some columns",
    risk="linkability",
)
ECCENTRICITY = 1.5
"""By how many standard deviations of all votes the first must lead the second to be claimed."""
REACH = 0.5
"""Share of people that must be found where their rows themselves are released."""
_DRAWS = 4999


@dataclass(frozen=True, slots=True)
class Search:
    """One release searched for everybody.

    Attributes:
      guess: row of the release named for each person, (n,).
      rank: place of the right row, 1 the best; released rows + 1 where there is none.
      claimed: the attacker is sure.
      origin: of each row of the release, the person it came from, or -1.
    """

    guess: NDArray[np.intp] = field(repr=False)
    rank: NDArray[np.intp] = field(repr=False)
    claimed: NDArray[np.bool_] = field(repr=False)
    origin: NDArray[np.intp] = field(repr=False)

    @property
    def found(self) -> NDArray[np.bool_]:
        """bool (n,): the named row is the person's."""
        right: NDArray[np.bool_] = self.origin[self.guess] == np.arange(len(self.guess))
        return right


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
        search = self.searches["release"]
        right = int((search.origin >= 0).sum())
        return right / (len(search.guess) * len(self.released))


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
        searches = {
            name: self._search(known, points, truth, space)
            for name, (points, truth) in _releases(released, known, origin, draw).items()
        }
        strangers = None
        if self.control is not None:
            others = space.points(self.control)[: self.most]
            strangers = float(self._search(others, released, origin, space).claimed.mean())
        return LinkageEvidence(searches, strangers, known, released, rows)

    def _search(
        self, known: Points, released: Points, origin: NDArray[np.intp], space: Space
    ) -> Search:
        step = max(1, MEMORY // (8 * len(released)))
        draw = np.random.default_rng([self.seed, 8])
        mine = np.full(len(known), -1)
        held = np.flatnonzero(origin >= 0)
        mine[origin[held[origin[held] < len(known)]]] = held[origin[held] < len(known)]
        guess, rank = np.empty(len(known), np.intp), np.empty(len(known), np.intp)
        claimed = np.empty(len(known), bool)
        for start in range(0, len(known), step):
            block = slice(start, min(start + step, len(known)))
            votes = scoreboard(known[block], released, space.category, self.bandwidth)
            # Equal votes are broken at random, never by the order of the rows.
            votes += 1e-9 * draw.random(votes.shape)
            guess[block] = votes.argmax(1)
            claimed[block] = _eccentric(votes)
            right = np.take_along_axis(votes, np.maximum(mine[block], 0)[:, None], 1)
            place = (votes > right).sum(1) + 1
            rank[block] = np.where(mine[block] >= 0, place, len(released) + 1)
        return Search(guess, rank, claimed, origin)

    def analyse(self, evidence: LinkageEvidence) -> AttackResult:
        """Share of people whose row is named first, beside one in all released rows."""
        search = evidence.searches["release"]
        n, size = len(search.guess), len(evidence.released)
        hits = int(search.found.sum())
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
            p_value=swapped(search, seed=self.seed),
            tolerance=self.tolerance,
            measures=(
                *_ranks(search, size),
                *_claims(search, evidence.strangers),
                *uniqueness.measures(evidence.known, "people"),
                *uniqueness.measures(evidence.released, "release"),
            ),
            curves=(uniqueness.uniqueness_curve(evidence.known, "people", seed=self.seed),),
            exposed=_exposed(search),
            effort=Effort(trials=1),
            not_tested=("other columns than the known ones", "known values that are wrong"),
            arrays={"rank": search.rank, "claimed": search.claimed, "member_rows": evidence.rows},
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


def scoreboard(
    known: Points, released: Points, category: NDArray[np.bool_], bandwidth: float
) -> NDArray[np.float64]:
    """Votes (people, released rows): the sum over columns of weight x similarity.

    The similarity of numbers is exp(-|difference| / bandwidth), of categories equality; the weight
    is 1 / log(1 + rows that are close), so that a value that few have speaks loudest. What is
    missing on either side does not vote.
    """
    votes = np.zeros((len(known), len(released)))
    for column, is_category in enumerate(category):
        gap = known[:, None, column] - released[None, :, column]
        if is_category:
            alike = (gap == 0).astype(np.float64)
        else:
            alike = np.nan_to_num(np.exp(-np.abs(gap) / bandwidth), nan=0.0)
        close = (alike >= np.exp(-1.0)).sum(1, keepdims=True)
        votes += alike / np.log1p(np.maximum(close, 1))
    return votes


def swapped(search: Search, *, draws: int = _DRAWS, seed: int = 0) -> float:
    """Chance of so many found, had the rows been dealt to the people at random."""
    draw = np.random.default_rng([seed, 9])
    people = np.arange(len(search.guess))
    reached = int(search.found.sum())

    def deal() -> bool:
        origin = draw.permutation(search.origin)
        return int((origin[search.guess] == people).sum()) >= reached

    return by_draws((deal() for _ in range(draws)), draws)


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
        "null": (released, draw.permutation(origin)),
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


def _eccentric(votes: NDArray[np.float64]) -> NDArray[np.bool_]:
    if votes.shape[1] < 2:
        return np.zeros(len(votes), dtype=bool)
    second, first = np.partition(votes, -2, axis=1)[:, -2:].T
    stands_out: NDArray[np.bool_] = first - second > ECCENTRICITY * votes.std(1)
    return stands_out


def _ranks(search: Search, size: int) -> tuple[Measure, ...]:
    n = len(search.guess)
    return tuple(
        Measure(
            f"right row among the first {k}",
            clopper_pearson(int((search.rank <= k).sum()), n),
            better="lower",
            baseline={"chance": min(1.0, k / size)},
        )
        for k in (5, 10)
        if k < size
    )


def _claims(search: Search, strangers: float | None) -> tuple[Measure, ...]:
    claimed = int(search.claimed.sum())
    right = int((search.claimed & search.found).sum())
    beside = {} if strangers is None else {"people without a row": strangers}
    return (
        Measure(
            "people for whom the attacker is sure",
            clopper_pearson(claimed, len(search.guess)),
            better="lower",
            baseline=beside,
        ),
        Measure("of these right", clopper_pearson(right, claimed), better="lower"),
    )


def _exposed(search: Search) -> tuple[Exposed, ...]:
    hit = np.flatnonzero(search.claimed & search.found)[:5]
    return tuple(
        Exposed(f"record {place}", 1.0, "found, and the attacker is sure of it")
        for place, _ in enumerate(hit, start=1)
    )
