# SPDX-License-Identifier: Apache-2.0
"""Singled out by looks: who knows how somebody is described finds the one record that says so.

An acquaintance knows that someone has red hair, wears glasses and a green coat. Each is common;
together they may be one record's alone. He picks the released text that shares most with what he
knows, rare things counting more. He needs no picture, no name and no original file.

Source: singling out as WP29 Opinion 05/2014, 2.2, has it.
"""

from __future__ import annotations

from collections import Counter
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
from polyveil.attack.people.observation import Observations, Words
from polyveil.attack.people.ranks import Ranked
from polyveil.attack.result import AttackResult
from polyveil.attack.threat import Threat
from polyveil.errors import UsageError
from polyveil.interval import clopper_pearson

THREAT = Threat(
    "singling-out",
    "Acquaintance who knows what somebody looks like",
    "texts of the output",
    "the person's looks as the original describes them: hair, clothes, glasses, age",
    risk="singling out",
)
_KEPT = frozenset({"sex", "age"})
_NO_LOOKS = frozenset({"count", "given", "family", "order", "title", "scheme"})

Looks = frozenset[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Singled:
    """Whose record was picked.

    Attributes:
      released, original: from texts after and before.
      told: by sex and age alone.
      shuffled: released texts dealt out to other records.
      alone: (n,) whether a record's looks, as originally told, are no other record's.
      kinds: (n,) the same where sex and age are.
    """

    released: Ranked
    original: Ranked
    told: Ranked
    shuffled: Ranked
    alone: NDArray[np.bool_] = field(repr=False)
    kinds: NDArray[np.intp] = field(repr=False)


@dataclass(frozen=True, slots=True)
class SinglingOut:
    """The acquaintance."""

    seed: int = 0

    @property
    def name(self) -> str:
        """As a report prints it."""
        return "singling out, by looks in words"

    def attempt(self, target: Observations) -> Singled:
        """Raises UsageError where fewer than two originals say what somebody looks like."""
        both = [(_looks(one.before), _looks(one.after)) for one in target.records]
        known = [old for old, _ in both if old]
        if len(known) < 2:
            raise UsageError(
                f"singling out: {len(known)} originals say what somebody looks like; expected 2 or "
                "more."
            )
        after = [new for old, new in both if old]
        table = _shared(known, after)
        plain = [frozenset(one for one in old if one[0] in _KEPT) for old in known]
        times = Counter(known)
        number = {kind: at for at, kind in enumerate(sorted(set(plain), key=sorted))}
        return Singled(
            Ranked.of(table), Ranked.of(_shared(known, known)), Ranked.of(_shared(plain, plain)),
            Ranked.of(table[:, dealt(len(known), seed=self.seed)]),
            np.array([times[one] == 1 for one in known]),
            np.array([number[one] for one in plain], np.intp),
        )  # fmt: skip

    def analyse(self, evidence: Singled) -> AttackResult:
        """Rank-1 of records beside sex and age."""
        rate, chance = evidence.released.rate(), evidence.released.chance()
        told, original = evidence.told.rate().estimate, evidence.original.rate().estimate
        tolerance = MARGIN + max(0.0, told - chance)
        return AttackResult(
            attack=self.name,
            threat=THREAT,
            headline=Measure(
                "records found by looks in words, rank 1", rate, better="lower",
                baseline={"chance": chance, "sex and age alone": told, "original": original},
                attacker=self.name,
            ),
            sentence=(
                f"Who knows how the originals describe somebody picks the right one of {rate.n:,} "
                f"released texts first for {rate.estimate:.1%} (95 % interval {rate.low:.1%} to "
                f"{rate.high:.1%}). Guessing gives {chance:.1%}, sex and age alone {told:.1%}, the "
                f"original texts {original:.1%}."
            ),
            guards=(
                strong(original, chance, "original texts"),
                enough_people(rate.n, "records"),
                null_control(evidence.shuffled, "released texts", seed=self.seed),
            ),
            p_value=p_value(
                evidence.released, chance + tolerance, strata=evidence.kinds, seed=self.seed
            ),
            tolerance=tolerance,
            measures=(
                Measure(
                    "records whose looks, as originally told, are no other record's",
                    clopper_pearson(int(evidence.alone.sum()), len(evidence.alone)),
                ),
            ),
            not_tested=(
                "Acquaintances who know place, date, occasion, or anything but looks in words.",
            ),
            arrays={"hits": evidence.released.hits},
        )  # fmt: skip


def _looks(words: Words) -> Looks:
    return frozenset(one for said in words.looks for one in said.items() if one[0] not in _NO_LOOKS)


def _shared(known: list[Looks], said: list[Looks]) -> NDArray[np.float64]:
    """(known, said): what both say, in nats of rarity, less what only one of them says."""
    every = sorted({one for looks in (*known, *said) for one in looks})
    place = {one: at for at, one in enumerate(every)}
    mine, theirs = (np.zeros((len(side), max(1, len(every)))) for side in (known, said))
    for rows, side in ((mine, known), (theirs, said)):
        for row, looks in zip(rows, side, strict=True):
            row[[place[one] for one in looks]] = 1.0
    rarity = np.log((1 + len(said)) / (1 + theirs.sum(axis=0)))
    common = (mine * rarity) @ theirs.T
    extra = (theirs * rarity).sum(axis=1)[None] - common
    return np.asarray(np.round(common - 0.5 * extra, 9), float)
