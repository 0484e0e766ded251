# SPDX-License-Identifier: Apache-2.0
"""Stand-ins for everything that is not a person's name, keyed by what it is.

The same place, number or address gets the same stand-in in every record of a project; without the
key nobody can tell which one it stands for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from polyveil.privacy.key import ProjectKey
from polyveil.privacy.pseudonym import Draw
from polyveil.records.finding import Kind
from polyveil.replace import ages, dates, numbers, online, phones, places
from polyveil.replace.casting import SHIFT_DAYS, name_words
from polyveil.replace.name_shape import parse
from polyveil.replace.names import bank
from polyveil.replace.persona import Persona
from polyveil.replace.spoken_name import spoken

_NONE: Mapping[str, str] = MappingProxyType({})

_BY_SURFACE: Mapping[Kind, Callable[[str, Draw], str]] = {
    Kind.CARD: numbers.card,
    Kind.IBAN: numbers.iban,
    Kind.PLATE: numbers.plate,
    Kind.IP: online.ip,
    Kind.MAC: online.mac,
    Kind.URL: online.url,
    Kind.COORDINATES: places.coordinates,
}
_BY_WORDS: Mapping[Kind, Callable[[str, Draw, frozenset[str]], str]] = {
    Kind.PLACE: places.place,
    Kind.ORGANISATION: places.organisation,
    Kind.ADDRESS: places.address,
}


def project_shift(key: ProjectKey, *parts: str) -> int:
    """Days by which dates move that belong to no person; of the project, or of a record."""
    draw = Draw.of(key, "date-shift", *parts)
    return draw.between(*SHIFT_DAYS) * (1 if draw.below(2) else -1)


def cast_thing(
    key: ProjectKey,
    kind: Kind,
    canonical: str,
    surface: str,
    *,
    facets: Mapping[str, str] = _NONE,
    persona: Persona | None = None,
    originals: Sequence[str] = (),
    shift_days: int | None = None,
    avoid: frozenset[str] = frozenset(),
) -> str:
    """The stand-in for one surface of a thing.

    Args:
      kind: what it is; an expression is no thing, see `attributes`.
      canonical: one spelling for one thing; decides the stand-in. Secret.
      surface: as written; decides its format. Secret.
      facets: of the mention: the scheme of a national identifier.
      persona: whose it is, for names, e-mail, handles, ages and dates.
      originals: real names of that person. Secret.
      shift_days: for dates without a persona; None: the project's.
      avoid: folded words that a stand-in place or firm may not hold.
    """
    draw = Draw.of(key, f"thing/{kind}", canonical)
    if kind in _BY_SURFACE:
        return _BY_SURFACE[kind](surface, draw)
    if kind in _BY_WORDS:
        return _BY_WORDS[kind](surface, draw, avoid)
    match kind:
        case Kind.NAME:
            return spoken(
                persona or _passer_by(draw, surface, canonical, avoid), surface, originals
            )
        case Kind.EMAIL:
            return online.email(surface, draw, persona, originals)
        case Kind.HANDLE:
            return online.handle(surface, draw, persona, originals)
        case Kind.PHONE:
            return phones.fictional(surface, canonical, draw)
        case Kind.NATIONAL_ID:
            return numbers.national_id(surface, facets.get("scheme", ""), draw)
        case Kind.DATE:
            days = persona.date_shift_days if persona else shift_days or project_shift(key)
            return dates.shift(surface, days, canonical) or _other(surface, draw)
        case Kind.AGE:
            steps = Draw.from_token(persona.token, "age") if persona else draw
            moved = ages.move(surface, steps)
            return _other(surface, draw) if moved is None else moved
    raise ValueError(f"expected a kind of thing, got {kind}.")


def already_stand_in(kind: Kind, surface: str) -> bool:
    """Whether a surface lies in a range that only stand-ins and examples use."""
    match kind:
        case Kind.IP:
            return online.is_documentation_ip(surface)
        case Kind.CARD:
            return numbers.is_test_card(surface)
        case Kind.IBAN:
            return numbers.is_reserved_iban(surface)
        case Kind.PHONE:
            return phones.is_fictional(surface)
    return False


def _other(surface: str, draw: Draw) -> str:
    """Keyed letters and digits in the same shape, where the content is not understood."""
    return numbers.plate(surface, draw)


def _passer_by(draw: Draw, surface: str, canonical: str, avoid: frozenset[str]) -> Persona:
    """A persona for a name that no graph has linked to a person."""
    shape = parse(surface)
    names = bank(shape.script)
    own = avoid | set(name_words(surface)) | set(name_words(canonical))

    def fresh(listed: Sequence[str]) -> str:
        for _ in range(200):
            name = draw.pick(listed)
            if own.isdisjoint(name_words(name)):
                break
        return name

    givens, families = shape.counts
    return Persona(
        given=tuple(fresh(names.given(None)) for _ in range(max(1, givens))),
        family=tuple(fresh(names.family(None)) for _ in range(max(1, families))),
        sex=None,
        age=None,
        face_seed=draw.below(1 << 64),
        date_shift_days=draw.between(*SHIFT_DAYS),
        token=f"{draw.below(1 << 128):032x}",
        script=shape.script,
    )
