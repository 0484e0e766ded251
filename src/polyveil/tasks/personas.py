# SPDX-License-Identifier: Apache-2.0
"""Who gets which persona: the identity graph of the whole data set, cast at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal, cast

from polyveil.privacy.key import ProjectKey
from polyveil.privacy.pseudonym import Draw
from polyveil.records.face_clusters import FaceClusters
from polyveil.records.graph import IdentityGraph, Person
from polyveil.records.identity import LocalPerson
from polyveil.replace.casting import Part, PersonaRegistry, cast_all
from polyveil.replace.casting import cast as cast_one
from polyveil.replace.persona import Persona
from polyveil.tasks.find import embedder
from polyveil.tasks.settings import Settings

DRAWN_AGES = ("teenager", "adult", "senior")
"""Age bands to draw from where a persona does not keep the person's."""


def new_graph() -> IdentityGraph:
    """An empty identity graph; joins unnamed faces too where a recogniser is plugged in."""
    recogniser = embedder()
    return IdentityGraph(FaceClusters(recogniser.threshold) if recogniser else None)


class Personas:
    """Looks up the persona of a person of one record; the same human, the same persona."""

    def __init__(self, graph: IdentityGraph, key: ProjectKey, settings: Settings) -> None:
        self._graph = graph
        self.registry = PersonaRegistry()
        everyone = dict(graph.persons())
        self._ids = {root: person.id for root, person in everyone.items()}
        parts = (part_of(person, settings, key) for person in everyone.values())
        cast_all(key, parts, self.registry)

    def __len__(self) -> int:
        """How many humans there are."""
        return len(self._ids)

    def of(self, person: LocalPerson) -> Persona:
        """The persona of one person of one record that the graph was told of."""
        return self.registry.personas[self._ids[self._graph.person_id(person.keys)]]

    def originals(self, cast: Iterable[Persona]) -> dict[str, tuple[str, ...]]:
        """Persona's token -> the real names behind it. Secret."""
        return {persona.token: self.registry.originals[persona.token] for persona in cast}

    def all(self) -> Iterator[tuple[str, Persona]]:
        """(person id, persona), for the vault."""
        yield from self.registry.personas.items()


def part_of(person: Person, settings: Settings, key: ProjectKey) -> Part:
    """What the casting may know of a person under these settings; what it may not is drawn."""
    draw = Draw.of(key, "looks", person.id)
    sex = person.facet("sex") if settings.keep_sex else draw.pick(("man", "woman"))
    known = cast(Literal["man", "woman"], sex) if sex in ("man", "woman") else None
    return Part(
        person=person.id,
        names=tuple(surface for forms in person.surfaces.values() for surface in sorted(forms)),
        sex=known,
        age=person.facet("age") if settings.keep_age else draw.pick(DRAWN_AGES),
        # Both always, or each picture's own impression would pick another face of the stand-in.
        facets={facet: person.facet(facet) or "none" for facet in ("glasses", "beard")},
    )


def stranger(key: ProjectKey, name: str, sex: Literal["man", "woman"] | None = None) -> Persona:
    """A persona for someone whom only the second search found; equal names, equal personas."""
    return cast_one(key, Part(person=f"name:{name}", names=(name,), sex=sex), PersonaRegistry())
