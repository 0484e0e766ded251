# SPDX-License-Identifier: Apache-2.0
"""International bank account numbers: country, length, structure and the mod-97 checksum.

Source: ISO 13616, as python-stdnum implements it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from stdnum import iban

from polyveil.detect.identifiers._reading import STRUCTURED, mention
from polyveil.detect.normalise import Normalised
from polyveil.detect.spelled import LEET
from polyveil.records.finding import Kind, Mention

VIEWS = STRUCTURED
_CANDIDATE = re.compile(
    r"(?<![A-Za-z0-9])[A-Za-z]{2}[\s.\-/_,:*|~+#]{0,3}+[0-9OolIQDSBZ](?:[\s.\-/_,:*"
    r"|~+#]{0,3}+[A-Za-z0-9|!$]){12,33}+"
)
_COMPACT = re.compile(r"[A-Za-z0-9|!$]")
_FEWEST_DIGITS = 6
_LENGTHS = {
    entry[:2]: int(entry[2:])
    for entry in [
        "AD24",
        "AE23",
        "AL28",
        "AT20",
        "AZ28",
        "BA20",
        "BE16",
        "BG22",
        "BH22",
        "BI27",
        "BR29",
        "BY28",
        "CH21",
        "CR22",
        "CY28",
        "CZ24",
        "DE22",
        "DJ27",
        "DK18",
        "DO28",
        "EE20",
        "EG29",
        "ES24",
        "FI18",
        "FK18",
        "FO18",
        "FR27",
        "GB22",
        "GE22",
        "GI23",
        "GL18",
        "GR27",
        "GT28",
        "HN28",
        "HR21",
        "HU28",
        "IE22",
        "IL23",
        "IQ23",
        "IS26",
        "IT27",
        "JO30",
        "KW30",
        "KZ20",
        "LB28",
        "LC32",
        "LI21",
        "LT20",
        "LU20",
        "LV21",
        "LY25",
        "MC27",
        "MD24",
        "ME22",
        "MK19",
        "MN20",
        "MR27",
        "MT31",
        "MU30",
        "NI28",
        "NL18",
        "NO15",
        "OM23",
        "PK24",
        "PL28",
        "PS29",
        "PT25",
        "QA29",
        "RO24",
        "RS22",
        "RU33",
        "SA24",
        "SC31",
        "SD18",
        "SE24",
        "SI19",
        "SK24",
        "SM27",
        "SO23",
        "ST25",
        "SV28",
        "TL23",
        "TN24",
        "TR26",
        "UA29",
        "VA22",
        "VG24",
        "XK20",
        "YE30",
    ]
}


def find(view: Normalised) -> Iterator[Mention]:
    """Every account number whose checksum holds, also with letters that stand for digits."""
    if sum(map(str.isdecimal, view.text)) < _FEWEST_DIGITS:
        return
    position = 0
    while found := _CANDIDATE.search(view.text, position):
        length = _length(found[0])
        if length is None:
            position = found.start() + 1
            continue
        position = found.start() + length[0]
        span = (found.start(), position)
        yield mention(view, span, Kind.IBAN, length[1], score=1.0, country=length[1][:2])


def _length(candidate: str) -> tuple[int, str] | None:
    """How many characters of the candidate are an account number, and that number."""
    size = _LENGTHS.get(candidate[:2].upper(), 0)
    places = [found.start() for found in _COMPACT.finditer(candidate)][: size + 1]
    if not 0 < size <= len(places):
        return None
    compact = "".join(candidate[place] for place in places[:size])
    apart = size == len(places) or places[size] - places[size - 1] > 1
    if not apart or sum(map(str.isdecimal, compact)) < _FEWEST_DIGITS:
        return None
    for spelling in _spellings(compact):
        if iban.is_valid(spelling):
            return places[size - 1] + 1, spelling
    return None


def _spellings(compact: str) -> Iterator[str]:
    """As written; then with look-alike letters between digits read as digits."""
    upper = compact.upper()
    yield upper
    digits = compact[:2].upper() + compact[2:4].translate(LEET)
    yield digits + upper[4:]
    for bank in (0, 4, 1, 3, 5, 2):  # how many letters the bank's code has, commonest first
        rest = compact[4:]
        yield digits + rest[:bank].upper() + rest[bank:].translate(LEET)
