# SPDX-License-Identifier: Apache-2.0
"""Dictionary attack: who has a complete list of the people, whom does he find in the release?

He looks for every name in every reading (see `name_list`), and hashes the list to guess tokens,
labels and file names (see `hashes`). Beside it stands how often he reads OTHER people's names in a
person's text: a stand-in may be called what somebody else is really called.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from polyveil.assess.measure import Measure
from polyveil.attack.guard import Guard
from polyveil.attack.multiplicity import all_trials
from polyveil.attack.people.hashes import HashDictionary
from polyveil.attack.people.judging import (
    beyond,
    dealt,
    enough_people,
    exposed,
    null_control,
    strong,
)
from polyveil.attack.people.name_list import LEVELS, NameList, words_of
from polyveil.attack.people.observation import Observations, Observed
from polyveil.attack.people.ranks import RANKS, Ranked, share_of_people
from polyveil.attack.result import AttackResult, Effort
from polyveil.attack.threat import Threat
from polyveil.errors import UsageError
from polyveil.interval import Interval

THREAT = Threat(
    "dictionary",
    "Recipient who guesses names",
    "texts, stand-in names, tokens and file names of the output",
    "a complete list of the people; how the tool works, not its key",
    risk="linkability",
)


_SAME_NAME = 1e-6
"""How often a stand-in's whole name is the person's own by chance: there are over a million."""


@dataclass(frozen=True, slots=True)
class Called:
    """Who is called what.

    Attributes:
      people: tokens of the people, in order.
      names: names of each, as the originals say them.
      hashed: names and labels of each, for those who hash them.
      records: records of each.
    """

    people: tuple[str, ...]
    names: tuple[tuple[str, ...], ...] = field(repr=False)
    hashed: tuple[tuple[str, ...], ...] = field(repr=False)
    records: tuple[tuple[Observed, ...], ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Read:
    """Which names were read in whose text.

    Attributes:
      released, original: (n, n) uint8, row: whose texts, column: whose name; 0 or 1 + its level.
      hashed: (n, n) bool: a token of the row's person is a hash of the column's.
      guesses: hashes that were made.
      whole: every record that is paired was read, so that what is found is all there is.
    """

    released: NDArray[np.uint8] = field(repr=False)
    original: NDArray[np.uint8] = field(repr=False)
    hashed: NDArray[np.bool_] = field(repr=False)
    guesses: int
    whole: bool


@dataclass(frozen=True, slots=True)
class NameGuessing:
    """The attacker with the list."""

    seed: int = 0

    @property
    def name(self) -> str:
        """As a report prints it."""
        return "names, dictionary of all originals"

    def attempt(self, target: Observations) -> Read:
        """Raises UsageError where the originals name nobody."""
        called = called_of(target)
        names, hashes = NameList.of(called.names), HashDictionary.of(called.hashed)
        count = len(called.people)
        released, original = (np.zeros((count, count), np.uint8) for _ in range(2))
        hashed = np.zeros((count, count), bool)
        for row, records in enumerate(called.records):
            for one in records:
                for table, words in ((released, one.after), (original, one.before)):
                    for column, level in names.read(words.text).items():
                        table[row, column] = max(table[row, column], 1 + LEVELS.index(level))
                hashed[
                    row, list(hashes.read((one.after.text, one.file or "", one.alias or "")))
                ] = True
        whole = len(target.records) >= target.paired
        return Read(released, original, hashed, hashes.guesses, whole)

    def analyse(self, evidence: Read) -> AttackResult:
        """How many are found by their own name, beside how many by another's."""
        hits = (evidence.released > 0) | evidence.hashed
        others, own = _others(hits), np.diag(hits).astype(float)
        rate = _rate(own, whole=evidence.whole)
        original = float(np.diag(evidence.original > 0).mean())
        headline = Measure(
            "people found by their name", rate, better="lower",
            baseline={"chance": others, "original": original}, attacker=self.name,
            note="Chance: how often another person's name is read in someone's text.",
        )  # fmt: skip
        result = AttackResult(
            attack=self.name,
            threat=THREAT,
            headline=headline,
            sentence=(
                f"Of {rate.n:,} people, {int(own.sum()):,} are found in their released text by a "
                f"name from the list, or by a token that is a hash of it; another person's name is "
                f"read there in {others:.1%} of cases, and {original:.1%} are named in their "
                "originals."
            ),
            guards=_guards(evidence, original, others),
            p_value=_coincidence(evidence, hits),
            measures=_measures(evidence),
            effort=Effort(queries=evidence.guesses),
            not_tested=(
                "Nicknames, translations, and names that the list does not have.",
                "Secret keys that are neither empty nor a common word.",
            ),
            arrays={"hits": own, "released": evidence.released, "hashed": evidence.hashed},
        )
        if result.verdict != "leak demonstrated":
            return result
        return replace(result, exposed=exposed(own, "found by name"))


def called_of(observations: Observations) -> Called:
    """Who is called what in the originals: labels that are names, and the names in their texts.

    Raises:
      UsageError: nobody is named.
    """
    groups: dict[str, list[Observed]] = defaultdict(list)
    for one in observations.records:
        groups[one.person].append(one)
    people, names, hashed, records = [], [], [], []
    for person, own in groups.items():
        label = own[0].label
        said = _said(own, label)
        if said or label:
            people.append(person)
            names.append(said)
            hashed.append((*said, label) if label else said)
            records.append(tuple(own))
    if not any(names):
        raise UsageError(
            "names: the originals name nobody; expected names in their texts or as labels (column "
            "person)."
        )
    kept = [at for at, one in enumerate(names) if one]
    return Called(*(tuple(values[at] for at in kept) for values in
                    (people, names, hashed, records)))  # type: ignore[arg-type]  # fmt: skip


def _said(own: Sequence[Observed], label: str | None) -> tuple[str, ...]:
    """The label where it is a name, which then is the name; else the names in the texts."""
    if label is not None and len(words_of(label)) > 1 and not any(map(str.isdigit, label)):
        return (label,)
    if label is None or len(own) == 1:
        return tuple(sorted({name for one in own for name in one.before.names if words_of(name)}))
    # Of a person with a label that is no name: what most of the records say.
    counts: dict[str, int] = defaultdict(int)
    for one in own:
        for name in set(one.before.names):
            counts[name] += 1
    return tuple(sorted(name for name, count in counts.items() if 2 * count > len(own)))


def _as_ranked(hits: NDArray[np.bool_]) -> Ranked:
    own = np.diag(hits).astype(float)
    table = np.repeat(own[:, None], len(RANKS), axis=1)
    return Ranked(hits.astype(float), table, np.zeros(len(own), np.intp))


def _rate(own: NDArray[np.float64], *, whole: bool) -> Interval:
    """Exact where everything was read: then nobody was sampled, and each name left is one."""
    found = share_of_people(own)
    if not whole:
        return found
    share = found.estimate
    return Interval(share, share, share, found.n, "exact: every paired record was read")


def _coincidence(evidence: Read, hits: NDArray[np.bool_]) -> float:
    """Chance that so many are found by their own names if stand-ins were drawn from nowhere.

    Whole names and hashes are told from parts and misspellings, which coincide more often; what
    others' names do in the same texts is the measure of both, and the better look is paid for.
    """
    whole = (evidence.released >= 1 + LEVELS.index("disguised")) | evidence.hashed
    cells = max(1, len(hits) * (len(hits) - 1))
    sure = max(_others(whole), _SAME_NAME)
    any_name = (_others(hits) * cells + 1) / (cells + 1)
    looks = (
        beyond(np.diag(whole).astype(float), sure), beyond(np.diag(hits).astype(float), any_name)
    )  # fmt: skip
    return all_trials(min(looks), len(looks))


def _others(hits: NDArray[np.bool_]) -> float:
    count = len(hits)
    return float((hits.sum() - np.diag(hits).sum()) / max(1, count * (count - 1)))


def _guards(evidence: Read, original: float, others: float) -> tuple[Guard, ...]:
    hits = (evidence.released > 0) | evidence.hashed
    return (
        strong(original, others, "original texts"),
        enough_people(len(hits)),
        null_control(_as_ranked(hits[:, dealt(len(hits))]), "names"),
    )


def _measures(evidence: Read) -> tuple[Measure, ...]:
    own, source = np.diag(evidence.released), np.diag(evidence.original)
    by_level = tuple(
        Measure(
            f"people named in their own text: {level}",
            share_of_people((own == 1 + at).astype(float)), better="lower",
            baseline={"original": float((source == 1 + at).mean())},
        )
        for at, level in reversed(list(enumerate(LEVELS)))
    )  # fmt: skip
    tokens = Measure(
        "people with a token that is a hash of their name",
        share_of_people(np.diag(evidence.hashed).astype(float)), better="lower",
        note=f"{evidence.guesses:,} hashes were tried.",
    )  # fmt: skip
    return (*by_level, tokens)
