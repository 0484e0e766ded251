# SPDX-License-Identifier: Apache-2.0
"""Source match: who has the original files finds each of them again, by all that was kept.

Replaced faces and names hide who somebody is from those who do not have the originals. A background
and the shape of a sentence stay, so that this attacker nearly always succeeds: what he links are
RECORDS to records that he holds, and he learns what was put in place of what. It says nothing about
whether a stranger recognises anyone, and is reported as a threat of its own.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from polyveil.assess.measure import Measure
from polyveil.attack.guard import Guard
from polyveil.attack.people.judging import (
    MARGIN,
    dealt,
    enough_people,
    null_control,
    p_value,
    strong,
)
from polyveil.attack.people.observation import Observations
from polyveil.attack.people.ranks import RANKS, Ranked
from polyveil.attack.people.same_picture import likeness
from polyveil.attack.result import AttackResult
from polyveil.attack.threat import Threat
from polyveil.detect.facet_text import bags
from polyveil.errors import UsageError

THREAT = Threat(
    "source-match",
    "Holder of the original files",
    "the output",
    "the originals; matches backgrounds and sentence shapes",
    risk="linkability",
)


@dataclass(frozen=True, slots=True)
class Matched:
    """Which original each released record was matched to.

    Attributes:
      released: by picture outside the faces and text together.
      pictures, texts: by one of them alone; None where fewer than two records have it.
      original: originals matched to themselves, to see how many are there twice.
      shuffled: released records dealt out to others.
      circular: the truth itself rests on how pictures look.
    """

    released: Ranked
    pictures: Ranked | None
    texts: Ranked | None
    original: Ranked
    shuffled: Ranked
    circular: bool = False


@dataclass(frozen=True, slots=True)
class SourceMatch:
    """The attacker who has the files."""

    seed: int = 0

    @property
    def name(self) -> str:
        """As a report prints it."""
        return "source match, by background and text"

    def attempt(self, target: Observations) -> Matched:
        """Raises UsageError below two records."""
        records = target.records
        if len(records) < 2:
            raise UsageError(f"source match: {len(records)} records; expected 2 or more.")
        after, before = _pictures(target)
        written, source = _texts(target)
        both, own = after + written, before + source
        return Matched(
            released=Ranked.of(both),
            pictures=Ranked.of(after) if np.ptp(after) > 0 else None,
            texts=Ranked.of(written) if np.ptp(written) > 0 else None,
            original=Ranked.of(own),
            shuffled=Ranked.of(both[dealt(len(both), seed=self.seed)]),
            circular=target.matched_by_picture,
        )

    def analyse(self, evidence: Matched) -> AttackResult:
        """Rank-1 of records beside chance."""
        rate, chance = evidence.released.rate(), evidence.released.chance()
        original = evidence.original.rate().estimate
        return AttackResult(
            attack=self.name,
            threat=THREAT,
            headline=Measure(
                "released record to its original, rank 1", rate, better="lower",
                baseline={"chance": chance, "original": original}, attacker=self.name,
                note="Of records, not of people: who holds the originals already knows them.",
            ),
            sentence=(
                f"Who has the original files matches {rate.estimate:.1%} of {rate.n:,} released "
                f"records to theirs (95 % interval {rate.low:.1%} to {rate.high:.1%}; guessing "
                f"gives {chance:.1%}), by backgrounds and sentences, which are kept. This does not "
                "say that anyone without the files recognises a person."
            ),
            guards=_guards(evidence, chance, original, seed=self.seed),
            p_value=p_value(evidence.released, chance + MARGIN, seed=self.seed),
            tolerance=MARGIN,
            measures=_measures(evidence),
            notes=(
                "Replacing faces and names keeps the rest on purpose. Do not give the originals to "
                "recipients of the release.",
            ),
            arrays={"hits": evidence.released.hits},
        )  # fmt: skip


def _pictures(target: Observations) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(released, originals) and (originals, originals): likeness of pictures, 0 without one."""
    count = len(target.records)
    after, before = np.zeros((count, count)), np.zeros((count, count))
    has = [at for at, one in enumerate(target.records) if one.looks is not None]
    if len(has) > 1:
        old, new = zip(*(one.looks for one in target.records if one.looks), strict=True)
        # A release may be resized: then shapes differ everywhere and tell nothing.
        sized = [replace(b, shape=a.shape) for a, b in zip(old, new, strict=True)]
        after[np.ix_(has, has)] = likeness(sized, old)
        before[np.ix_(has, has)] = likeness(old, old)
    return after, before


def _texts(target: Observations) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Likeness of texts: words and their pieces, rare ones counting more."""
    before = bags([one.before.text for one in target.records])
    after = bags([one.after.text for one in target.records])
    known = np.log((1 + len(before)) / (1 + (before > 0).sum(axis=0))).astype(np.float32)
    before, after = (rows * known for rows in (before, after))
    before, after = (
        rows / (np.linalg.norm(rows, axis=1, keepdims=True) + 1e-9) for rows in (before, after)
    )
    return (after @ before.T).astype(float), (before @ before.T).astype(float)


def _guards(found: Matched, chance: float, original: float, *, seed: int) -> tuple[Guard, ...]:
    return (
        strong(original, chance, "originals themselves"),
        enough_people(found.released.people, "records"),
        null_control(found.shuffled, "released records", seed=seed),
        Guard(
            "truth of its own", "false alarm", not found.circular,
            "Which record belongs to which was known from rows or names."
            if not found.circular
            else "Which record belongs to which was itself told by how pictures look.",
        ),
    )  # fmt: skip


def _measures(found: Matched) -> tuple[Measure, ...]:
    ways = {"pictures outside the faces": found.pictures, "texts": found.texts}
    alone = tuple(
        Measure(f"released record to its original by {way} alone, rank 1", ranked.rate(),
                better="lower", baseline={"chance": ranked.chance()})
        for way, ranked in ways.items() if ranked is not None
    )  # fmt: skip
    further = tuple(
        Measure(f"released record to its original, rank {k}", found.released.rate(k),
                better="lower", baseline={"chance": found.released.chance(k)})
        for k in RANKS[1:] if found.released.chance(k) < 1
    )  # fmt: skip
    return (*alone, *further)
