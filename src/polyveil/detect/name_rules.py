# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: SIM905 - word lists read better as text
"""Rules that complete and repair what the name network found.

Why rules beside a network: a word behind "Dr." is a name whatever it is, a name once recognised is
a name throughout the same text, a listed name in a script without capitals has no other sign, and
half a name replaced is a name betrayed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from polyveil.detect import everyday, wordlists
from polyveil.detect.name_parts import FIRM_TITLES, PARTICLES
from polyveil.detect.tokens import ORG_WORDS
from polyveil.records.finding import Kind
from polyveil.records.titles import TITLES, is_title

_LIKE_A_TITLE = frozenset("is was has had in on at to and or the a an of with for who said".split())
_LATER = frozenset({"pt", "patient", "nurse", "officer"})
_HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff]")
_HANGUL = re.compile("[\uac00-\ud7a3]")
NEAR = 0.3
"""A place or organisation that is this likely a person, for its own likelihood, is one: a person
left in is worse than a company exchanged. Chosen on development parts only."""
_NAMES = wordlists.MAN | wordlists.WOMAN | wordlists.FAMILY


class Span(NamedTuple):
    """Tokens [first, last), what they are, how surely, and how surely a person's name."""

    first: int
    last: int
    kind: Kind
    score: float
    person: float = 0.0


def complete(
    text: str, words: Sequence[str], offsets: Sequence[tuple[int, int]], spans: Sequence[Span]
) -> list[Span]:
    """The network's spans and what the rules add between them, in order."""
    spans = [
        span._replace(first=first, last=last)
        for span in spans
        for first, last in everyday.kept(words, span.first, span.last, span.kind, span.score)
    ]
    taken = bytearray(len(words))
    for span in spans:
        taken[span.first : span.last] = b"\1" * (span.last - span.first)
    result = list(spans)
    for rule in (_behind_titles(words, taken), _native(words, offsets, taken)):
        for span in rule:
            if not any(taken[span.first : span.last]):
                taken[span.first : span.last] = b"\1" * (span.last - span.first)
                result.append(span)
    result += _again(words, taken, result)
    return _joined(text, words, offsets, sorted(_person(words, span) for span in result))


def _person(words: Sequence[str], span: Span) -> Span:
    """The span as a person's name, where the words say so or the network all but does."""
    if span.kind is Kind.NAME:
        return span
    pieces = words[span.first : span.last]
    folded = [wordlists.fold(piece) for piece in pieces]
    last = wordlists.flags(pieces[-1])
    if set(folded) & ORG_WORDS or wordlists.lists().get(" ".join(folded), 0) & wordlists.PLACE:
        cued = False
    else:
        cued = _speaks_of_a_person(words, span)
    reads_so = (
        2 <= len(pieces) <= 3
        and all(piece.isalpha() or piece == "." for piece in pieces)
        and wordlists.sex_of(pieces[0]) is not None
        and not set(folded) & ORG_WORDS
        and not last & (wordlists.PLACE | wordlists.COUNTRY)
    )
    near = span.person >= NEAR * span.score and not set(folded) & ORG_WORDS
    return span._replace(kind=Kind.NAME) if cued or reads_so or near else span


def _speaks_of_a_person(words: Sequence[str], span: Span) -> bool:
    """Whether "Mr" or "my name is" stands before the span."""
    before = [wordlists.fold(word) for word in words[max(0, span.first - 3) : span.first]]
    if before[-1:] == ["."]:
        before.pop()
    title = before[-1:] and before[-1] in FIRM_TITLES - _LATER
    named = before[-2:] in (["name", "is"], ["directed", "by"], ["written", "by"], ["sung", "by"])
    return bool(title) or named


def _joined(
    text: str,
    words: Sequence[str],
    offsets: Sequence[tuple[int, int]],
    spans: Sequence[Span],
) -> list[Span]:
    """Names grown over the rest of a name that stands beside them, and neighbours made one."""
    between = ["", *(text[a[1] : b[0]] for a, b in pairwise(offsets)), "\n"]
    result: list[Span] = []
    for at, span in enumerate(spans):
        free = spans[at + 1].first if at + 1 < len(spans) else len(words)
        grown = _grown(words, between, span, free) if span.kind is Kind.NAME else span
        before = result[-1] if result else None
        touches = before and before.last == span.first and between[span.first] in {"", " "}
        if before and touches and before.kind is span.kind is Kind.NAME:
            result[-1] = before._replace(last=grown.last, score=max(before.score, grown.score))
        else:
            result.append(grown)
    return result


def _grown(words: Sequence[str], between: Sequence[str], span: Span, free: int) -> Span:
    """The span and the capitalised words, or the third Hangul syllable, that go on behind it."""
    last = span.last
    while last < free:
        word, before = words[last], words[last - 1]
        everyday = wordlists.flags(word) & (wordlists.COMMON | wordlists.TITLE)
        # In a sentence a capital inside is a name's; in a headline every word has one.
        ends = last + 1 == len(words) or not words[last + 1][0].isupper()
        capital = len(word) > 1 and word.istitle() and before.istitle() and (ends or not everyday)
        syllable = last - span.first == 2 and _HANGUL.match(before) and _HANGUL.match(word)
        if not (between[last] == " " and capital) and not (between[last] == "" and syllable):
            break
        last += 1
    return span._replace(last=last)


def _behind_titles(words: Sequence[str], taken: Sequence[int]) -> Iterator[Span]:
    for at, word in enumerate(words):
        title = wordlists.fold(word)
        if taken[at] or title not in FIRM_TITLES:
            continue
        first = at + 1
        while first < len(words) and words[first] in ".:":
            first += 1
        last, shy = first, title in _LATER
        while (
            last < len(words)
            and last < first + 3
            and _could_be_name(words[last], shy, last > first)
        ):
            last += 1
        if last > first:
            yield Span(first, last, Kind.NAME, 0.6)


def _could_be_name(word: str, shy: bool, later: bool) -> bool:
    if not word[0].isalpha() or wordlists.fold(word) in _LIKE_A_TITLE:
        return False
    known = wordlists.flags(word)
    if word[0].isupper() and not word.isupper():
        return not (shy and known & wordlists.COMMON) and not (later and known & wordlists.COMMON)
    return bool(known & _NAMES) and not known & wordlists.COMMON


def _native(
    words: Sequence[str], offsets: Sequence[tuple[int, int]], taken: Sequence[int]
) -> Iterator[Span]:
    """Listed names in other scripts; Han: a listed family name right before a listed given name."""
    known = wordlists.lists()
    for at, word in enumerate(words):
        if taken[at] or word[0] < "\u0370":
            continue
        if _HAN.match(word):
            for family in (2, 1):
                middle = at + family
                if not known.get(" ".join(words[at:middle]), 0) & wordlists.FAMILY:
                    continue
                for given in (2, 1):
                    last = middle + given
                    near = last <= len(words) and offsets[last - 1][1] - offsets[at][0] == last - at
                    key = " ".join(words[middle:last])
                    if near and known.get(key, 0) & (wordlists.MAN | wordlists.WOMAN):
                        yield Span(at, last, Kind.NAME, 0.6)
        elif len(word) > 3 and known.get(wordlists.fold(word), 0) & _NAMES and not word.islower():
            yield Span(at, at + 1, Kind.NAME, 0.55)


def _again(words: Sequence[str], taken: bytearray, spans: Sequence[Span]) -> list[Span]:
    """Other places of the same text where a word of a recognised name stands."""
    named = {
        wordlists.fold(words[at])
        for span in spans
        if span.kind is Kind.NAME and span.score > 0.5
        for at in range(span.first, span.last)
        if len(words[at]) > 2 and words[at].isalpha()
    } - PARTICLES
    found = []
    for at, word in enumerate(words):
        key = wordlists.fold(word)
        if not taken[at] and key in named:
            everyday = wordlists.flags(word) & wordlists.COMMON
            if not everyday or (word[0].isupper() and at and words[at - 1] not in ".!?\n"):
                taken[at] = 1
                found.append(Span(at, at + 1, Kind.NAME, 0.6))
    return found


def without_title(words: Sequence[str], span: Span) -> tuple[Span, str]:
    """The span without a leading title, and the title in or before it, folded, or ""."""
    if span.kind is not Kind.NAME:
        return span, ""
    first, title = span.first, ""
    while first < span.last - 1 and _is_title(words[first], words[first + 1]):
        title, first = wordlists.fold(words[first]), first + 1
        while first < span.last - 1 and words[first] == ".":
            first += 1
    before = span.first - 1
    if not title and before >= 0 and words[before] == ".":
        before -= 1
    if not title and before >= 0 and wordlists.fold(words[before]) in TITLES:
        title = wordlists.fold(words[before])
    return span._replace(first=first), title


def _is_title(word: str, following: str) -> bool:
    return is_title(wordlists.fold(word), following)
