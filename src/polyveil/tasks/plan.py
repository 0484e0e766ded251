# SPDX-License-Identifier: Apache-2.0
"""The plan of one record: whom to replace by whom. What a second search finds joins it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from polyveil.records.finding import Face, Mention
from polyveil.replace.persona import Persona
from polyveil.tasks.find import Found


@dataclass(frozen=True, slots=True)
class Plan:
    """Whom to replace by whom.

    Attributes:
      faces, face_of: faces, and for each the index of its persona.
      mentions, mention_of: mentions, and for each the index of its persona or None.
      personas: who stands in.
      originals: persona's token -> real names. Secret.
      shown: persona -> facet -> value, what its face was seen to show; outranks what it should.
    """

    faces: tuple[Face, ...]
    face_of: tuple[int, ...]
    mentions: tuple[Mention, ...]
    mention_of: tuple[int | None, ...]
    personas: tuple[Persona, ...]
    originals: Mapping[str, tuple[str, ...]] = field(default_factory=dict, repr=False)
    shown: Mapping[int, Mapping[str, str]] = field(default_factory=dict)

    @staticmethod
    def of(
        found: Found,
        personas: Sequence[Persona],
        originals: Mapping[str, tuple[str, ...]],
    ) -> Plan:
        """The plan that the find stage suggests."""
        persons = found.identities.persons
        face_of = {face: at for at, person in enumerate(persons) for face in person.faces}
        mention_of = {index: at for at, person in enumerate(persons) for index in person.mentions}
        findings = found.findings
        return Plan(
            faces=findings.faces,
            face_of=tuple(face_of[face] for face in range(len(findings.faces))),
            mentions=findings.mentions,
            mention_of=tuple(mention_of.get(index) for index in range(len(findings.mentions))),
            personas=tuple(personas),
            originals=originals,
        )

    def with_face(self, face: Face, persona: Persona) -> Plan:
        """The plan with one more person, of whom only a face is known."""
        return replace(
            self,
            faces=(*self.faces, face),
            face_of=(*self.face_of, len(self.personas)),
            personas=(*self.personas, persona),
        )

    def with_mention(self, mention: Mention, persona: Persona | None) -> Plan:
        """The plan with one more mention; of a new person if there is a persona."""
        return replace(
            self,
            mentions=(*self.mentions, mention),
            mention_of=(*self.mention_of, len(self.personas) if persona else None),
            personas=(*self.personas, persona) if persona else self.personas,
        )
