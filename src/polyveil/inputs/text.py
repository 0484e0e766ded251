# SPDX-License-Identifier: Apache-2.0
"""A text as a fixed number of counts: words, pairs of words and pieces of words, hashed.

No vocabulary is learned, so none leaks, and a word that nobody wrote before still shares pieces
with those that were. A hash decides place and sign, so that words that meet in one place cancel on
average instead of adding up. Who is named is left out before counting: handles, addresses and
numbers become one sign each. That is for generalising, not for privacy: whoever holds the counts
can test them for any word.

| Text                         | Counted as                                     |
|------------------------------|------------------------------------------------|
| "Sooo GOOD!!"                | soo, good, !!                                  |
| "@anna https://t.co/x 42"    | one sign each for a handle, an address, digits |
| "#LoveIt"                    | loveit, and as a hashtag                       |
| emoji, ":)", any script      | themselves                                     |

Source: Weinberger et al., Feature Hashing for Large Scale Multitask Learning, ICML 2009
"""

from __future__ import annotations

import re
import unicodedata
import zlib
from collections import Counter, defaultdict
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polyveil import _validate
from polyveil.errors import UnreadableRecord
from polyveil.records.record import Record

_ADDRESS, _HANDLE, _DIGITS = "\x01a", "\x01h", "\x01d"
_SIGNS = (
    (re.compile(r"https?://\S*|www\.\S+"), f" {_ADDRESS} "),
    (re.compile(r"(?<!\w)@\w+"), f" {_HANDLE} "),
    (re.compile(r"\d+(?:[.,:]\d+)*"), f" {_DIGITS} "),
)
_LONG = re.compile(r"([^\W\d_])\1{2,}")
_TOKEN = re.compile(
    r"\x01\w|#?\w[\w'’]*|[:;=][-']?[()\[\]dp/\\|*]|<3|[!?]+|\.{2,}|[^\w\s.,;:\"'()\[\]/\\\-]"
)
_PIECES = (3, 4, 5)
_PAIR, _PIECE = 0.7, 0.3
"""Weight of a pair of words, and of a piece of one, against 1 for a word."""


@dataclass(frozen=True, slots=True)
class TextReader:
    """float32 [width], unit length; zeros for a text without a single token.

    Attributes:
      column: of the record's row; a text, or a list of texts.
      width: number of places, >= 1; more places, fewer words that share one.
    """

    column: str = "text"
    width: int = 4096

    def __post_init__(self) -> None:
        _validate.at_least(1, width=self.width)
        if not self.column:
            raise ValueError("expected the name of a column, got ''.")

    @property
    def shape(self) -> tuple[int, ...]:
        """(width,)."""
        return (self.width,)

    @property
    def spread(self) -> float:
        """Half of what a place holds on average."""
        return float(0.5 / np.sqrt(self.width))

    def read(self, record: Record) -> NDArray[np.float32] | None:
        """The text of a record; None where the column is missing or blank.

        Raises:
          UnreadableRecord: the column holds neither a text nor a list of texts.
        """
        text = text_of(record.row.get(self.column))
        return hashed(text, self.width) if text.strip() else None


def hashed(text: str, width: int = 4096) -> NDArray[np.float32]:
    """Hashed counts of a text, float32 (width,), unit length; zeros where it has no token."""
    row = np.zeros(width, np.float64)
    for gram, weight in _weights(text).items():
        number = zlib.crc32(gram.encode())
        # The sign comes from a bit that does not choose the place.
        row[(number >> 1) % width] += weight if number & 1 else -weight
    length = float(np.linalg.norm(row))
    return (row / length if length > 0 else row).astype(np.float32)


def tokens(text: str) -> list[str]:
    """Words, hashtags, emoji, runs of ! and ?, in order; handles, addresses, digits as one sign."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    for pattern, sign in _SIGNS:
        plain = pattern.sub(sign, plain)
    found: list[str] = _TOKEN.findall(_LONG.sub(r"\1\1", plain))
    return found


def _weights(text: str) -> dict[str, float]:
    """Gram -> weight; square roots, since the tenth "ha" says less than the first."""
    words = tokens(text)
    # A hashtag counts as itself and as its word.
    counts = Counter([*words, *(word[1:] for word in words if word[0] == "#" and word[1:])])
    weighted: defaultdict[str, float] = defaultdict(float)
    for gram, count in counts.items():
        weighted[gram] = count**0.5
    for left, right in pairwise(words):
        weighted[f"{left} {right}"] += _PAIR
    for word in {word.lstrip("#") for word in words if word[-1].isalpha() and word[0] != "\x01"}:
        padded = f"\x02{word}\x03"
        for size in _PIECES:
            for at in range(len(padded) - size + 1):
                weighted[padded[at : at + size]] += _PIECE
    return weighted


def text_of(value: Any) -> str:
    """What a record's column holds as one text; "" where it is missing.

    Raises:
      UnreadableRecord: it is neither a text nor a list of texts.
    """
    if value is None:
        return ""
    parts = value if isinstance(value, list | tuple) else [value]
    if not all(isinstance(part, str) for part in parts):
        raise UnreadableRecord("text: the column holds no text; expected a text or a list of them.")
    return "\n".join(parts)
