# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: SIM905, E501 - word lists read better as text
"""Third-person pronouns and their grammatical case, so that a rewriter can put another sex in.

"her" is two words in one: before a noun it is "his", else it is "him"; "his" before no noun is
"hers". What follows decides; without a parser this is right for most captions, not for all.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_FORMS = {
    "he": "he.subject", "him": "he.object", "his": "he.determiner", "himself": "he.reflexive",
    "she": "she.subject", "her": "she.determiner", "hers": "she.possessive", "herself": "she.reflexive",
    "they": "they.subject", "them": "they.object", "their": "they.determiner",
    "theirs": "they.possessive", "themselves": "they.reflexive", "themself": "they.reflexive",
}  # fmt: skip
_WORD = re.compile(
    r"(?<![\w'’])(?:" + "|".join(sorted(_FORMS, key=len, reverse=True)) + r")(?!\w)", re.I
)
_NEXT = re.compile(r"[ \t]*([^\W\d_]+|\S|$)")
_NO_NOUN = frozenset(
    """a an the this that these those my your our their his her its and or but so because while when
    as if than then in on at to from with without by for of off into onto over under up down out
    away back again around about after before behind beside between through during near against
    along across toward towards upon until since like
    is was are were be been being am has have had do does did will would can could shall should may
    might must not very too also just now today yesterday tomorrow tonight here there where who whom which what how
    why he she they him them we us i you it me himself herself themselves go look looks looking run
    walk play sit stand""".split()
)
"""After one of these no noun phrase begins that "her" could own."""


class Pronoun(NamedTuple):
    """Characters [start, end) and the word: "he", "she" or "they", a dot, its case.

    Cases: subject (he), object (him), determiner (his dog), possessive (it is his), reflexive.
    """

    start: int
    end: int
    lemma: str


def pronouns(text: str) -> list[Pronoun]:
    """Every third-person pronoun of a text, in order."""
    found = []
    for match in _WORD.finditer(text):
        lemma = _FORMS[match[0].lower()]
        if lemma in {"he.determiner", "she.determiner"} and not _owns(text, match.end()):
            lemma = "he.possessive" if lemma == "he.determiner" else "she.object"
        found.append(Pronoun(match.start(), match.end(), lemma))
    return found


def _owns(text: str, end: int) -> bool:
    """Whether a noun phrase follows."""
    follower = _NEXT.match(text, end)
    word = follower[1].lower() if follower else ""
    return bool(word) and (word[0].isalnum() or word in "\"“'‘") and word not in _NO_NOUN
