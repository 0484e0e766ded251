# SPDX-License-Identifier: Apache-2.0
"""From the words of a release to an original face: which of N people does this caption speak of?

The attacker holds one original picture of everybody with their names, as an album has them. He
reads in a released text what somebody looks like, and any name from his album, and picks the face
that fits best. Stand-ins keep sex and age band on purpose; that much is allowed for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from polyveil.assess.measure import Measure
from polyveil.attack.guard import Guard
from polyveil.attack.people.album import album_of, spoken_looks
from polyveil.attack.people.judging import (
    MARGIN,
    dealt,
    enough_people,
    exposed,
    null_control,
    p_value,
)
from polyveil.attack.people.name_list import LEVELS, NameList, words_of
from polyveil.attack.people.observation import Observations
from polyveil.attack.people.ranks import RANKS, Ranked
from polyveil.attack.result import AttackResult
from polyveil.attack.threat import Threat
from polyveil.detect.alignment import AlignmentModel
from polyveil.detect.facet_text import face_facets
from polyveil.records.finding import Face

THREAT = Threat(
    "caption-to-face",
    "Recipient who links text and picture",
    "both sides of one record",
    "what everybody looks like and is called: one original picture each, with names",
    risk="linkability",
)

_NAMED: Mapping[str, float] = dict(zip(LEVELS, (6.0, 15.0, 30.0, 30.0), strict=True))
"""Nats that a name of the album is worth, by how surely it is read; looks add up to a few."""


@dataclass(frozen=True, slots=True)
class Picked:
    """Whom the attacker picked, from words of several sorts.

    Attributes:
      released, original: by looks and names, of the texts after and before.
      looks, looks_before: by looks alone.
      planted: from texts that say what the face looks like and what the person is called.
      shuffled: released texts dealt out to other people.
      told: by sex and age band alone, read off the faces.
      kinds: (n,) the same where people look of one sex and age band.
      silent: texts that say nothing about looks or names of the album.
    """

    released: Ranked
    original: Ranked
    looks: Ranked
    looks_before: Ranked
    planted: Ranked
    shuffled: Ranked
    told: Ranked
    kinds: NDArray[np.intp] = field(repr=False)
    silent: int
    across: bool


@dataclass(frozen=True, slots=True)
class TextToFace:
    """The attacker who reads."""

    seed: int = 0

    @property
    def name(self) -> str:
        """As a report prints it."""
        return "caption to face, by looks and names"

    def attempt(self, target: Observations) -> Picked:
        """Raises UsageError where fewer than two people have a face and a text."""
        album = album_of(target)
        names = NameList.of(album.names)
        fits = _Fits(album.faces)
        by_name = np.stack([_named(names, words.text) for words in album.after])
        by_looks = fits.table(map(spoken_looks, album.after))
        old_names = np.stack([_named(names, words.text) for words in album.before])
        old_looks = fits.table(map(spoken_looks, album.before))
        plain = fits.table([[_shown(face)] for face in album.seen])
        known = np.diag([_NAMED["full"] if any(map(words_of, own)) else 0.0 for own in album.names])
        kinds = _kinds(album.faces)
        same = (_kinds(album.seen, album.faces)[:, None] == kinds[None]).astype(float)
        both = by_looks + by_name
        return Picked(
            released=Ranked.of(both),
            original=Ranked.of(old_looks + old_names),
            looks=Ranked.of(by_looks),
            looks_before=Ranked.of(old_looks),
            planted=Ranked.of(plain + known),
            shuffled=Ranked.of(both[dealt(len(both), seed=self.seed)]),
            told=Ranked.of(same),
            kinds=kinds,
            silent=int((np.ptp(both, axis=1) == 0).sum()),
            across=album.across,
        )

    def analyse(self, evidence: Picked) -> AttackResult:
        """Rank-1 beside chance, before and after."""
        rate, chance = evidence.released.rate(), evidence.released.chance()
        told, original = evidence.told.rate().estimate, evidence.original.rate().estimate
        tolerance = MARGIN + max(0.0, told - chance)
        result = AttackResult(
            attack=self.name,
            threat=THREAT,
            headline=Measure(
                "caption to original face, rank 1", rate, better="lower",
                baseline={"chance": chance, "sex and age band alone": told, "original": original},
                attacker=self.name,
                note="Share of texts whose person's original face is picked first.",
            ),
            sentence=(
                f"From the released text of {rate.n:,} people, this attacker picks the right face "
                f"among {rate.n:,} originals first for {rate.estimate:.1%} (95 % interval "
                f"{rate.low:.1%} to {rate.high:.1%}). Guessing gives {chance:.1%}, sex and age "
                f"band alone {told:.1%}, the original texts {original:.1%}."
            ),
            guards=_guards(evidence, seed=self.seed),
            p_value=p_value(
                evidence.released, chance + tolerance, strata=evidence.kinds, seed=self.seed
            ),
            tolerance=tolerance,
            measures=_measures(evidence),
            not_tested=(
                "Readers who know clothes, occasion or place, and language models as readers.",
            ),
            notes=_notes(evidence),
            arrays={"hits": evidence.released.hits, "named": evidence.released.named},
        )  # fmt: skip
        if result.verdict != "leak demonstrated":
            return result
        return replace(result, exposed=exposed(evidence.released.hits[:, 0], "picked"))


class _Fits:
    """How well faces fit a description; each facet and value is looked up once."""

    def __init__(self, faces: Sequence[Face]) -> None:
        self._faces = faces
        self._odds = cache(self._column)

    def table(self, texts: Iterable[Sequence[Mapping[str, str]]]) -> NDArray[np.float64]:
        """(texts, faces): log odds of the best of each text's descriptions; 0 says nothing."""
        rows = []
        for described in texts:
            scores = [
                sum((self._odds(*one) for one in face_facets(facets).items()),
                    np.zeros(len(self._faces)))
                for facets in described
            ]  # fmt: skip
            rows.append(np.max(scores, axis=0) if scores else np.zeros(len(self._faces)))
        return np.stack(rows)

    def _column(self, facet: str, value: str) -> NDArray[np.float64]:
        odds = AlignmentModel().log_odds
        return np.array([odds(face, {facet: value}) for face in self._faces])


def _named(names: NameList, text: str) -> NDArray[np.float64]:
    """(n,) what the names read in a text are worth."""
    worth = np.zeros(names.people)
    for person, level in names.read(text).items():
        worth[person] = _NAMED[level]
    return worth


def _shown(face: Face) -> dict[str, str]:
    likely = {facet: face.likely(facet) for facet in face.attributes}
    return face_facets({facet: value for facet, value in likely.items() if value is not None})


def _kinds(faces: Sequence[Face], others: Sequence[Face] = ()) -> NDArray[np.intp]:
    """(n,) sex and age band as numbers, the same numbers as for `others`."""
    kinds = [(face.likely("sex"), face.likely("age")) for face in faces]
    known = sorted(
        {*kinds, *((face.likely("sex"), face.likely("age")) for face in others)}, key=str
    )
    return np.array([known.index(kind) for kind in kinds], np.intp)


def _guards(found: Picked, *, seed: int) -> tuple[Guard, ...]:
    planted, chance = found.planted.rate(), found.planted.chance()
    return (
        Guard(
            "positive control", "false comfort", planted.low > chance + MARGIN,
            f"From texts into which looks and names were put back he picks {planted.estimate:.1%} "
            f"first; expected more than {chance + MARGIN:.1%}.",
        ),
        enough_people(found.released.people),
        null_control(found.shuffled, "released texts", seed=seed),
    )  # fmt: skip


def _measures(found: Picked) -> tuple[Measure, ...]:
    further = tuple(
        Measure(
            f"caption to original face, rank {k}", found.released.rate(k), better="lower",
            baseline={"chance": found.released.chance(k), "original":
                      found.original.rate(k).estimate},
        )
        for k in RANKS[1:] if found.released.chance(k) < 1
    )  # fmt: skip
    looks = Measure(
        "caption to original face by looks alone, rank 1", found.looks.rate(), better="lower",
        baseline={"chance": found.looks.chance(),
                  "original": found.looks_before.rate().estimate},
    )  # fmt: skip
    return (looks, *further)


def _notes(found: Picked) -> tuple[str, ...]:
    held = (
        "The texts are of other records than the pictures that he holds."
        if found.across
        else "Text and picture are of the same record."
    )
    return (held, f"{found.silent:,} texts say nothing that tells people of the album apart.")
