# SPDX-License-Identifier: Apache-2.0
"""Telephone numbers that ring nowhere, punctuated as the original.

Ranges set aside for fiction where a country has them: North America 555-01xx, Ofcom, ARCEP,
Bundesnetzagentur, ACMA, PTS, ComReg. Elsewhere, digits that the numbering plan cannot assign.
Sources: ATIS-0300115; Ofcom "Telephone numbers for use in TV and radio drama"; ARCEP decision
2018-0881; Bundesnetzagentur Mitteilung 148/2021; ACMA fictitious numbers; PTS; ComReg 17/53.
"""

from __future__ import annotations

import re

import phonenumbers

from polyveil.privacy.pseudonym import Draw

_FICTION: dict[int, tuple[str, ...]] = {
    1: tuple(
        f"{area}55501__" for area in "202 206 212 213 214 301 303 305 312 313 314 402 404 405 410 "  # noqa: SIM905
        "412 415 503 504 512 513 515 602 603 605 612 614 615 617 702 704 713 716 801 802 "
        "803".split()
    ),
    44: ("2079460___", "1134960___", "1144960___", "1154960___", "1164960___", "1174960___",
         "1184960___", "1214960___", "1314960___", "1414960___", "1514960___", "1614960___",
         "1914980___", "1632960___", "7700900___", "8081570___"),
    33: ("19900____", "26191____", "35301____", "46571____", "53649____", "63998____"),
    49: ("3023125___", "6990009___", "4066969___", "2214710___", "8999998___", "17139200__",
         "176040690__"),
    61: ("25550____", "35550____", "75550____", "85550____", "27010____", "37010____",
         "491570156", "491570157", "491570158", "491570159", "491570110"),
    46: ("3139006__", "4062804__", "84650045_", "70174060_"),
    353: ("2091_____",),
}  # fmt: skip
_MOBILE = {44: "7", 33: "6", 61: "4", 46: "7", 49: "1"}
_EXTENSION = re.compile(r"(?i)\s*(?:,|;|x|ext\.?|extension|#)\s*\d{1,6}\s*$")
_PLANS = ("US", "GB", "DE", "FR", "ES", "IT", "IN", "AU", "BR", "JP", "CN", "NL", "SE", "PL", "MX")
_TRIES = 64


def fictional(surface: str, canonical: str, draw: Draw) -> str:
    """A number of the same country, length and punctuation that belongs to nobody.

    Args:
      surface: as written.
      canonical: E.164 where the country is known, digits elsewhere.
    """
    tail = _EXTENSION.search(surface)
    body = surface[: tail.start()] if tail else surface
    ending = _filled(tail.group(), draw.digits(16)) if tail else ""
    slots = [i for i, char in enumerate(body) if char.isdecimal()]
    number = _parsed(canonical if canonical.startswith("+") else surface)
    digits = "".join(body[i] for i in slots)
    if number is not None and digits.endswith(_nsn(number)):
        old = _nsn(number)
        new = _within_country(number.country_code or 0, old, draw)
        return _filled(body, digits[: -len(old)] + new) + ending
    return _filled(body, _of_no_country(digits, draw)) + ending


def is_fictional(surface: str) -> bool:
    """Whether a number lies in a range that is set aside for fiction."""
    number = _parsed(surface)
    if number is None:
        digits = re.sub(r"\D", "", surface)
        return bool(re.search(r"55501\d\d$", digits))
    return any(
        re.fullmatch(pattern.replace("_", r"\d"), _nsn(number))
        for pattern in _FICTION.get(number.country_code or 0, ())
    )


def _within_country(code: int, old: str, draw: Draw) -> str:
    fitting = [p for p in _FICTION.get(code, ()) if len(p) == len(old)]
    mobile = _MOBILE.get(code)
    if mobile:
        same = [p for p in fitting if p.startswith(mobile) == old.startswith(mobile)]
        fitting = same or fitting
    for _ in range(_TRIES):
        if fitting:
            new = "".join(draw.digits(1) if c == "_" else c for c in draw.pick(fitting))
            unassigned = True
        else:
            new = old[0] + draw.digits(len(old) - 1)
            # Parsed, not built: a leading zero is part of an Italian number.
            number = _parsed(f"+{code}{new}")
            unassigned = number is None or not phonenumbers.is_valid_number(number)
        if new != old and unassigned:
            return new
    # Every draw could be somebody's: a national number of zeros is nobody's in any plan.
    return "0" * (len(old) - 4) + draw.digits(4)


def _of_no_country(digits: str, draw: Draw) -> str:
    """Digits whose country is unknown: 555-01xx at the end of ten or seven, else unassignable."""
    size = len(digits)
    if size in (7, 10, 11):
        area = draw.pick(_FICTION[1])[:3] if size > 7 else ""
        lead = digits[0] if size == 11 else ""
        new = lead + area + "55501" + draw.digits(2)
        if new != digits and (size != 10 or digits[0] != "0"):
            return new
    lead = "0" if digits.startswith("0") else ""
    for _ in range(_TRIES):
        new = lead + draw.digits(size - len(lead))
        if new != digits and not any(_valid(new, plan) for plan in _PLANS):
            return new
    return "0" * (size - 4) + draw.digits(4)


def _valid(digits: str, region: str) -> bool:
    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(digits, region))
    except phonenumbers.NumberParseException:
        return False


def _parsed(text: str) -> phonenumbers.PhoneNumber | None:
    if not text.lstrip(" (").startswith("+"):
        return None
    try:
        return phonenumbers.parse(text, None)
    except phonenumbers.NumberParseException:
        return None


def _nsn(number: phonenumbers.PhoneNumber) -> str:
    return str(phonenumbers.national_significant_number(number))


def _filled(shape: str, digits: str) -> str:
    """The shape with its digits replaced in order."""
    new = iter(digits)
    return "".join(next(new) if char.isdecimal() else char for char in shape)
