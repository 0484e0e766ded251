# SPDX-License-Identifier: Apache-2.0
"""Casting: who gets which persona. HMAC(project key, person) decides; a registry keeps names apart.

Guarantees, repeated by tests: two persons never share a full name; no stand-in bears the full name
of a real person of the data set; the same key and the same set of persons give the same personas
in whatever order they are asked for. Names alone do not suffice: 20,000 draws from such lists hold
about 18,000 distinct names.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any, Literal

from polyveil.errors import UsageError
from polyveil.privacy.key import ProjectKey
from polyveil.privacy.pseudonym import Draw
from polyveil.records.facets import FACE_FACETS
from polyveil.replace.name_shape import NameShape, Role, parse
from polyveil.replace.names import LETTER, UNSPACED, NameBank, bank, fold
from polyveil.replace.persona import Persona, written

SHIFT_DAYS = (184, 547)
"""Smallest and largest date shift; its sign is drawn too. A year alone moves by exactly one."""

_FRESH_TRIES = 48
_FRESH_PERSONS = 250  # beyond it, few given names are left that nobody bears
_UNRELATED_TRIES = 160
_PLAIN_TRIES = 400
_LAST_TRY = 4000

_LETTERS = re.compile(f"{LETTER}+")

Sex = Literal["man", "woman"]


@dataclass(frozen=True, slots=True)
class Part:
    """What is known of one person before casting.

    Attributes:
      person: canonical id of the person. Secret.
      names: real names of the person as they came, any form. Secret.
      sex, age, facets: as text and face tell; kept by the persona.
      locale: a locale of Faker's such as "de_DE" to draw names from; None: by script.
      avoid: folded words that the stand-in may not hold, e.g. of names in the same records. Secret.
    """

    person: str = field(repr=False)
    names: tuple[str, ...] = field(default=(), repr=False)
    sex: Sex | None = None
    age: str | None = None
    facets: Mapping[str, str] = field(default_factory=dict)
    locale: str | None = None
    avoid: frozenset[str] = field(default=frozenset(), repr=False)


@dataclass(slots=True)
class PersonaRegistry:
    """Which persona everyone has, which names are taken. Secret: it links persons to personas."""

    real_names: set[str] = field(default_factory=set, repr=False)
    """Folded real names of the data set: no stand-in is called so."""
    real_words: set[str] = field(default_factory=set, repr=False)
    personas: dict[str, Persona] = field(default_factory=dict, repr=False)
    """Person -> persona."""
    originals: dict[str, tuple[str, ...]] = field(default_factory=dict, repr=False)
    """Persona's token -> the real names it stands in for."""
    _taken: set[str] = field(default_factory=set, repr=False)
    _used_words: set[str] = field(default_factory=set, repr=False)

    def know(self, names: Iterable[str]) -> None:
        """Tells real names, so that no stand-in is called so. Tell all of them before casting."""
        for name in names:
            words = name_words(name)
            self.real_names.add(" ".join(words))
            self.real_words.update(words)

    def is_stand_in(self, name: str) -> bool:
        """Whether a full name is one that this registry gave out."""
        return " ".join(name_words(name)) in self._taken

    def to_json(self) -> dict[str, Any]:
        """JSON values, for a vault."""
        return {
            "real_names": sorted(self.real_names),
            "personas": {person: p.to_json() for person, p in self.personas.items()},
            "originals": {token: list(names) for token, names in self.originals.items()},
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> PersonaRegistry:
        """The registry that `to_json` wrote."""
        registry = cls()
        registry.know(values["real_names"])
        for person, persona in values["personas"].items():
            registry._keep(person, Persona.from_json(persona))
        registry.originals = {t: tuple(names) for t, names in values["originals"].items()}
        return registry

    def _keep(self, person: str, persona: Persona) -> None:
        self.personas[person] = persona
        self._taken.add(" ".join(name_words(persona.full_name)))
        self._used_words.update(name_words(persona.full_name))

    def _fits(self, name: str, part: Part, own: set[str], attempt: int) -> bool:
        """Whether a name may be given; fresh words are a wish, uniqueness is not."""
        words = name_words(name)
        folded = " ".join(words)
        if folded in self._taken or folded in self.real_names or own & set(words):
            return False
        fresh = attempt < _FRESH_TRIES and len(self._taken) < _FRESH_PERSONS
        if fresh and not self._used_words.isdisjoint(words):
            return False
        if attempt < _UNRELATED_TRIES and not self.real_words.isdisjoint(words):
            return False
        return part.avoid.isdisjoint(words)


def name_words(name: str) -> tuple[str, ...]:
    """The folded words of a name, hyphens and punctuation gone."""
    return tuple(_LETTERS.findall(fold(name)))


def cast(key: ProjectKey, part: Part, registry: PersonaRegistry) -> Persona:
    """The persona of one person: the one it already has, or a new one.

    Raises:
      UsageError: every name that the lists can make is taken; the message says what to do.
    """
    if part.person in registry.personas:
        return registry.personas[part.person]
    _check(part)
    registry.know(part.names)
    shape = _most_complete(part.names)
    mac = key.mac("persona", part.person)
    draw = Draw.of(key, "persona", part.person)
    face_seed = draw.below(1 << 64)
    shift = draw.between(*SHIFT_DAYS) * (1 if draw.below(2) else -1)
    given, family = _unique_name(draw, part, shape, registry)
    persona = Persona(
        given=given,
        family=family,
        sex=part.sex,
        age=part.age,
        face_seed=face_seed,
        date_shift_days=shift,
        token=mac[:16].hex(),
        facets=dict(part.facets),
        script=shape.script,
    )
    registry._keep(part.person, persona)
    registry.originals[persona.token] = part.names
    return persona


def cast_all(key: ProjectKey, parts: Iterable[Part], registry: PersonaRegistry) -> None:
    """Casts many persons. The result depends on their set, not its order: HMAC decides that."""
    waiting = {part.person: part for part in parts}
    for part in waiting.values():
        registry.know(part.names)
    for part in sorted(waiting.values(), key=lambda p: key.mac("casting-order", p.person)):
        cast(key, part, registry)


def recast(persona: Persona, **changes: Any) -> Persona:
    """The same persona with other facets, sex or age: what the new face shows decides."""
    return replace(persona, **changes)


def extra_name(persona: Persona, role: Role, rank: int) -> str:
    """A further given or family name of a persona, for a surface with more words than it has."""
    own = persona.given if role is Role.GIVEN else persona.family
    if rank < len(own):
        return own[rank]
    names = bank(persona.script)
    listed = names.given(persona.sex) if role is Role.GIVEN else names.family(persona.sex)
    draw = Draw.from_token(persona.token, f"extra/{role}", str(rank))
    taken = {fold(name) for name in persona.given + persona.family}
    return next(name for name in iter(lambda: draw.pick(listed), "") if fold(name) not in taken)


def _unique_name(
    draw: Draw, part: Part, shape: NameShape, registry: PersonaRegistry
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    names = bank(shape.script, part.locale)
    givens, families = (max(1, number) for number in shape.counts)
    own = {word for name in part.names for word in name_words(name) if len(word) > 1}
    for attempt in count():
        given, family = _candidate(draw, names, givens, families, part.sex, shape.script, attempt)
        if registry._fits(written(given, family, shape.script), part, own, attempt):
            return given, family
        if attempt >= _LAST_TRY:
            break
    raise UsageError(
        f"no free {shape.script} name is left after {len(registry.personas)} personas. "
        "Name a locale with more names, or split the data set into projects with keys of their own."
    )


def _candidate(
    draw: Draw,
    names: NameBank,
    givens: int,
    families: int,
    sex: Sex | None,
    script: str,
    attempt: int,
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """A name by chance; where plain names have run out, one with a compound in it."""
    given = [draw.pick(names.given(sex)) for _ in range(givens)]
    family = [draw.pick(names.family(sex)) for _ in range(families)]
    if attempt >= _PLAIN_TRIES:
        if script in UNSPACED:
            given[0] += draw.pick(names.given(sex))
        else:
            family[-1] += "-" + draw.pick(names.family(sex))
    return tuple(given), tuple(family)


def _most_complete(names: Sequence[str]) -> NameShape:
    shapes = [parse(name) for name in names]
    full = [shape for shape in shapes if shape.words]
    return max(full, key=lambda shape: shape.completeness) if full else NameShape("", (), "latin")


def _check(part: Part) -> None:
    if part.age is not None and part.age not in FACE_FACETS["age"]:
        raise UsageError(f"expected age in {FACE_FACETS['age']} or None, got {part.age!r}.")
    if part.sex not in (None, *FACE_FACETS["sex"]):
        raise UsageError(f"expected sex in {FACE_FACETS['sex']} or None, got {part.sex!r}.")
