# SPDX-License-Identifier: Apache-2.0
"""Dates as people write them, with what a shifter needs to write another one the same way.

Canonical is ISO 8601 with the precision kept: "1975-03-12", "1975-03", "1975"; a day without year
is "--03-12". Facets: precision ("day", "month", "year", "day_of_year"), format (strftime, with
"-" for no leading zero and "%o" for the ordinal ending as in "3rd"), language of the month's name,
and ambiguous = "yes" where 3/4 could be March or April (month first with "/", day first else).
Relative dates ("yesterday", "last Tuesday") are left alone: they say nothing without another date.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator

from polyveil.detect.identifiers._months import ANY_MONTH, month
from polyveil.detect.identifiers._reading import mention
from polyveil.detect.normalise import Normalised
from polyveil.records.finding import Kind, Mention

VIEWS = frozenset({"plain", "folded", "joined", "leet"})
_ISO = re.compile(
    r"(?<![\w-])((?:1[6-9]|20|21)\d\d)([-/.])(\d{1,2})\2(\d{1,2})(?![\w]|[-/]\d)|"
    r"(?<![\w-])((?:1[6-9]|20|21)\d\d)-(\d\d)-(\d\d)(?=T\d\d)"
)
_NUMERIC = re.compile(
    r"(?<![\w./-])(\d{1,2})([ \t\r\n]{0,2}[-/._|*~:,]{1,2}[ \t\r\n]{0,2}"
    r"|[ ])(\d{1,2})\2((?:1[6-9]|20|21)\d\d|\d\d)(?![\w]|[-/.,:]\d)"
)
_COMPACT = re.compile(r"(?<!\w)((?:19|20)\d\d)(0[1-9]|1[0-2])([0-2]\d|3[01])(?!\w)")
_ORDINAL = r"(st|nd|rd|th|er|re|º|ª|\.)?"
_DAY_FIRST = re.compile(
    rf"(?i)(?<![\w.])(\d{{1,2}}){_ORDINAL}([ -]{{0,2}}(?:of |de "
    rf"|d')?)({ANY_MONTH})(\.?)(?:(,?[ -]{{0,2}}(?:of |de |del |')?)(\d{{4}}|"
    rf"(?<=['-])\d\d))?(?!\w)"
)
_MONTH_FIRST = re.compile(
    rf"(?i)(?<!\w)({ANY_MONTH})(\.?)([ -]{{1,2}}(?:the )?)(\d{{1,2}})"
    rf"(?!:\d){_ORDINAL}(?:(,?[ -]{{1,2}}(?:of )?)(\d{{4}}))?(?!\w)"
)
_MONTH_YEAR = re.compile(rf"(?i)(?<!\w)({ANY_MONTH})(\.?)(,?[ -/](?:of |de |del )?)(\d{{4}})(?!\w)")
_YEAR = re.compile(
    r"(?i)(?<!\w)(?:in|since|from|until|till|of|by|year|born|b\.|circa|ca\.?|before"
    r"|after|during|around|class of|"
    r"and|to|a|an|the|im jahr|seit|en|depuis|desde|dal|nel|for|january|early|late"
    r"|mid|©|anno|is|was)[ ]"
    r"((?:1[89]|20)\d\d)(?!\w|[.,:]\d|[-/]\d|%| ?(?:people|miles|meters|metres|km|kg"
    r"|dollars|euros|years|percent|men|women|points|votes|units|feet|times|copies"
    r"|soldiers|words))|"
    r"(?<!\w)\(((?:1[89]|20)\d\d)(?:\)|[ ]?[-–])"
)
_BORN = re.compile(r"(?i)born|dob|birth|geb|née?\b|nacid|nato|date")
_HINT = re.compile(r"\d")


def find(view: Normalised) -> Iterator[Mention]:
    """Every absolute date."""
    if not _HINT.search(view.text):
        return
    if view.name in ("plain", "folded"):
        yield from _named(view)
        yield from _years(view)
    yield from _iso(view)
    yield from _numeric(view)


def _iso(view: Normalised) -> Iterator[Mention]:
    for found in _ISO.finditer(view.text):
        year, separator, first, second = (
            (found[1], found[2], found[3], found[4])
            if found[1]
            else (found[5], "-", found[6], found[7])
        )
        written = separator.join(("%Y", _code("m", first), _code("d", second)))
        yield from _day(view, found.span(), (int(year), int(first), int(second)), written)
    for found in _COMPACT.finditer(view.text):
        if _BORN.search(view.text[max(0, found.start() - 30) : found.start()]):
            date = (int(found[1]), int(found[2]), int(found[3]))
            yield from _day(view, found.span(), date, "%Y%m%d")


def _numeric(view: Normalised) -> Iterator[Mention]:
    for found in _NUMERIC.finditer(view.text):
        first, second, separator = int(found[1]), int(found[3]), found[2]
        usual = separator in ("/", "-", ".")
        if len(found[4]) == 2 and not (usual and (separator != "." or len(found[1]) == 2)):
            continue
        day_first = first > 12 or (second <= 12 and separator.strip() != "/")
        parts = (_code("d", found[1]), _code("m", found[3]))
        day, month_ = (first, second) if day_first else (second, first)
        if not day_first:
            parts = (_code("m", found[1]), _code("d", found[3]))
        written = separator.join((*parts, "%Y" if len(found[4]) == 4 else "%y"))
        extra = {"ambiguous": "yes"} if first <= 12 and second <= 12 and first != second else {}
        date = (_century(found[4]), month_, day)
        yield from _day(view, found.span(), date, written, **extra)


def _named(view: Normalised) -> Iterator[Mention]:
    for found in _DAY_FIRST.finditer(view.text):
        number, language, code = month(found[4], found[5])
        if found[7] is None and _just_a_verb(found[4], found[3]):
            continue
        written = _code("d", found[1]) + _ordinal(found[2]) + found[3] + code + found[5]
        yield from _dated(
            view, found, int(found[1]), number, (found[6], found[7]), written, language
        )
    for found in _MONTH_FIRST.finditer(view.text):
        number, language, code = month(found[1], found[2])
        if found[7] is None and _just_a_verb(found[1], ""):
            continue
        written = code + found[2] + found[3] + _code("d", found[4]) + _ordinal(found[5])
        yield from _dated(
            view, found, int(found[4]), number, (found[6], found[7]), written, language
        )
    for found in _MONTH_YEAR.finditer(view.text):
        number, language, code = month(found[1], found[2])
        if 1600 <= int(found[4]) <= 2199:
            yield mention(
                view, found.span(), Kind.DATE, f"{int(found[4]):04}-{number:02}", score=0.9,
                precision="month", format=code + found[2] + found[3] + "%Y", language=language,
            )  # fmt: skip


def _dated(
    view: Normalised,
    found: re.Match[str],
    day: int,
    number: int,
    year: tuple[str | None, str | None],
    written: str,
    language: str,
) -> Iterator[Mention]:
    """A day of a month, with or without its year."""
    if year[1]:
        written += (year[0] or "") + ("%Y" if len(year[1]) == 4 else "%y")
        date = (_century(year[1]), number, day)
        yield from _day(view, found.span(), date, written, language=language)
    elif _exists(2000, number, day):
        end = found.end() - len(found[0]) + len(found[0].rstrip(" ,.-'"))
        canonical, facets = f"--{number:02}-{day:02}", {"language": language, "format": written}
        span = (found.start(), end)
        yield mention(
            view, span, Kind.DATE, canonical, score=0.8, precision="day_of_year", **facets
        )


def _years(view: Normalised) -> Iterator[Mention]:
    for found in _YEAR.finditer(view.text):
        group = 1 if found[1] else 2
        facets = {"precision": "year", "format": "%Y"}
        yield mention(view, found.span(group), Kind.DATE, found[group], score=0.7, **facets)


def _just_a_verb(name: str, between: str) -> bool:
    """ "may 3", "march 2", "sun 12" without a capital letter are hardly dates."""
    return (
        name.islower()
        and name in ("may", "march", "mar", "set", "dec", "mag", "out", "sep", "ago")
        and "of" not in between
    )


def _day(
    view: Normalised, span: tuple[int, int], date: tuple[int, int, int], written: str, **facets: str
) -> Iterator[Mention]:
    year, number, day = date
    if 1600 <= year <= 2199 and _exists(*date):
        canonical = f"{year:04}-{number:02}-{day:02}"
        yield mention(
            view, span, Kind.DATE, canonical, score=0.95, precision="day", format=written, **facets
        )


def _exists(year: int, number: int, day: int) -> bool:
    try:
        datetime.date(year, number, day)
    except ValueError:
        return False
    return True


def _code(letter: str, digits: str) -> str:
    """ "%d" where a leading zero shows or cannot, "%-d" where one was left out."""
    return f"%-{letter}" if len(digits) == 1 else f"%{letter}"


def _ordinal(ending: str | None) -> str:
    return "" if not ending else ending if ending == "." else "%o"


def _century(year: str) -> int:
    """Two digits: the past hundred years, up to ten years ahead, seen from 2026."""
    if len(year) == 4:
        return int(year)
    return int(year) + (2000 if int(year) <= 36 else 1900)
