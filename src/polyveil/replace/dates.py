# SPDX-License-Identifier: Apache-2.0
"""Dates moved by a constant number of days, written as they were: format, language, case.

The distance between two dates of one person stays what it was; the weekday is worked out anew. A
year alone moves by the rounded number of years, never by none. Shifting hides when something
happened, not how long it took.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta

from polyveil.replace.names import fold

_DAYS_A_YEAR = 365.25
_PIVOT = 36  # "36" is 2036, "37" is 1937: the same reading as the detector's


def _table(text: str) -> dict[str, tuple[str, ...]]:
    rows = (line.split() for line in text.strip().splitlines())
    return {language: tuple(names) for language, *names in rows}


_MONTHS = _table(
    """
    en january february march april may june july august september october november december
    de januar februar märz april mai juni juli august september oktober november dezember
    fr janvier février mars avril mai juin juillet août septembre octobre novembre décembre
    es enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre
    it gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre
    pt janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro
    nl januari februari maart april mei juni juli augustus september oktober november december
    """
)
_SHORT_MONTHS = _table(
    """
    en jan feb mar apr may jun jul aug sep oct nov dec
    de jan feb mrz apr mai jun jul aug sep okt nov dez
    fr janv févr mars avr mai juin juil août sept oct nov déc
    es ene feb mar abr may jun jul ago sept oct nov dic
    it gen feb mar apr mag giu lug ago set ott nov dic
    """
)
_WEEKDAYS = _table(
    """
    en monday tuesday wednesday thursday friday saturday sunday
    de montag dienstag mittwoch donnerstag freitag samstag sonntag
    fr lundi mardi mercredi jeudi vendredi samedi dimanche
    es lunes martes miércoles jueves viernes sábado domingo
    it lunedì martedì mercoledì giovedì venerdì sabato domenica
    nl maandag dinsdag woensdag donderdag vrijdag zaterdag zondag
    """
)
_SHORT_WEEKDAYS = {"en": tuple("mon tue wed thu fri sat sun".split())}  # noqa: SIM905


def _index(*tables: dict[str, tuple[str, ...]]) -> dict[str, tuple[int, tuple[str, ...]]]:
    """Folded word -> (number from 0, the row to take another word of the same kind from)."""
    found: dict[str, tuple[int, tuple[str, ...]]] = {"sept": (8, _SHORT_MONTHS["en"])}
    for table in tables:
        for row in table.values():
            for number, word in enumerate(row):
                found.setdefault(fold(word), (number, row))
    return found


_MONTH = _index(_MONTHS, _SHORT_MONTHS)
_WEEKDAY = _index(_WEEKDAYS, _SHORT_WEEKDAYS)
del _WEEKDAY["sept"]


def _any(*tables: dict[str, tuple[str, ...]]) -> str:
    words = {word for table in tables for row in table.values() for word in row} | {"sept"}
    words |= {fold(word) for word in words}
    return "|".join(sorted(words, key=len, reverse=True))


_MON = rf"(?P<mon>{_any(_MONTHS, _SHORT_MONTHS)})"
_DAY_WORD = _any(_WEEKDAYS, _SHORT_WEEKDAYS).replace("|sept", "")
_WD = rf"(?:(?P<wd>{_DAY_WORD})\b\.?,?\s+(?:the\s+|den\s+|le\s+)?)?"
_ORD = r"(?P<ord>st|nd|rd|th|er|re|º|ª)?"
_Y = r"(?P<y>\d{4}|(?<=['’-])\d{2})"
_PATTERNS = tuple(
    re.compile(rf"(?<![^\W_]){_WD}{body}(?!\d)", re.IGNORECASE)
    for body in (
        r"(?P<y>\d{4})\s?(?P<sep>[-/._年])\s?(?P<m>\d{1,2})\s?(?:(?P=sep)|月)\s?(?P<d>\d{1,2})",
        r"(?P<a>\d{1,2})(?P<sep>\s*[-/._|*~:,]{1,2}\s*|\s)(?P<b>\d{1,2})(?P=sep)(?P<y>\d{4}|\d{2})",
        r"(?P<y>(?:19|20)\d\d)(?P<m>0[1-9]|1[0-2])(?P<d>[0-2]\d|3[01])",
        rf"(?P<d>\d{{1,2}}){_ORD}\.?[ -]{{0,2}}(?:(?:day )?of |de |d')?{_MON}\b"
        rf"(?:\.?,?[ -]{{0,2}}(?:of |de |del )?['’]?{_Y})?",
        rf"{_MON}\.?[ -]{{1,2}}(?:the )?(?P<d>\d{{1,2}})(?!\d){_ORD}(?:,?[ -]{{1,2}}(?:of "
        rf")?['’]?{_Y})?",
        rf"{_MON}\.?,?[ /-](?:of |de |del )?['’]?{_Y}",
        r"(?P<m>0?[1-9]|1[0-2])[/.-](?P<y>\d{4})",
        r"(?P<y>(?:1[5-9]|20|21)\d\d)(?![\d]*s\b)",
        rf"{_MON}\b",
    )
)
_LONE_WEEKDAY = re.compile(rf"\b(?P<wd>{_DAY_WORD})\b", re.IGNORECASE)
BEFORE = re.compile(rf"\b(?:{_DAY_WORD})\b\.?,?\s+(?:the\s+|den\s+|le\s+)?$", re.IGNORECASE)
"""A weekday right before a date: it belongs to the date and is worked out anew."""


@dataclass(frozen=True, slots=True)
class WrittenDate:
    """A date as found in a string.

    Attributes:
      day: the date; the 15th where only the month, July 1st where only the year is written.
      precision: "day", "month" or "year".
      has_year: False for "March 5th".
      spans: part -> (start, end) in the string; parts are d, m, mon, y, wd, ord.
    """

    day: date
    precision: str
    has_year: bool
    spans: dict[str, tuple[int, int]]


def read(text: str, canonical: str = "") -> WrittenDate | None:
    """The first date in a string; None where none is understood or it does not exist.

    Args:
      text: the date as written.
      canonical: ISO date as the detector read it; it decides between 3/4 and 4/3.
    """
    for pattern in _PATTERNS:
        match = pattern.search(text)
        if match:
            spans = {
                name: match.span(name)
                for name, value in match.groupdict().items()
                if value is not None
            }
            spans.pop("sep", None)
            return _understood(text, spans, canonical)
    return None


def shift(text: str, days: int, canonical: str = "") -> str | None:
    """The string with its date moved; None where no date is understood.

    Raises:
      ValueError: days is 0: nothing would be hidden.
    """
    if days == 0:
        raise ValueError("expected days != 0, got 0.")
    written = read(text, canonical)
    if written is None:
        lone = _LONE_WEEKDAY.search(text)
        return _lone_weekday(text, lone, days) if lone else None
    return _rewritten(text, written, moved(written, days))


def moved(written: WrittenDate, days: int) -> date:
    """The date that a shift leads to; the other way round where the calendar ends."""
    step = days
    if written.precision == "year":
        years = round(abs(days) / _DAYS_A_YEAR) or 1
        year = written.day.year + (years if days > 0 else -years)
        return written.day.replace(year=min(9999, max(1, year)))
    try:
        return written.day + timedelta(days=step)
    except OverflowError:
        return written.day - timedelta(days=step)


def _understood(text: str, spans: dict[str, tuple[int, int]], canonical: str) -> WrittenDate | None:
    part = {name: text[start:end] for name, (start, end) in spans.items()}
    if "a" in spans:
        day_first = _day_first(int(part["a"]), int(part["b"]), text, canonical)
        first, second = spans.pop("a"), spans.pop("b")
        spans["d"], spans["m"] = (first, second) if day_first else (second, first)
        part = {name: text[start:end] for name, (start, end) in spans.items()}
    year = _year(part["y"], canonical) if "y" in part else 2000
    month = _MONTH[fold(part["mon"])][0] + 1 if "mon" in part else int(part.get("m", 7))
    precision = "day" if "d" in part else "month" if month and {"m", "mon"} & set(part) else "year"
    day = int(part["d"]) if "d" in part else 15 if precision == "month" else 1
    try:
        return WrittenDate(date(year, month, day), precision, "y" in part, spans)
    except ValueError:
        return None


def _day_first(first: int, second: int, text: str, canonical: str) -> bool:
    known = re.fullmatch(r"\d{4}-(\d\d)-(\d\d)", canonical)
    if known and {first, second} == {int(known[1]), int(known[2])}:
        return first == int(known[2])
    return first > 12 or (second <= 12 and "/" not in text)


def _year(digits: str, canonical: str) -> int:
    if len(digits) == 4:
        return int(digits)
    if re.match(r"\d{4}", canonical) and canonical[2:4] == digits:
        return int(canonical[:4])
    return int(digits) + (2000 if int(digits) <= _PIVOT else 1900)


def _rewritten(text: str, written: WrittenDate, day: date) -> str:
    spans = written.spans
    old = {name: text[start:end] for name, (start, end) in spans.items()}
    new: dict[str, str] = {}
    padded = _padded(old)
    if "d" in old:
        new["d"] = f"{day.day:02}" if padded else str(day.day)
    if "m" in old:
        new["m"] = f"{day.month:02}" if padded else str(day.month)
    if "mon" in old:
        new["mon"] = _cased(old["mon"], _MONTH[fold(old["mon"])][1][day.month - 1])
    if "y" in old:
        new["y"] = f"{day.year:04}"[-len(old["y"]) :]
    if "wd" in old:
        new["wd"] = _cased(old["wd"], _WEEKDAY[fold(old["wd"])][1][day.weekday()])
    if "ord" in old:
        new["ord"] = _ordinal(old["ord"], day.day)
    for name in sorted(new, key=lambda part: spans[part][0], reverse=True):
        start, end = spans[name]
        text = text[:start] + new[name] + text[end:]
    return text


def _padded(old: dict[str, str]) -> bool:
    """Whether single digits are written with a zero in front."""
    numbers = [old[name] for name in ("d", "m") if name in old]
    if any(number.startswith("0") for number in numbers):
        return True
    return "mon" not in old and all(len(number) == 2 for number in numbers)


def _ordinal(old: str, day: int) -> str:
    if old.lower() in {"er", "re"}:
        return old if day == 1 else ""
    if old in "ºª":
        return old
    new = "th" if day in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")
    return new.upper() if old.isupper() else new


def _cased(model: str, word: str) -> str:
    if model.isupper() and len(model) > 1:
        return word.upper()
    return word.capitalize() if model[0].isupper() else word


def _lone_weekday(text: str, match: re.Match[str], days: int) -> str:
    number, row = _WEEKDAY[fold(match["wd"])]
    start, end = match.span("wd")
    return text[:start] + _cased(match["wd"], row[(number + days) % 7]) + text[end:]
