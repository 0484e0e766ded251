# SPDX-License-Identifier: Apache-2.0
"""Ages moved by a year or two within their band; from 90 on they all read 90.

Source: 45 CFR 164.514(b)(2)(i)(C): ages over 89 are one category.
"""

from __future__ import annotations

import re

from polyveil.privacy.pseudonym import Draw
from polyveil.replace.spoken_name import like

BANDS = {
    "baby": (0, 2),
    "child": (3, 12),
    "teenager": (13, 19),
    "adult": (20, 59),
    "senior": (60, 89),
}
"""Age band -> first and last year, both included."""

CAP = 90
"""What every age above 89 becomes; read it as "90 or older"."""

_ONES = (  # noqa: SIM905
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen"
).split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()  # noqa: SIM905
_WORDS = {word: n for n, word in enumerate(_ONES)} | {w: 10 * n for n, w in enumerate(_TENS, 2)}
_WORD = "|".join(sorted(_WORDS, key=len, reverse=True))
_AGE = re.compile(
    rf"(?<![^\W_])(?:(?P<digits>\d{{1,3}})|(?P<words>(?:{_WORD})(?:[ -](?:{_WORD}))?))(?![^\W_])"
    rf"|(?P<joined>\d{{1,3}})(?=[A-Za-zäé])",
    re.IGNORECASE,
)
_SMALL_UNIT = re.compile(r"\b(months?|mos?|weeks?|wks?|days?|monate?|mois|meses|mesi)\b", re.I)
_DECADE = re.compile(r"ies\b|\d0'?s\b", re.I)


def move(text: str, draw: Draw) -> str | None:
    """The string with its age moved; None where no age is understood.

    A decade ("in her forties") is kept: it is a band already. Months and weeks move by one or two.
    """
    if _DECADE.search(text):
        return text
    match = _AGE.search(text)
    if not match:
        return None
    old = match.group()
    value = int(old) if old.isdigit() else sum(_WORDS[w] for w in re.split("[ -]", old.lower()))
    small = bool(_SMALL_UNIT.search(text))
    new = _near(value, 1, value + 2, draw) if small else age_near(value, draw)
    words = str(new) if old.isdigit() else like(old, _spelled(new))
    if old[0].isupper() and not old.isupper():
        words = words.capitalize()
    return text[: match.start()] + words + text[match.end() :]


def age_near(value: int, draw: Draw) -> int:
    """Another age of the same band, at most two years away; 90 for every age above 89."""
    if value >= CAP:
        return CAP
    low, high = next(ends for ends in BANDS.values() if ends[0] <= value <= ends[1])
    return _near(value, low, high, draw)


def _near(value: int, low: int, high: int, draw: Draw) -> int:
    return draw.pick([n for n in range(value - 2, value + 3) if low <= n <= high and n != value])


def _spelled(number: int) -> str:
    if number < 20:
        return _ONES[number]
    tens, ones = divmod(number, 10)
    if number >= 100:
        return str(number)
    return _TENS[tens - 2] + (f"-{_ONES[ones]}" if ones else "")
