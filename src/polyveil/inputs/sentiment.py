# SPDX-License-Identifier: Apache-2.0
"""What feeling a short text carries: 15 numbers, from a public lexicon and from how it is written.

A few hundred labelled texts teach nobody which words are glad and which are sad; people who rated
7,500 words have said so already. VADER adds up their ratings, with negations ("not good"),
boosters ("very") and emoji. Beside it stand cues of how the text is written. All are fixed, so a
budget is spent on the few weights that read them. The lexicon is loaded from the package; it is
English.

| Text                       | What comes out                                               |
|----------------------------|--------------------------------------------------------------|
| none, or blank             | None: the record lacks this modality                         |
| no word that is known      | the first three figures 0                                    |
| another language           | emoji and cues only; false friends count ("die" is negative) |
| irony, quotes, reported    | taken at their word                                          |

Source: Hutto & Gilbert, VADER: A Parsimonious Rule-based Model for Sentiment Analysis of Social
Media Text, ICWSM 2014
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polyveil import _optional
from polyveil.inputs.text import text_of
from polyveil.records.record import Record

RATINGS = (("positive share", 0.5), ("negative share", 0.5), ("compound", 0.5))
"""Figures from the lexicon, and the unit of each."""
CUES = (
    ("exclamation marks", 4.0),
    ("question marks", 4.0),
    ("hashtags", 10.0),
    ("is passed on (RT)", 2.0),
    ("has an address", 2.0),
    ("handles", 4.0),
    ("words, beyond fifteen", 30.0),
    ("capitals among letters", 0.5),
    ("breaks off", 2.0),
    ("emoji", 4.0),
    ("digits", 10.0),
    ("quotes", 2.0),
)
"""Figures from how a text is written, and the unit of each.

Units are large, so that all cues together weigh about as much as the ratings: whatever is clipped
and noised in proportion to its size should be what says most.
"""
FIGURES = (*RATINGS, *CUES)
MOST = 2.0
"""Figures lie within +- this, in their units."""

_LIMIT, _EMOJI = 2_000, 50
"""Characters that are read, and emoji of them that are rated: of 10,000 emoji, VADER, which spells
each out and compares all words with all, took 43 s."""
_ADDRESS = re.compile(r"https?://\S*|www\.\S+")
_HANDLE = re.compile(r"(?<!\w)@\w+")


@dataclass(frozen=True, slots=True)
class SentimentReader:
    """float32 [15], in the order of `FIGURES`.

    Attributes:
      column: of the record's row; a text, or a list of texts.
    """

    column: str = "text"

    def __post_init__(self) -> None:
        if not self.column:
            raise ValueError("expected the name of a column, got ''.")

    @property
    def shape(self) -> tuple[int, ...]:
        """(features,)."""
        return (len(FIGURES),)

    @property
    def spread(self) -> float:
        """About half of what a figure varies by."""
        return 0.2

    def read(self, record: Record) -> NDArray[np.float32] | None:
        """The figures; None where the column is missing or blank.

        Raises:
          UnreadableRecord: the column holds neither a text nor a list of texts.
          MissingExtra: the lexicon is not installed.
        """
        text = text_of(record.row.get(self.column))
        return sentiment(text) if text.strip() else None


def sentiment(text: str) -> NDArray[np.float32]:
    """Figures of a text, float32 (15,), in the order and units of `FIGURES`, within [-2, 2].

    Raises:
      MissingExtra: the lexicon is not installed.
    """
    plain = text[:_LIMIT]
    # Who is named and what is linked feels nothing: "@happyjoe" is a handle.
    rated = _scorer()(_fewer_emoji(_HANDLE.sub(" ", _ADDRESS.sub(" ", plain))))
    figures = np.array([rated["pos"], rated["neg"], rated["compound"], *_cues(plain)])
    units = np.array([unit for _, unit in FIGURES])
    return np.asarray(np.clip(figures / units, -MOST, MOST), dtype=np.float32)


def _cues(text: str) -> list[float]:
    letters = [one for one in text if one.isalpha()]
    emoji = sum(map(_is_emoji, text))
    return [
        text.count("!"),
        text.count("?"),
        text.count("#"),
        text.startswith("RT "),
        bool(_ADDRESS.search(text)),
        len(_HANDLE.findall(text)),
        len(text.split()) - 15,
        sum(one.isupper() for one in letters) / max(len(letters), 1),
        text.rstrip().endswith(("…", "...")),
        emoji,
        sum(one.isdigit() for one in text),
        any(one in text for one in '"“”„«»'),
    ]


def _fewer_emoji(text: str) -> str:
    places = [at for at, one in enumerate(text) if _is_emoji(one)][_EMOJI:]
    dropped = set(places)
    return "".join(one for at, one in enumerate(text) if at not in dropped)


def _is_emoji(letter: str) -> bool:
    return unicodedata.category(letter) == "So"


@cache
def _scorer() -> Callable[[str], dict[str, float]]:
    module: Any = _optional.require(
        "vaderSentiment.vaderSentiment", extra="sentiment", purpose="reading a text's sentiment"
    )
    rate: Callable[[str], dict[str, float]] = module.SentimentIntensityAnalyzer().polarity_scores
    return rate
