# SPDX-License-Identifier: Apache-2.0
"""What a noun phrase says of how a person looks, and with which of its words.

"an elderly bearded man in a red shirt" -> age senior, beard, sex man, clothes red, each with its
characters, so that a rewriter can exchange just that word. A colour belongs to the garment or hair
that follows it; before the person noun ("a black man") it says nothing that is used here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from polyveil.detect import person_words as lexicon

WORD = re.compile(r"[^\W_]+(?:[-'’][^\W_]+)*|[^\w\s]")
"""A word with its inner hyphens and apostrophes, or one mark."""
_AGE = re.compile(r"(\d{1,3}|[a-z]+)[- ]?years?[- ]old|(\d{1,3})[- ]?(?:yo|y/o)", re.I)
Attribute = tuple[str, str, int, int]
"""(facet, value, start, end)."""


def facets(surface: str) -> dict[str, str]:
    """Facets of a phrase, one value each; adjectives and modifiers before what the noun implies."""
    result: dict[str, str] = {}
    words = _words(surface)
    for facet, value, _, _ in [*_described(surface, words), *_implied(words)]:
        result.setdefault(facet, value)
    result["count"] = _count([word for word, _, _ in words])
    return result


def _count(words: Sequence[str]) -> str:
    """ "1", "2", ... or "many"."""
    for word in words:
        if word in lexicon.NUMBERS and word != "one":
            return str(lexicon.NUMBERS[word])
        if word.isdigit() and len(word) < 3:
            return str(int(word))
        if word in {"couple", "pair", "both", "twin", "twins"}:
            return "2"
        if word == "trio":
            return "3"
        if word in {"group", "crowd", "bunch", "team", "line", "row"}:
            return "many"
        if word in lexicon.nouns():
            head = lexicon.nouns()[_head(words)]
            return "many" if head.plural else "1"
    return "1"


def _head(words: Sequence[str]) -> str:
    """The person noun of a phrase: the last one of the first run."""
    nouns, head = lexicon.nouns(), ""
    for word in words:
        if word in nouns:
            head = word
        elif head:
            break
    return head


def attribute_words(surface: str) -> list[Attribute]:
    """(facet, value, start, end) of every word of a phrase that says how a person looks, in order.

    The person noun itself is among them with what it says of sex and age ("girl": woman, child);
    offsets are characters of `surface`.
    """
    words = _words(surface)
    return sorted([*_described(surface, words), *_implied(words)], key=lambda item: item[2:])


def _words(surface: str) -> list[tuple[str, int, int]]:
    return [(match[0].lower(), match.start(), match.end()) for match in WORD.finditer(surface)]


def _implied(words: Sequence[tuple[str, int, int]]) -> Iterator[Attribute]:
    """What the person noun says by itself."""
    head = _head([word for word, _, _ in words])
    for word, start, end in words:
        if head and word == head:
            noun = lexicon.nouns()[head]
            if noun.sex:
                yield "sex", noun.sex, start, end
            if noun.age:
                yield "age", noun.age, start, end
            return


def _described(surface: str, words: Sequence[tuple[str, int, int]]) -> Iterator[Attribute]:
    """What adjectives and modifiers say."""
    plain = [word for word, _, _ in words]
    years = _AGE.search(surface)
    if years:
        yield "age", _band(years[1] or years[2]), years.start(), years.end()
    head = next((at for at, word in enumerate(plain) if word == _head(plain)), 0)
    for at, (word, start, end) in enumerate(words):
        if years and years.start() <= start < years.end():
            continue
        before, behind = at < head, plain[at + 1 : at + 6]
        if word in lexicon.COLOUR_WORDS or word in lexicon.HAIR_COLOURS:
            found = _colour(word, before, plain, at)
            if found:
                yield *found, start, end
            elif word not in lexicon.SIMPLE or not before:
                continue
            else:
                yield *lexicon.SIMPLE[word], start, end
        elif word in {"long", "short"} and "hair" in _until_break(behind):
            yield "hair_length", word, start, end
        elif word.endswith("-haired"):
            tone = word.split("-")[0]
            if tone in lexicon.HAIR_COLOURS:
                yield "hair", lexicon.HAIR_COLOURS[tone], start, end
            elif tone in {"long", "short"}:
                yield "hair_length", tone, start, end
        elif word.endswith("-clad") and word.split("-")[0] in lexicon.COLOUR_WORDS:
            yield "clothes", lexicon.COLOUR_WORDS[word.split("-")[0]], start, end
        elif word in lexicon.PLACES_IN_PICTURE and (before or _located(plain, at)):
            yield "position", lexicon.PLACES_IN_PICTURE[word], start, end
        elif word in lexicon.SIMPLE and not (
            at == head and word not in {"redhead", "blonde", "brunette", "adult"}
        ):
            yield *lexicon.SIMPLE[word], start, end


def _colour(word: str, before: bool, plain: Sequence[str], at: int) -> tuple[str, str] | None:
    """What a colour is the colour of: hair, clothes, or, before the person noun, nothing we use."""
    if before:
        return None
    for behind in _until_break(plain[at + 1 : at + 6]):
        if behind == "hair":
            return "hair", lexicon.HAIR_COLOURS.get(word, "dyed")
        if behind in lexicon.HATS or behind in {
            "glasses",
            "sunglasses",
            "beard",
            "moustache",
            "mustache",
        }:
            return None
        if behind in lexicon.CLOTHES:
            break
    return ("clothes", lexicon.COLOUR_WORDS[word]) if word in lexicon.COLOUR_WORDS else None


def _until_break(words: Sequence[str]) -> list[str]:
    """Words up to the next preposition, or garment, which a colour before it belongs to."""
    result = []
    for word in words:
        if word in {"in", "with", "wearing", "on", "at", "who", "of"}:
            break
        result.append(word)
        if (
            word in lexicon.garments()
            and word not in lexicon.COLOUR_WORDS
            and word not in lexicon.HAIR_COLOURS
        ):
            break
    return result


def _located(plain: Sequence[str], at: int) -> bool:
    return any(word in {"on", "in", "at", "to", "(", "["} for word in plain[max(0, at - 4) : at])


def _band(number: str) -> str:
    years = int(number) if number.isdigit() else lexicon.NUMBERS.get(number.lower(), 30)
    for limit, band in ((3, "baby"), (13, "child"), (20, "teenager"), (65, "adult")):
        if years < limit:
            return band
    return "senior"
