# SPDX-License-Identifier: Apache-2.0
"""Does a stand-in's name tell whose it is? Same initials, same length, same place in the alphabet.

A stand-in drawn by a key tells nothing but what it keeps on purpose: how many words, whether a
man's or a woman's name. One made by shifting letters, or taken from the next line of a sorted list,
tells more. The attacker learns from pairs of OTHER people how often each feature agrees, and weighs
it as record linkage does.

Source: Fellegi & Sunter, "A Theory for Record Linkage", JASA 64 (1969).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from polyveil.assess.measure import Measure
from polyveil.attack.guard import Guard
from polyveil.attack.people.judging import (
    MARGIN,
    dealt,
    enough_people,
    exposed,
    null_control,
    p_value,
)
from polyveil.attack.people.name_list import words_of
from polyveil.attack.people.names import THREAT, called_of
from polyveil.attack.people.observation import Observations
from polyveil.attack.people.ranks import RANKS, Ranked, first_places, within
from polyveil.attack.result import AttackResult
from polyveil.detect.wordlists import sex_of
from polyveil.errors import UsageError

FOLDS = 4
_KEPT = ("sex", "words")
"""Features that stand-ins keep on purpose."""


@dataclass(frozen=True, slots=True)
class Guessed:
    """Whose stand-in the attacker took each for.

    Attributes:
      released: by all features; told: by those that are kept on purpose.
      planted: stand-ins that keep first letters and lengths.
      shuffled: stand-ins dealt out to other people.
      kinds: (n,) the same where sex and number of words are.
    """

    released: Ranked
    told: Ranked
    planted: Ranked
    shuffled: Ranked
    kinds: NDArray[np.intp] = field(repr=False)


@dataclass(frozen=True, slots=True)
class StandInGuessing:
    """The attacker who learns how names were replaced."""

    seed: int = 0

    @property
    def name(self) -> str:
        """As a report prints it."""
        return "stand-in names, guessed from other pairs"

    def attempt(self, target: Observations) -> Guessed:
        """Raises UsageError below 2 * `FOLDS` people with one name before and one after."""
        pairs = _pairs(target)
        if len(pairs) < 2 * FOLDS:
            raise UsageError(
                f"stand-in names: {len(pairs)} people with one name before and one after; expected "
                f"{2 * FOLDS} or more."
            )
        old, new = [one for one, _ in pairs], [other for _, other in pairs]
        agree, names = _agreement(new, old)
        part = np.random.default_rng(self.seed).permutation(len(old)) % FOLDS
        kept = [at for at, name in enumerate(names) if name in _KEPT]
        # Letters turned round, first ones kept: what a careless tool does.
        careless = [tuple(word[0] + word[:0:-1] for word in name) for name in old]
        kinds = {kind: at for at, kind in enumerate(sorted({_kind(name) for name in old}, key=str))}
        return Guessed(
            _learned(agree, part),
            _learned(agree[:, :, kept], part),
            _learned(_agreement(careless, old)[0], part),
            _learned(agree[dealt(len(agree), seed=self.seed)], part),
            np.array([kinds[_kind(name)] for name in old], np.intp),
        )

    def analyse(self, evidence: Guessed) -> AttackResult:
        """Rank-1 beside what is kept on purpose."""
        rate, chance = evidence.released.rate(), evidence.released.chance()
        told, planted = evidence.told.rate().estimate, evidence.planted.rate()
        tolerance = MARGIN + max(0.0, told - chance)
        result = AttackResult(
            attack=self.name,
            threat=THREAT,
            headline=Measure(
                "stand-in name to real name, rank 1", rate, better="lower",
                baseline={"chance": chance, "sex and number of words alone": told},
                attacker=self.name,
            ),
            sentence=(
                f"Of {rate.n:,} people, the list's right name is picked first for a stand-in's "
                f"name in {rate.estimate:.1%} (95 % interval {rate.low:.1%} to {rate.high:.1%}); "
                f"guessing gives {chance:.1%}, sex and number of words alone {told:.1%}."
            ),
            guards=(
                Guard(
                    "positive control", "false comfort", planted.low > told + MARGIN,
                    f"Stand-ins that keep first letters and length are guessed in "
                    f"{planted.estimate:.1%}; expected more than {told + MARGIN:.1%}.",
                ),
                enough_people(rate.n),
                null_control(evidence.shuffled, "stand-ins", seed=self.seed),
            ),
            p_value=p_value(
                evidence.released, chance + tolerance, strata=evidence.kinds, seed=self.seed
            ),
            tolerance=tolerance,
            not_tested=("An attacker who has the project key, or a backup of the vault.",),
            arrays={"hits": evidence.released.hits},
        )  # fmt: skip
        if result.verdict != "leak demonstrated":
            return result
        return replace(result, exposed=exposed(evidence.released.hits[:, 0], "guessed"))


Name = tuple[str, ...]


def _pairs(target: Observations) -> list[tuple[Name, Name]]:
    """(real name, stand-in) of everybody whose records agree on both; in words, folded."""
    try:
        called = called_of(target)
    except UsageError:
        return []
    found: dict[Name, Name] = {}
    for names, records in zip(called.names, called.records, strict=True):
        real = {words_of(name) for name in names}
        stand_ins = Counter(
            words_of(one.after.names[0])
            for one in records
            if len(one.before.names) == len(one.after.names) == 1
            and words_of(one.before.names[0]) in real
        )
        usual = [name for name, _ in stand_ins.most_common(1) if name]
        if len(real) == 1 and usual and usual[0] not in real:
            found.setdefault(real.pop(), usual[0])
    return sorted((real, stand_in) for real, stand_in in found.items() if real)


def _agreement(
    new: Sequence[Name], old: Sequence[Name]
) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """(stand-ins, real names, features) 0 or 1, and what the features are called."""
    mine, theirs = [_features(name) for name in new], [_features(name) for name in old]
    order_new, order_old = _places(new), _places(old)
    names = (*mine[0], "place in the alphabet")
    table = np.zeros((len(new), len(old), len(names)))
    for at, name in enumerate(names[:-1]):
        left = np.array([str(one[name]) for one in mine])
        right = np.array([str(one[name]) for one in theirs])
        table[:, :, at] = left[:, None] == right[None]
    table[:, :, -1] = np.abs(order_new[:, None] - order_old[None]) <= 0.02 * len(old)
    return table, names


def _features(name: Name) -> dict[str, object]:
    first, last = name[0], name[-1]
    return {
        "sex": sex_of(first),
        "words": len(name),
        "first letter, first word": first[0],
        "first letter, last word": last[0],
        "last letter, first word": first[-1],
        "last letter, last word": last[-1],
        "length, first word": len(first),
        "length, last word": len(last),
        "vowels, first word": tuple(letter in "aeiouy" for letter in first),
        "vowels, last word": tuple(letter in "aeiouy" for letter in last),
    }


def _kind(name: Name) -> tuple[str | None, int]:
    return sex_of(name[0]), len(name)


def _places(names: Sequence[Name]) -> NDArray[np.intp]:
    """Places in the alphabetical order of last words."""
    return np.argsort(np.argsort([name[-1] for name in names], kind="stable"))


def _learned(agree: NDArray[np.float64], part: NDArray[np.intp]) -> Ranked:
    """Weights of agreement from all parts but one, applied to that one, whose gallery it is."""
    count = len(part)
    named, hits = np.zeros((count, count)), np.zeros((count, len(RANKS)))
    for one in np.unique(part):
        known, wanted = np.flatnonzero(part != one), np.flatnonzero(part == one)
        inner = agree[np.ix_(known, known)]
        same = inner[np.arange(len(known)), np.arange(len(known))]
        yes = (same.sum(axis=0) + 0.5) / (len(known) + 1)
        by_chance = (inner.sum(axis=(0, 1)) + 0.5) / (len(known) ** 2 + 1)
        on, off = np.log(yes / by_chance), np.log((1 - yes) / np.maximum(1e-9, 1 - by_chance))
        table = agree[np.ix_(wanted, wanted)] @ (on - off)
        named[np.ix_(wanted, wanted)] = first_places(np.round(table, 9))
        hits[wanted] = within(np.round(table, 9), np.arange(len(wanted)))
    return Ranked(named, hits, part)
