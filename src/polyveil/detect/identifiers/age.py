# SPDX-License-Identifier: Apache-2.0
"""Ages: "42 years old", "aged 42", "a 5-month-old", "five-year-old", "42 Jahre alt", "age: 42".

Canonical is the number of full years: "42", and "0" for a five-month-old, whose facets say unit "M"
and number "5". A decade ("in her forties") is "40" with facet precision "decade". Where no unit is
written ("aged 42", "he was 42"), the mention is the number alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from polyveil.detect.identifiers._reading import CAREFUL, mention
from polyveil.detect.normalise import Normalised
from polyveil.records.finding import Kind, Mention

VIEWS = CAREFUL
_ONES = [
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_WORDS = {word: index for index, word in enumerate(_ONES, 1)} | {
    word: 10 * index for index, word in enumerate(_TENS, 2)
}
_WORD = "|".join(sorted(_WORDS, key=len, reverse=True))
_NUMBER = rf"(\d{{1,3}}(?:[.,]5)?|(?:{_WORD})(?:[ -](?:{_WORD}))?)"
_HALF = r"(?:[ -]and[ -]a[ -]half)?"
_UNITS = r"(years?|yrs?|months?|mos?|weeks?|wks?|days?|y)"
_PATTERNS = (
    re.compile(rf"(?i)(?<![\w.])(?:{_NUMBER}){_HALF}[ -]{{0,2}}{_UNITS}\.?[ -]{{0,2}}old(?!\w)"),
    re.compile(rf"(?i)(?<![\w.])(?:{_NUMBER})[ -]{{0,2}}{_UNITS}\.?[ -]of[ -]age(?!\w)"),
    re.compile(rf"(?i)(?<!\w)(?:aged?|at the age of|turn(?:s|ed|ing))[ :]{{1,3}}(?:is "
        rf"|of )?{_NUMBER}()(?![\w/]|[.,]\d| %)"),
    re.compile(r"(?i)(?<![\w.])(\d{1,3})[ -]?(y/?o|yo)(?:[ ]?[mf])?(?!\w)"),
    re.compile(r"(?i)(?<![\w.])(\d{1,3})[ -](jahre?|monate?)[ ]alt(?!\w)|"
        r"(?<![\w.])(\d{1,3})[ -]?(jährige[rsn]?)(?!\w)"),
    re.compile(r"(?i)(?<![\w.])(?:âgée? de |âge[ :]{1,3}|de |tiene |ha )?(\d{1,3}) (ans|años"
        r"|anni|anos|jaar oud)(?!\w)"),
    re.compile(r"(?i)(?<![\w])(?:(?:he|she|they|who)(?:'s| is| are| was| were)|(?:i am|i'm)) "
        r"(?:now |just |only |about |almost |already )?(?:a )?(\d{1,3})()(?=[,.;!?)]|$"
        r"| and | but )(?!\.\d)"),
    re.compile(r"(?<=[a-z]), (\d{2})()(?=, [a-z])"),
)  # fmt: skip
_DECADE = re.compile(
    rf"(?i)(?<!\w)in (?:his|her|their|my) (?:early |mid |mid-"
    rf"|late )?({'|'.join(t[:-1] + 'ies' for t in _TENS)}|\d0'?s)(?!\w)"
)
_HINT = re.compile(r"\d|old|ag|turn|ties")


def find(view: Normalised) -> Iterator[Mention]:
    """Every age up to 125 years."""
    if not _HINT.search(view.text):
        return
    for pattern in _PATTERNS:
        for found in pattern.finditer(view.text):
            groups = [group for group in found.groups() if group]
            value, unit = groups[0], (groups[1] if len(groups) > 1 else "y")
            number = _value(value)
            letter = _unit(unit)
            if number <= {"Y": 125, "M": 48, "W": 104, "D": 400}[letter]:
                years = number // {"Y": 1, "M": 12, "W": 52, "D": 365}[letter]
                facets = {"unit": letter, "format": "digits" if value[0].isdigit() else "words"}
                if letter != "Y":
                    facets["number"] = str(number)
                span = found.span() if len(groups) > 1 else found.span(1)
                yield mention(view, span, Kind.AGE, str(years), score=0.9, **facets)
    for found in _DECADE.finditer(view.text):
        word = found[1].lower()
        tens = int(word[0]) if word[0].isdigit() else _decade(word)
        yield mention(
            view, found.span(), Kind.AGE, f"{tens}0", score=0.7, unit="Y", precision="decade"
        )


def _decade(word: str) -> int:
    return next(index for index, tens in enumerate(_TENS, 2) if tens[:-1] + "ies" == word)


def _unit(written: str) -> str:
    low = written.lower()
    if low.startswith("mo"):
        return "M"
    return {"w": "W", "d": "D"}.get(low[0], "Y")


def _value(written: str) -> int:
    if written[0].isdigit():
        return int(re.match(r"\d+", written)[0])  # type: ignore[index]
    return sum(_WORDS[part] for part in re.split(r"[ -]", written.lower()))
