# SPDX-License-Identifier: Apache-2.0
"""Lists of given names, family names, places and everyday words: what a token could be.

One xz file, made by `training/wordlists.py` from Faker's locales (MIT), the fake identities of
presidio-research (CC BY-SA 3.0), the place names of python-phonenumbers (Apache 2.0) and the words
that the training corpora use in lower case. A line is `folded name <tab> flags in hex`.
A second one holds the words of an English dictionary (SCOWL, see english.LICENSE), made by
`training/english_words.py`. A list is a hint, never the decision: "Will", "Rose" and "Nice" are on
several.
"""

from __future__ import annotations

import lzma
import re
import unicodedata
from functools import cache
from importlib.resources import files

MAN, WOMAN, FAMILY, PLACE, COMPANY, COMMON, TITLE, COUNTRY = (1 << bit for bit in range(8))

_MARKS = re.compile("[\u0300-\u036f]")
_LOOSE = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i"}
)


def fold(text: str) -> str:
    """The key of the lists: NFKC, case-folded, without accents; same word, same key."""
    if text.isascii():
        return text.lower()
    plain = unicodedata.normalize("NFKC", text).casefold().translate(_LOOSE)
    return _MARKS.sub("", unicodedata.normalize("NFKD", plain))


@cache
def lists() -> dict[str, int]:
    """Folded word or phrase (tokens joined by one space) -> union of the flags above."""
    packed = (files("polyveil.detect.wordlists") / "words.txt.xz").read_bytes()
    cells = lzma.decompress(packed).decode("utf-8").replace("\n", "\t").split("\t")
    value = {flags: int(flags, 16) for flags in set(cells[1::2])}
    return dict(zip(cells[::2], map(value.__getitem__, cells[1::2]), strict=True))


@cache
def english() -> frozenset[str]:
    """Lower-case words of the English dictionary, inflections included."""
    packed = (files("polyveil.detect.wordlists") / "english.txt.xz").read_bytes()
    return frozenset(lzma.decompress(packed).decode("ascii").split("\n"))


def flags(word: str) -> int:
    """What the lists know about one word; 0 for an unknown one."""
    return lists().get(fold(word), 0)


def sex_of(given: str) -> str | None:
    """`man` or `woman` where the lists are of one mind about a given name, else None."""
    found = flags(given) & (MAN | WOMAN)
    return {MAN: "man", WOMAN: "woman"}.get(found)
