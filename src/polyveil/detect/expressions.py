# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: SIM905 - word lists read better as text
"""Identity expressions: noun phrases that single a person out, with what they say of the looks.

"an elderly bearded man wearing glasses", "the goalkeeper on the left", "her brother", "two women
with long black hair". A chunk grammar over word lists: determiner, number, adjectives, person noun,
then modifiers that carry a facet. It stops before the verb: "A man lays on a bench" gives "A man".
English only.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence

from polyveil.detect import person_words as lexicon
from polyveil.detect.normalise import normalise
from polyveil.detect.person_looks import WORD, attribute_words, facets
from polyveil.records.finding import Kind, Mention

_ARTICLES = frozenset("a an the this that these those my your our".split())
_WEARS = frozenset("wearing wears wear dressed sporting donning".split())
_REACH = 8
"""Words that one modifier may span."""


__all__ = ["ExpressionFinder", "attribute_words", "facets"]


class ExpressionFinder:
    """Finds identity expressions. Same text, same mentions; never raises on any string."""

    name = "expressions"

    def find(self, text: str) -> list[Mention]:
        """Mentions of one text, in order, not overlapping, offsets of the text as it came."""
        plain = normalise(text)
        words = [
            (match[0].lower(), match.start(), match.end()) for match in WORD.finditer(plain.text)
        ]
        found = []
        for first, last, bare in _phrases([word for word, _, _ in words], words, plain.text):
            start, end = words[first][1], words[last - 1][2]
            surface = plain.text[start:end]
            start, end = plain.original_span(start, end)
            found.append(
                Mention(
                    path=(), start=start, end=end, kind=Kind.EXPRESSION, surface=text[start:end],
                    canonical=_canonical(surface), score=0.7 if bare else 0.9, source=self.name,
                    facets=facets(surface),
                )
            )  # fmt: skip
        return found


def _canonical(surface: str) -> str:
    words = unicodedata.normalize("NFKC", surface).casefold().split()
    return " ".join(
        words[1:] if len(words) > 1 and words[0] in _ARTICLES - {"my", "your", "our"} else words
    )


def _phrases(
    words: Sequence[str], spans: Sequence[tuple[str, int, int]], text: str
) -> Iterator[tuple[int, int, bool]]:
    """(first word, last word, whether without determiner) of every phrase."""
    nouns, at, free = lexicon.nouns(), 0, 0
    while at < len(words):
        if words[at] not in nouns:
            at += 1
            continue
        head = at
        while head + 1 < len(words) and words[head + 1] in nouns and _touch(spans, text, head):
            head += 1
        at = head + 1
        first = _front(words, spans, text, head, free)
        determined = (
            words[first] in lexicon.DETERMINERS
            or words[first] in lexicon.NUMBERS
            or words[first].isdigit()
        )
        noun = nouns[words[head]]
        if (
            head + 1 < len(words)
            and words[head + 1] in lexicon.ANIMALS_AND_THINGS
            and _touch(spans, text, head)
        ):
            continue
        opening = (
            first == 0
            or words[first - 1] in '.!?"“'
            or "\n" in text[spans[first - 1][2] : spans[first][1]]
        )
        joined = first > 0 and (
            words[first - 1] in {"and", "or", "&", ","} or words[first - 1].endswith(("'s", "’s"))
        )
        if not (determined or noun.plural or opening or joined or first < head):
            continue
        last = _back(words, spans, text, head + 1, noun)
        yield first, last, not determined
        at = free = last


def _touch(spans: Sequence[tuple[str, int, int]], text: str, at: int) -> bool:
    """Whether nothing but spaces stands between word `at` and the next."""
    return (
        not text[spans[at][2] : spans[at + 1][1]].strip(" \t") and spans[at + 1][1] > spans[at][2]
    )


def _front(
    words: Sequence[str], spans: Sequence[tuple[str, int, int]], text: str, head: int, free: int
) -> int:
    """First word of the phrase whose person noun is `head`."""
    first = head
    while first > free:
        before = words[first - 1]
        if not _touch(spans, text, first - 1) and "," not in {before, words[first]}:
            break
        if before in {",", "and"}:  # "a young, bearded man": only between two adjectives
            inside = (
                first - 2 >= free and words[first - 2] in lexicon.ADJECTIVES and first < head + 1
            )
            if not (inside and words[first] in lexicon.ADJECTIVES):
                break
        elif not _qualifies(before):
            break
        first -= 1
    while first < head and words[first] in {",", "and"}:
        first += 1
    first = _number(words, first, free)
    if first > free and words[first - 1] in {"of"} and first - 2 >= free and words[first - 2] in {
        "group", "couple", "pair", "team", "crowd", "line", "bunch", "trio", "row", "one", "some"
    }:  # fmt: skip
        first -= 2
        while first > free and _qualifies(words[first - 1]):
            first -= 1
    if first > free and words[first - 1] in lexicon.DETERMINERS:
        first -= 1
    return first


def _number(words: Sequence[str], first: int, free: int) -> int:
    if first > free and (
        words[first - 1] in lexicon.NUMBERS
        or (words[first - 1].isdigit() and len(words[first - 1]) < 3)
    ):
        return first - 1
    return first


def _qualifies(word: str) -> bool:
    """Whether a word may stand between determiner and person noun."""
    if word in lexicon.ADJECTIVES or word in lexicon.MODIFIERS or word in lexicon.nouns():
        return True
    return word.endswith(
        ("-old", "-haired", "-aged", "-dressed", "-clad", "-looking", "-skinned", "-eyed")
    )


def _back(
    words: Sequence[str],
    spans: Sequence[tuple[str, int, int]],
    text: str,
    at: int,
    noun: lexicon.Noun,
) -> int:
    """First word behind the phrase: swallows modifiers that say how someone looks or where."""
    of_done = False
    for _ in range(4):
        step = _looks(words, at) or _position(words, at)
        if not step and noun.role and not of_done:
            step, of_done = _belongs(words, at), True
        if not step:
            break
        between = text[spans[at - 1][2] : spans[at + step - 1][2]]
        if "\n" in between:
            break
        at += step
    return at


def _looks(words: Sequence[str], at: int) -> int:
    """Length of "in a red shirt", "with long hair", "wearing glasses"; 0 if none is here."""
    start = at
    if at < len(words) and words[at] in {"who", "that"} and at + 2 < len(words):
        at += 1 + (words[at + 1] in {"is", "are", "was", "were", "has", "have"})
        if words[at - 1] in {"has", "have"}:
            return _facet_run(words, start, at)
        if at >= len(words) or words[at] not in _WEARS:
            return 0
    if at < len(words) and words[at] == ",":
        at += 1
        if at >= len(words) or words[at] not in _WEARS | {"dressed"}:
            return 0
    if at >= len(words) or words[at] not in _WEARS | {"in", "with", "having"}:
        return 0
    leads, at = words[at], at + 1
    if leads == "dressed" and at < len(words) and words[at] in {"in", "all", "as"}:
        at += 1
    return _facet_run(words, start, at)


def _facet_run(words: Sequence[str], start: int, at: int) -> int:
    """Extends over fill words to the last word that carries a facet; 0 if there is none."""
    end = 0
    for index in range(at, min(len(words), at + _REACH + 4)):
        word = words[index]
        if _carries(word):
            end = index + 1
        elif (
            word not in lexicon.FILL
            and word not in lexicon.MODIFIERS
            and word not in {",", "facial"}
        ):
            break
        if end and index - end > 3:
            break
        if (
            word in {"and", ","}
            and end
            and index + 1 < len(words)
            and words[index + 1] in lexicon.nouns()
        ):
            break
    colour_only = end and words[end - 1] in lexicon.COLOUR_WORDS
    if (
        colour_only
        and end < len(words)
        and words[end].isalpha()
        and words[end] not in lexicon.AFTER_COLOUR
    ):
        end = next((i + 1 for i in range(end - 1, at - 1, -1) if words[i] in lexicon.garments()), 0)
    return end - start if end else 0


def _carries(word: str) -> bool:
    return word in lexicon.garments() or word in lexicon.COLOUR_WORDS


def _position(words: Sequence[str], at: int) -> int:
    """Length of "on the far left", "in the middle", "(right)", ", left,"; 0 if none here."""
    rest = list(words[at : at + 9])
    if (
        len(rest) > 2
        and rest[0] in {"(", "["}
        and rest[1] in lexicon.PLACES_IN_PICTURE
        and rest[2] in {")", "]"}
    ):
        return 3
    if not rest or rest[0] not in {"on", "in", "at", "to"}:
        return 0
    index = 1
    while index < len(rest) and rest[index] in {
        "the",
        "very",
        "far",
        "his",
        "her",
        "upper",
        "lower",
    }:
        index += 1
    if index < 2 or index >= len(rest) or rest[index] not in lexicon.PLACES_IN_PICTURE:
        return 0
    index += 1
    if index < len(rest) and rest[index] in {"side", "hand", "row", "corner"}:
        index += 1 + (rest[index] == "hand" and index + 1 < len(rest) and rest[index + 1] == "side")
    if index < len(rest) and rest[index] == "of":
        pictures = {"photo", "picture", "image", "frame", "photograph", "shot"}
        return index + 3 if index + 2 < len(rest) and rest[index + 2] in pictures else 0
    follows = rest[index] if index < len(rest) else ""
    if follows in lexicon.nouns() or follows in {
        "seat",
        "door",
        "foot",
        "leg",
        "arm",
        "wheel",
        "shoulder",
        "yard",
        "porch",
    }:
        return 0
    return index


def _belongs(words: Sequence[str], at: int) -> int:
    """Length of "of the company", "of two"; 0 if none here."""
    if at + 1 >= len(words) or words[at] != "of":
        return 0
    index = at + 1
    if words[index] in lexicon.NUMBERS or words[index].isdigit():
        return 2
    if words[index] in lexicon.DETERMINERS:
        index += 1
    while index < len(words) and index < at + 5 and words[index] in lexicon.ADJECTIVES:
        index += 1
    return index + 1 - at if index < len(words) and words[index][0].isalpha() else 0
