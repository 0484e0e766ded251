# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: SIM905 - word lists read better as text
"""Words with exact offsets, and what the name recogniser sees of each of them.

A token is a run of letters with their marks, a run of digits, one character of a script that
writes without spaces (Han, Hangul), or any other single visible character. Apostrophes and
hyphens stand alone: "O'Neil-Smith's" has seven tokens, and a name may span several. A capital
behind a small letter begins a token, so that "#JohnSmith" shows its two names.

A token becomes hashed character n-grams (FastText, Bojanowski et al. 2017,
https://arxiv.org/abs/1607.04606) plus flags: casing, script, and what the word lists say.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from polyveil.detect import wordlists

GRAMS = 20
"""n-grams kept of one token."""
GRAM_ROWS = 1 << 15
WORD_ROWS = 1 << 14
FLAGS = 42
LISTED, UNLISTED = (21, 22, 23, 24, 25, 34, 35), 29
"""Flags that say which lists know a word as a name, and the flag that none knows it at all."""
LONGEST_PLACE = 4

_HAN = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_HANGUL = "\uac00-\ud7a3"
_KANA = "\u3040-\u30ff\u31f0-\u31ff\uff66-\uff9f"
_MARKS = (
    "\u0300-\u036f\u0483-\u0487\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670"
    "\u0900-\u0dff\u0e00-\u0eff"
)
_LETTER = rf"(?![{_HAN}{_HANGUL}{_KANA}])[^\W\d_]|(?<=\w)[{_MARKS}]|[\u0900-\u0dff\u0e00-\u0eff]"
_TOKEN = re.compile(
    rf"[{_HAN}{_HANGUL}]|[\u3040-\u309f]+|[\u30a0-\u30ff\u31f0-\u31ff\uff66-\uff9f]+"
    rf"|(?:{_LETTER})(?:(?!(?<=[a-z])[A-Z])(?:{_LETTER}))*"
    rf"|\d+|\S"
)
_UNSPACED = re.compile(rf"[{_HAN}{_HANGUL}{_KANA}]")
_LATIN_END = "\u024f"
ORG_WORDS = frozenset(
    "inc ltd llc corp co gmbh ag plc sa bv group holdings bank university college school hospital "
    "institute company corporation foundation association council clinic church committee "
    "department ministry club fc united airlines press records agency partners technologies "
    "systems solutions labs studio studios museum academy society union party".split()
)
_PARTICLES = frozenset(
    "van von der den de del della di da dos das du la le el al bin bint ibn ben abu abd ter ten "
    "zu zum st mac mc o d y e i af av".split()
)
_LEADS = frozenset(
    "in at from near to by with and hi hello dear hey named called met is name patient mr mrs ms "
    "miss dr prof sir madam lady photo".split()
)


def tokenise(text: str) -> list[tuple[int, int]]:
    """Half-open character spans of the tokens, in order; whitespace belongs to none."""
    return [match.span() for match in _TOKEN.finditer(text)]


@lru_cache(maxsize=1 << 16)
def _word(token: str) -> tuple[tuple[int, ...], tuple[float, ...], str]:
    """Hash rows (the word's own first), flags, folded form of one token."""
    key = wordlists.fold(token)
    framed = f"<{key[:24]}>"
    pieces = [framed[:size] for size in (3, 4, 5)] + [framed[-size:] for size in (3, 4, 5)]
    pieces += [framed[at : at + 3] for at in range(1, len(framed) - 3)]
    pieces += [framed[at : at + 4] for at in range(1, len(framed) - 4)]
    rows = [
        1 + zlib.crc32(piece.encode("utf-8", "surrogatepass")) % (GRAM_ROWS - 1) for piece in pieces
    ]
    own = 1 + zlib.crc32(framed.encode("utf-8", "surrogatepass"), 7) % (WORD_ROWS - 1)
    return (own, *rows[: GRAMS - 1]), _flags(token, key), key


def _flags(piece: str, key: str) -> tuple[float, ...]:
    first, known = piece[0], wordlists.lists().get(key, 0)
    letter = first.isalpha() or "\u0900" <= first <= "\u0eff"
    cased = first.isupper() or first.islower()
    checks = (
        letter and first.isupper() and not piece.isupper(),
        piece.isupper() and len(piece) > 1,
        piece.isupper() and len(piece) == 1,
        piece.islower(),
        letter and not cased,
        letter and first > _LATIN_END,
        any(character.isupper() for character in piece[1:]) and not piece.isupper(),
        piece.isdigit(),
        piece == ".",
        piece in ",;",
        piece in ":=",
        piece in "'’`´",
        piece in "-‐–",
        piece in '"“”«»',
        piece in "@",
        piece in "#",
        piece in "!?",
        piece in "()[]{}",
        len(piece) == 1 and letter,
        len(piece) == 2,
        len(piece) >= 8,
        bool(known & wordlists.MAN),
        bool(known & wordlists.WOMAN),
        bool(known & wordlists.FAMILY),
        bool(known & wordlists.PLACE),
        bool(known & wordlists.COMPANY),
        bool(known & wordlists.COMMON),
        bool(known & wordlists.TITLE),
        bool(known & wordlists.COUNTRY),
        known == 0 and letter,
        key in ORG_WORDS,
        key in _PARTICLES,
        key in _LEADS,
        bool(_UNSPACED.match(piece)),
    )
    return tuple(map(float, checks))


def _places(keys: Sequence[str]) -> list[tuple[int, int]]:
    """Longest matches of places of two tokens and more, left to right."""
    known, found, at = wordlists.lists(), [], 0
    while at < len(keys):
        for length in range(min(LONGEST_PLACE, len(keys) - at), 1, -1):
            if known.get(" ".join(keys[at : at + length]), 0) & (
                wordlists.PLACE | wordlists.COMPANY
            ):
                found.append((at, length))
                at += length - 1
                break
        at += 1
    return found


def gaps(text: str, offsets: Sequence[tuple[int, int]]) -> list[int]:
    """What stands before each token: 0 nothing, 1 spaces or the start, 2 a line break."""
    found: list[int] = []
    last = 0
    for start, end in offsets:
        between = text[last:start]
        found.append(2 if "\n" in between else 1 if between or not found else 0)
        last = end
    return found


def features(
    words: Sequence[str], before: Sequence[int]
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """What the network sees of one sentence.

    Args:
      words: the tokens as they came.
      before: what stands before each token, see `gaps`.

    Returns:
      int32 (tokens, GRAMS): row 0 of each token is its word, the rest n-grams, padded with 0;
      float32 (tokens, FLAGS): casing, script, lists, neighbourhood.
    """
    rows = np.zeros((len(words), GRAMS), np.int32)
    marks = np.zeros((len(words), FLAGS), np.float32)
    keys = []
    for at, word in enumerate(words):
        own, checks, key = _word(word)
        rows[at, : len(own)] = own
        marks[at, : len(checks)] = checks
        keys.append(key)
    for at, length in _places(keys):
        marks[at, 34] = 1.0
        marks[at + 1 : at + length, 35] = 1.0
    marks[:, 36] = np.asarray(before, np.float32) > 0
    marks[:, 40] = np.asarray(before, np.float32) > 1
    marks[:-1, 41] = marks[1:, 40]
    letters = [word for word in words if word.isalpha()]
    if letters:
        marks[:, 37] = sum(word.isupper() for word in letters) / len(letters)
        marks[:, 38] = sum(word.islower() for word in letters) / len(letters)
        marks[:, 39] = 1.0 if len(letters) < 4 else 0.0
    return rows, marks
