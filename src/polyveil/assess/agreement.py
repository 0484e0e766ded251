# SPDX-License-Identifier: Apache-2.0
"""Does the picture still show what the words say? Compared in the alignment space, by person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from polyveil.records.facets import FACE_FACETS
from polyveil.records.finding import Face


class Alignment(Protocol):
    """What agreement needs of an alignment model."""

    def agreement(self, face: Face, facets: Mapping[str, str]) -> float:
        """How well a described person agrees with a face, in [0, 1]."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """One person's words against one face of the output.

    Attributes:
      person: index into RecordIdentities.persons.
      score: [0, 1].
      said: the facets that the words state.
      seen: for each of them, what the face shows.
    """

    person: int
    score: float
    said: Mapping[str, str]
    seen: Mapping[str, str] = field(default_factory=dict)


def agreement(
    model: Alignment, person: int, face: Face, said: Mapping[str, str]
) -> Agreement | None:
    """None where the words say nothing that a face could show."""
    visible = {facet: value for facet, value in said.items() if facet in FACE_FACETS}
    if not visible:
        return None
    seen = {facet: face.likely(facet, above=0.0) or "" for facet in visible}
    return Agreement(person, float(model.agreement(face, visible)), visible, seen)


def disagreeing(found: Sequence[Agreement], *, least: float) -> list[Agreement]:
    """Those below the bar."""
    return [one for one in found if one.score < least]
