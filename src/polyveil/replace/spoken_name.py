# SPDX-License-Identifier: Apache-2.0
"""A persona's name written into the shape of the name it stands in for."""

from __future__ import annotations

import re
from collections.abc import Sequence

from polyveil.replace.casting import extra_name
from polyveil.replace.name_shape import NameShape, NameWord, Role, parse, parts
from polyveil.replace.names import fold
from polyveil.replace.persona import Persona

_POSSESSIVE = re.compile(r"['’][sS]$")
_TITLE_PAIRS = tuple(
    (man, woman)
    for pair in (  # noqa: SIM905
        "mr/ms mr/mrs mr/miss sir/lady sir/madam lord/lady sir/dame herr/frau monsieur/madame "
        "m/mme "
        "senor/senora señor/señora sr/sra signor/signora don/dona uncle/aunt uncle/auntie "
        "grandpa/grandma king/queen prince/princess father/sister brother/sister господин/госпожа"
    ).split()
    for man, woman in [pair.split("/")]
)
_TO_WOMAN = dict(reversed(_TITLE_PAIRS))
_TO_MAN = {woman: man for man, woman in reversed(_TITLE_PAIRS)}


def spoken(persona: Persona, surface: str, originals: Sequence[str] = ()) -> str:
    """The stand-in for one surface form of a name.

    Args:
      persona: who stands in.
      surface: the name as written: full, first, last, initials, "Last, First", "the Smiths",
        "Ann's".
      originals: other forms of the same person's name; they tell whether a lone word is the family
        name.
    """
    known = parts([*originals, surface])
    tail = _POSSESSIVE.search(surface)
    body = surface[: tail.start()] if tail else surface
    ending = tail.group() if tail else ""
    plural = _plural(body, known[Role.FAMILY])
    if plural:
        start, word = plural
        name = extra_name(persona, Role.FAMILY, 0)
        return body[:start] + like(word, pluralised(name)) + ending
    shape = parse(body, family=known[Role.FAMILY], given=known[Role.GIVEN])
    return _written(persona, shape, known[Role.GIVEN], known[Role.FAMILY]) + ending


def _written(
    persona: Persona, shape: NameShape, given: tuple[str, ...], family: tuple[str, ...]
) -> str:
    pieces, at = [], 0
    for word in shape.words:
        pieces += [shape.surface[at : word.start], _word(persona, word, given, family)]
        at = word.end
    return "".join([*pieces, shape.surface[at:]])


def _word(persona: Persona, word: NameWord, given: tuple[str, ...], family: tuple[str, ...]) -> str:
    if word.role is Role.TITLE:
        return _title(word.text, persona.sex)
    if word.role in (Role.PARTICLE, Role.SUFFIX):
        return word.text
    known = given if word.role is Role.GIVEN else family
    folded = fold(word.text)
    rank = known.index(folded) if folded in known else word.rank
    name = extra_name(persona, word.role, rank)
    if word.initial:
        return name[:1].lower() if word.text.islower() else name[:1].upper()
    return like(word.text, name)


def like(model: str, text: str) -> str:
    """Text in the case of the model: JOHN -> all capitals, john -> none, John -> as listed."""
    if model.isupper() and len(model) > 1:
        return text.upper()
    return text.lower() if model.islower() else text


def pluralised(name: str) -> str:
    """A family's name: the Smiths, the Joneses."""
    return name + ("es" if name.lower().endswith(("s", "x", "z", "ch", "sh")) else "s")


def _plural(body: str, family: tuple[str, ...]) -> tuple[int, str] | None:
    """Where and what the plural of a family name is, if the surface is one."""
    match = re.fullmatch(r"((?:[Tt]he|THE)\s+)?([^\W\d_]{3,}[sS])", body)
    if not match:
        return None
    word = fold(match.group(2))
    known = any(word == fold(pluralised(name)) for name in family)
    return (match.start(2), match.group(2)) if known or match.group(1) else None


def _title(text: str, sex: str | None) -> str:
    pairs = {"woman": _TO_WOMAN, "man": _TO_MAN}.get(sex or "", {})
    other = pairs.get(text.lower())
    if other is None:
        return text
    return (
        other.upper()
        if text.isupper() and len(text) > 1
        else (other.capitalize() if text[0].isupper() else other)
    )
