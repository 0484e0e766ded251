# SPDX-License-Identifier: Apache-2.0
"""The shape of a name: which of its words is a title, a given name, an initial, a family name.

A stand-in is written into the same shape: "Dr. J. SMITH-JONES" and "smith, john" keep their words,
initials, hyphens, order and case.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from polyveil.records.titles import TITLES, is_title
from polyveil.replace.names import LETTER, UNSPACED, bank, fold, script_of, vocabulary

__all__ = ["PARTICLES", "SUFFIXES", "TITLES", "NameShape", "NameWord", "Role", "parse", "parts"]


class Role(StrEnum):
    """What a word of a name is."""

    TITLE = "title"
    GIVEN = "given"
    PARTICLE = "particle"
    FAMILY = "family"
    SUFFIX = "suffix"


@dataclass(frozen=True, slots=True)
class NameWord:
    """A word of a name.

    Attributes:
      text: as written, without punctuation around it. Secret.
      role: what it is.
      start, end: characters [start, end) of the surface.
      initial: it stands for a longer name: "J", "J.".
      rank: 0 for the first given or family name, 1 for the second...
    """

    text: str
    role: Role
    start: int
    end: int
    initial: bool = False
    rank: int = 0


@dataclass(frozen=True, slots=True)
class NameShape:
    """A name taken apart: its words, its script, whether the family name came first."""

    surface: str
    words: tuple[NameWord, ...]
    script: str
    family_first: bool = False

    def of(self, role: Role) -> tuple[NameWord, ...]:
        """The words of one role."""
        return tuple(word for word in self.words if word.role is role)

    @property
    def counts(self) -> tuple[int, int]:
        """How many given names and how many family names."""
        return len(self.of(Role.GIVEN)), len(self.of(Role.FAMILY))

    @property
    def completeness(self) -> tuple[int, int]:
        """Orders the forms of one name: more words first, then more letters."""
        full = [word for word in self.words if word.role in (Role.GIVEN, Role.FAMILY)]
        return len(full), sum(not word.initial for word in full)


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


PARTICLES = _words(
    """van von der den de del della di da das dos do du la le las los el al bin ibn ben bint abu
    ter ten zu zum zur af av y e i st o"""
)
SUFFIXES = _words("jr sr ii iii iv phd md esq dds rn cpa mba dvm")
_FAMILY_TITLES = _words("mr mrs ms dr prof professor herr frau monsieur madame mme")
_WORD = re.compile(rf"{LETTER}+(?:['’]{LETTER}{{2,}})*\.?")


def parse(surface: str, *, family: Sequence[str] = (), given: Sequence[str] = ()) -> NameShape:
    """Takes a name apart.

    Args:
      surface: the name as written.
      family, given: folded words that are known to be this person's family or given names, from a
        more complete form elsewhere; they decide over position.
    """
    script = script_of(surface)
    spans = [(m.group(), m.start(), m.end()) for m in _WORD.finditer(surface)]
    if script in UNSPACED and len(spans) == 1:
        return _unspaced(surface, script, *spans[0])
    words = [_word(text, start, end, surface) for text, start, end in spans]
    words = [word for word in words if word.text]
    comma = surface.find(",")
    family_first = script in UNSPACED or (
        comma > 0 and any(w.start > comma and w.role is Role.GIVEN for w in words)
    )
    names = [i for i, word in enumerate(words) if word.role is Role.GIVEN]
    titled = any(fold(w.text.rstrip(".")) in _FAMILY_TITLES for w in words if w.role is Role.TITLE)
    for i in _family_positions(words, names, comma if family_first else -1, script, titled):
        words[i] = replace(words[i], role=Role.FAMILY)
    for i in names:
        if fold(words[i].text) in family:
            words[i] = replace(words[i], role=Role.FAMILY)
        elif fold(words[i].text) in given:
            words[i] = replace(words[i], role=Role.GIVEN)
    return NameShape(surface, tuple(_ranked(words)), script, family_first)


def _family_positions(
    words: list[NameWord], names: list[int], comma: int, script: str, titled: bool
) -> list[int]:
    """Which of the words that could be names are family names, by position."""
    if not names:
        return []
    if comma > 0:
        return [i for i in names if words[i].start < comma] or names[:1]
    if script in UNSPACED:
        return names[:1]
    if len(names) == 1:
        only = names[0]
        if words[only].initial:
            return []
        particle_before = only > 0 and words[only - 1].role is Role.PARTICLE
        known_given, known_family = vocabulary(script)
        folded = fold(words[only].text)
        lone_family = folded in known_family and folded not in known_given
        return [only] if titled or particle_before or lone_family else []
    last = names[-1]
    if words[last].initial:  # "John S."
        return [last]
    particles = [i for i, w in enumerate(words) if w.role is Role.PARTICLE and names[0] < i < last]
    return [i for i in names if i > particles[0]] if particles else [last]


def _word(text: str, start: int, end: int, surface: str) -> NameWord:
    bare = text.rstrip(".")
    folded = fold(bare)
    dotted = bare != text
    initial = len(bare) == 1 or (dotted and len(bare) == 2 and bare[1].islower())
    joined = (start > 0 and surface[start - 1] == "-") or surface[end : end + 1] == "-"
    role = Role.GIVEN
    titled = is_title(folded, "." if dotted else surface[end:].lstrip(" "))
    if titled and start == 0 and len(bare) > 1 and len(surface) > len(text):
        role, initial = Role.TITLE, False
    elif folded in SUFFIXES and start > 0 and (bare.isupper() or folded in {"jr", "sr", "phd"}):
        role, initial = Role.SUFFIX, False
    elif folded in PARTICLES and (not dotted) and _particle(bare, start, end, surface, joined):
        role, initial = Role.PARTICLE, False
    # The full stop of an initial belongs to the shape, not to the word.
    return NameWord(bare, role, start, start + len(bare), initial)


def _particle(bare: str, start: int, end: int, surface: str, joined: bool) -> bool:
    if bare == "Al" or (joined and fold(bare) in {"al", "el"}):
        return joined or surface[end : end + 1] in "-"
    more = surface[end:].strip(" -'’") != ""
    return more and (bare.islower() or start > 0 or len(bare) > 2) and len(bare) > 1


def _unspaced(surface: str, script: str, text: str, start: int, end: int) -> NameShape:
    """A name without a blank: the longest known family name in front, else one character."""
    known = bank(script).family_men
    size = max((len(f) for f in known if text.startswith(f) and len(f) < len(text)), default=0)
    if not size and len(text) > 2:
        size = 2 if len(text) > 3 else 1
    words = [NameWord(text[size:], Role.GIVEN, start + size, end)]
    if size:
        words.insert(0, NameWord(text[:size], Role.FAMILY, start, start + size))
    return NameShape(surface, tuple(words), script, family_first=True)


def _ranked(words: list[NameWord]) -> list[NameWord]:
    seen: dict[Role, int] = {}
    ranked = []
    for word in words:
        rank = seen.get(word.role, 0)
        seen[word.role] = rank + 1
        ranked.append(replace(word, rank=rank))
    return ranked


def parts(canonicals: Sequence[str]) -> Mapping[Role, tuple[str, ...]]:
    """Folded given and family names that the most complete of several forms of a name shows."""
    shapes = sorted(map(parse, canonicals), key=lambda shape: shape.completeness, reverse=True)
    found: dict[Role, dict[str, None]] = {Role.GIVEN: {}, Role.FAMILY: {}}
    for shape in shapes:
        if len(shape.of(Role.GIVEN)) + len(shape.of(Role.FAMILY)) < 2:
            continue
        for word in shape.words:
            if word.role in found and not word.initial:
                other = Role.FAMILY if word.role is Role.GIVEN else Role.GIVEN
                if fold(word.text) not in found[other]:
                    found[word.role].setdefault(fold(word.text))
    return {role: tuple(names) for role, names in found.items()}
