# SPDX-License-Identifier: Apache-2.0
"""One stand-in for one person: how well a recipient links the records of somebody he cannot name.

That the same person looks and is called the same in all records is what keeps a data set usable,
and it is linkability all the same: whoever recognises one record of somebody has them all. So it is
measured and said, as a threat of its own.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from polyveil.assess.measure import Measure
from polyveil.attack.people.judging import (
    MARGIN,
    dealt,
    enough_people,
    null_control,
    p_value,
    strong,
)
from polyveil.attack.people.name_list import words_of
from polyveil.attack.people.observation import Observations, Observed
from polyveil.attack.people.ranks import Ranked, rank
from polyveil.attack.result import AttackResult
from polyveil.attack.threat import Threat
from polyveil.errors import UsageError

THREAT = Threat(
    "cross-record",
    "Recipient who joins records",
    "the output",
    "nothing else: he looks for the same face, name or label in several records",
    risk="linkability",
)
_EACH = 6


@dataclass(frozen=True, slots=True)
class Joined:
    """Whose records were joined.

    Attributes:
      released: by face, name and label together; original: the same on the originals.
      ways: by one of them alone.
      shuffled: records dealt out.
    """

    released: Ranked
    original: Ranked
    ways: dict[str, Ranked] = field(repr=False)
    shuffled: Ranked


@dataclass(frozen=True, slots=True)
class RecordLinkage:
    """The recipient who joins.

    Attributes:
      recogniser: its place in `Observations.recognisers`.
    """

    recogniser: int = 0
    draws: int = 50
    seed: int = 0

    @property
    def name(self) -> str:
        """As a report prints it."""
        return "records of one person, joined"

    def attempt(self, target: Observations) -> Joined:
        """Raises UsageError where fewer than two people have several records."""
        groups: dict[str, list[Observed]] = defaultdict(list)
        for one in target.records:
            if one.label is not None:
                groups[one.person].append(one)
        own = [records[:_EACH] for records in groups.values() if len(records) > 1]
        if len(own) < 2:
            raise UsageError(
                f"joined records: {len(own)} people with several; expected 2 or more, and a column "
                "person that says who they are."
            )
        records = [one for several in own for one in several]
        who = np.array([at for at, several in enumerate(own) for _ in several])
        ways = {
            "face": _faces(records, self.recogniser, 2),
            "name": _overlap([_words(one.after.names) for one in records]),
            "label": _overlap([frozenset([one.alias] if one.alias else []) for one in records]),
        }
        old = _faces(records, self.recogniser, 0) + _overlap(
            [_words(one.before.names) for one in records]
        )
        both = np.sum(list(ways.values()), axis=0)
        return Joined(
            self._rank(both, who), self._rank(old, who),
            {way: self._rank(table, who) for way, table in ways.items() if np.ptp(table) > 0},
            self._rank(both[dealt(len(both), seed=self.seed)], who),
        )  # fmt: skip

    def analyse(self, evidence: Joined) -> AttackResult:
        """Rank-1 beside chance."""
        rate, chance = evidence.released.rate(), evidence.released.chance()
        original = evidence.original.rate().estimate
        return AttackResult(
            attack=self.name,
            threat=THREAT,
            headline=Measure(
                "two released records of one person, rank 1", rate,
                baseline={"chance": chance, "original": original}, attacker=self.name,
                note="High where every person has one stand-in, as is wanted.",
            ),
            sentence=(
                f"Of {rate.n:,} people, two records of the same one are joined in "
                f"{rate.estimate:.1%} of tries (95 % interval {rate.low:.1%} to {rate.high:.1%}; "
                f"guessing gives {chance:.1%}, the originals {original:.1%}). One stand-in a "
                "person is wanted; who recognises one of these records has the others."
            ),
            guards=(
                strong(original, chance, "originals"),
                enough_people(rate.n),
                null_control(evidence.shuffled, "records", seed=self.seed),
            ),
            p_value=p_value(evidence.released, chance + MARGIN, seed=self.seed),
            tolerance=MARGIN,
            measures=tuple(
                Measure(f"two released records of one person by {way} alone, rank 1", one.rate(),
                        baseline={"chance": one.chance()})
                for way, one in evidence.ways.items()
            ),
            arrays={"hits": evidence.released.hits},
        )  # fmt: skip

    def _rank(self, table: NDArray[np.float64], who: NDArray[np.intp]) -> Ranked:
        gallery = np.zeros(int(who.max()) + 1, np.intp)
        return rank(np.round(table, 6), who, gallery, draws=self.draws, seed=self.seed)


def _faces(records: list[Observed], recogniser: int, side: int) -> NDArray[np.float64]:
    """Cosines of the main faces on one side (0 original, 2 released); 0 without a face."""
    vectors = [
        one.sights[0].rows[recogniser][side] if one.sights and one.sights[0].rows else None
        for one in records
    ]
    size = next((len(one) for one in vectors if one is not None), 1)
    rows = np.stack([np.zeros(size) if one is None else one for one in vectors]).astype(float)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True) + 1e-9
    return np.asarray(rows @ rows.T, float)


def _words(names: tuple[str, ...]) -> frozenset[str]:
    return frozenset(word for name in names for word in words_of(name))


def _overlap(sets: list[frozenset[str]]) -> NDArray[np.float64]:
    """Share of words in common; 0 where one says nothing."""
    vocabulary = {word: at for at, word in enumerate(sorted(frozenset().union(*sets)))}
    rows = np.zeros((len(sets), max(1, len(vocabulary))))
    for row, own in zip(rows, sets, strict=True):
        row[[vocabulary[word] for word in own]] = 1.0
    common = rows @ rows.T
    size = rows.sum(axis=1)
    return np.asarray(common / np.maximum(1.0, size[:, None] + size[None] - common), float)
