# SPDX-License-Identifier: Apache-2.0
"""Who is looked for and what was said of him: one original face and one text of everybody."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from polyveil.assess.reidentify import FEWEST
from polyveil.attack.people.name_list import words_of
from polyveil.attack.people.observation import Observations, Observed, Words
from polyveil.detect.facet_text import face_facets
from polyveil.errors import UsageError
from polyveil.records.finding import Face

_FACES: Mapping[str, tuple[str, str]] = {
    "smil": ("expression", "smiling"),
    "laugh": ("expression", "smiling"),
    "grin": ("expression", "smiling"),
    "frown": ("expression", "angry"),
    "cries": ("expression", "sad"),
    "crying": ("expression", "sad"),
    "bespectacled": ("glasses", "glasses"),
}
_WORD = re.compile(r"[a-z]+")


@dataclass(frozen=True, slots=True)
class Album:
    """Who is looked for.

    Attributes:
      faces: one original face of each of n people, with attributes.
      names: what each is called.
      before, after: one record's words of each, another record's where people have several.
      seen: the original face of that record.
      across: whether they have.
    """

    faces: tuple[Face, ...] = field(repr=False)
    names: tuple[tuple[str, ...], ...] = field(repr=False)
    before: tuple[Words, ...] = field(repr=False)
    after: tuple[Words, ...] = field(repr=False)
    seen: tuple[Face, ...] = field(repr=False)
    across: bool


def album_of(observations: Observations) -> Album:
    """One face and one text of everybody who has both; of different records where enough people
    have several.

    Raises:
      UsageError: fewer than two people have both.
    """
    groups: dict[str, list[Observed]] = {}
    for one in observations.records:
        if one.sights and (one.before.text or one.after.text):
            groups.setdefault(one.person, []).append(one)
    several = {person: own for person, own in groups.items() if len(own) > 1}
    across = len(several) >= FEWEST
    chosen = several if across else groups
    if len(chosen) < 2:
        raise UsageError(
            f"caption to face: {len(chosen)} people with a face and a text; expected 2 or more."
        )
    held = [own[0] for own in chosen.values()]
    said = [own[1 if across else 0] for own in chosen.values()]
    return Album(
        faces=tuple(one.sights[0].face for one in held),
        names=tuple((one.label,) if one.label and words_of(one.label) else one.before.names
                    for one in held),
        before=tuple(one.before for one in said),
        after=tuple(one.after for one in said),
        seen=tuple(one.sights[0].face for one in said),
        across=across,
    )  # fmt: skip


def spoken_looks(words: Words) -> list[dict[str, str]]:
    """What a text says about looks: facets that do not contradict each other, gathered; one
    gathering for each person it may speak of."""
    found: list[dict[str, str]] = []
    for mention in (*words.looks, *_faces(words.text)):
        facets = face_facets(mention)
        for one in found:
            if all(one.get(name, value) == value for name, value in facets.items()):
                one.update(facets)
                break
        else:
            if facets:
                found.append(dict(facets))
    return found


def _faces(text: str) -> Iterable[dict[str, str]]:
    for word in _WORD.findall(text.lower()):
        for stem, (facet, value) in _FACES.items():
            if word.startswith(stem):
                yield {facet: value}
