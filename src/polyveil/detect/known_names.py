# SPDX-License-Identifier: Apache-2.0
"""Names that were found in other records of the same data set, wherever a recogniser misses them.

A recogniser reads each sentence by itself, and some sentences hide a name from it. Who is named in
one record of an album is named in others: a full name that was found once is looked for everywhere.
Single words are not: "Will" and "Rose" are names in one record and words in the next.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import pairwise

from polyveil.detect import name_parts
from polyveil.records.finding import Kind, Mention
from polyveil.records.record import Record

_WORD = re.compile(r"[^\W\d_]+(?:['’\-][^\W\d_]+)*")
_SHORTEST = 2
"""Letters of a word that counts; initials alone would match too much."""
_SURE = 0.9
_FEWEST, _MOST = 2, 5
"""Words of a full name."""


class KnownNames:
    """Full names to look for; a `MentionDetector`.

    Args:
      names: case-folded words of each name. Secret.
    """

    name = "known names"

    def __init__(self, names: frozenset[tuple[str, ...]] = frozenset()) -> None:
        self.names = names
        self._by_first: dict[str, list[tuple[str, ...]]] = defaultdict(list)
        for one in sorted(names, key=len, reverse=True):
            self._by_first[one[0]].append(one)

    def __repr__(self) -> str:
        return f"KnownNames({len(self.names)} names)"

    @staticmethod
    def of(found: Iterable[tuple[Record, Iterable[Mention]]]) -> KnownNames:
        """The full names that were found in these records, and their labels of persons where those
        are written as names are."""
        names: set[tuple[str, ...]] = set()
        for record, mentions in found:
            texts = [one.surface for one in mentions if one.kind is Kind.NAME]
            if record.person is not None and record.person.replace("_", " ").istitle():
                texts.append(record.person)
            names.update(words for words in map(_words, texts) if _is_full(words))
        return KnownNames(frozenset(names))

    def find(self, text: str) -> list[Mention]:
        """Every place at which one of the names stands, whatever the case."""
        places = [(match.start(), match.end()) for match in _WORD.finditer(text)]
        folded = [text[start:end].casefold() for start, end in places]
        found = []
        for at, word in enumerate(folded):
            for name in self._by_first.get(word, ()):
                last = at + len(name) - 1
                if tuple(folded[at : last + 1]) == name and _joined(text, places[at : last + 1]):
                    found.append(_mention(text, places[at][0], places[last][1]))
        return found

    def missed(self, record: Record, mentions: Iterable[Mention]) -> KnownNames:
        """Names that stand in the record where none of its mentions lies."""
        seen: dict[object, list[tuple[int, int]]] = defaultdict(list)
        for one in mentions:
            seen[one.path].append((one.start, one.end))
        left = frozenset(
            _words(found.surface)
            for path, text in record.texts()
            for found in self.find(text)
            if not any(start < found.end and found.start < end for start, end in seen[path])
        )
        return KnownNames(left)


def _words(text: str) -> tuple[str, ...]:
    return tuple(match.group().casefold() for match in _WORD.finditer(text.replace("_", " ")))


def _is_full(words: tuple[str, ...]) -> bool:
    long = [word for word in words if len(word) >= _SHORTEST]
    return _FEWEST <= len(words) <= _MOST and len(long) >= _FEWEST


def _joined(text: str, places: Sequence[tuple[int, int]]) -> bool:
    """Whether nothing but spaces and full stops lies between the words."""
    gaps = pairwise(places)
    return all(not text[end:start].strip(" .\t\n\u00a0") for (_, end), (start, _) in gaps)


def _mention(text: str, start: int, end: int) -> Mention:
    surface = text[start:end]
    return Mention(
        path=(),
        start=start,
        end=end,
        kind=Kind.NAME,
        surface=surface,
        canonical=name_parts.canonical(surface),
        score=_SURE,
        source="known names",
        facets=name_parts.facets(surface, ""),
    )
