# SPDX-License-Identifier: Apache-2.0
"""A complete list of people's names, and which of them a text still says.

| How a name is read        | What counts                                                          |
|---------------------------|----------------------------------------------------------------------|
| full                      | all of its words, in any order, accents and case aside               |
| disguised                 | so in a normalised reading, or run together without anything between |
| misspelt                  | all of its words, each at most one letter off                        |
| part                      | one of its words of three letters or more, with a capital            |

A part is often another person's, and a common stand-in is somebody's real name: what is found of
OTHER people's names is what chance gives, and is counted beside.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from polyveil.detect.name_parts import PARTICLES
from polyveil.detect.normalise import views
from polyveil.detect.wordlists import english, fold
from polyveil.records.titles import TITLES

LEVELS = ("part", "misspelt", "disguised", "full")
"""Ways of reading a name, the surer the later."""

_WORD = re.compile(r"[^\W\d_]+")
_SHORTEST_PART, _SHORTEST_FUZZY, _SHORTEST_RUN = 3, 4, 8


def words_of(name: str) -> tuple[str, ...]:
    """The folded words of a name that tell people apart: no titles, particles, single letters."""
    words = (fold(word) for word in _WORD.findall(name.replace("_", " ")))
    return tuple(
        word for word in words if len(word) > 1 and word not in TITLES and word not in PARTICLES
    )


@dataclass(frozen=True, slots=True)
class NameList:
    """Names of n people, several spellings of each, made ready to be looked for.

    Attributes:
      people: how many.
      spellings: (person, words) of every name.
    """

    people: int
    spellings: tuple[tuple[int, tuple[str, ...]], ...] = field(repr=False)
    _by_word: dict[str, set[int]] = field(repr=False)
    _by_near: dict[str, set[int]] = field(repr=False)
    _runs: dict[int, str] = field(repr=False)

    @staticmethod
    def of(names: Sequence[Sequence[str]]) -> NameList:
        """The list of each person's names."""
        spellings = [
            (person, words)
            for person, own in enumerate(names)
            for words in sorted({words_of(name) for name in own})
            if words
        ]
        by_word: dict[str, set[int]] = defaultdict(set)
        by_near: dict[str, set[int]] = defaultdict(set)
        for at, (_, words) in enumerate(spellings):
            for word in words:
                by_word[word].add(at)
                for near in _nearby(word):
                    by_near[near].add(at)
        runs = {
            at: "".join(words)
            for at, (_, words) in enumerate(spellings)
            if len(words) > 1 and len("".join(words)) >= _SHORTEST_RUN
        }
        return NameList(len(names), tuple(spellings), dict(by_word), dict(by_near), runs)

    def read(self, text: str) -> dict[int, str]:
        """Person -> the surest way in which one of his names is read in a text."""
        found: dict[int, str] = {}
        readings = dict.fromkeys((text, *(view.text for view in views(text))))
        for number, reading in enumerate(readings):
            for at, level in self._in(reading):
                surest = "disguised" if number and level == "full" else level
                person = self.spellings[at][0]
                if LEVELS.index(surest) > LEVELS.index(found.get(person, LEVELS[0])):
                    found[person] = surest
                found.setdefault(person, surest)
        return found

    def _in(self, text: str) -> Iterator[tuple[int, str]]:
        raw = _WORD.findall(text)
        words = {fold(word) for word in raw}
        capital = {fold(word) for word in raw if word[0].isupper()}
        whole: dict[int, int] = defaultdict(int)
        near: dict[int, set[str]] = defaultdict(set)
        for word in words:
            for at in self._by_word.get(word, ()):
                whole[at] += 1
                # A name at the head of a sentence and a word of the dictionary look the same.
                if word in capital - english() and len(word) >= _SHORTEST_PART:
                    yield at, "part"
            for form in _nearby(word):
                for at in self._by_near.get(form, ()):
                    near[at].add(word)
        for at, count in whole.items():
            name = set(self.spellings[at][1])
            # Who is called by everyday words is meant where they are written as a name.
            if count >= len(name) and (name - english() or (count > 1 and name <= capital)):
                yield at, "full"
        for at, close in near.items():
            name = set(self.spellings[at][1])
            clear = len(name) > 1 and bool(name - english())
            if clear and all(any(_one_off(one, word) for one in close) for word in name):
                yield at, "misspelt"
        run = "".join(fold(word) for word in raw)
        for at, joined in self._runs.items():
            if joined in run:
                yield at, "disguised"


def _nearby(word: str) -> set[str]:
    """The word and all it becomes with one letter gone; words one letter off share one of these."""
    if len(word) < _SHORTEST_FUZZY:
        return {word}
    return {word} | {word[:at] + word[at + 1 :] for at in range(len(word))}


def _one_off(one: str, other: str) -> bool:
    """Whether at most one letter is missing, extra or another."""
    if one == other:
        return True
    short, long = sorted((one, other), key=len)
    if len(short) < _SHORTEST_FUZZY or len(long) - len(short) > 1:
        return False
    at = next(
        (at for at, (a, b) in enumerate(zip(short, long, strict=False)) if a != b), len(short)
    )
    return short[at + (len(short) == len(long)) :] == long[at + 1 :]
