# SPDX-License-Identifier: Apache-2.0
"""International bank account numbers: country, length, structure and the mod-97 checksum.

Source: ISO 13616, as python-stdnum implements it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import phonenumbers
from stdnum import iban

from polyveil.detect.identifiers._reading import STRUCTURED, mention
from polyveil.detect.normalise import Normalised
from polyveil.detect.spelled import LEET
from polyveil.records.finding import Kind, Mention

VIEWS = STRUCTURED
_CANDIDATE = re.compile(
    r"(?<![A-Za-z0-9])[A-Za-z]{2}[\s.\-/_,:*|~+#]{0,3}+[0-9OolIQDSBZ](?:[\s.\-/_,:*|~+#]{0,3}+[A-Za-z0-9|!$]){12,33}+"
)
_COMPACT = re.compile(r"[A-Za-z0-9|!$]")
_SHORTEST, _LONGEST, _FEWEST_DIGITS = 15, 34, 6
_COUNTRIES = phonenumbers.SUPPORTED_REGIONS | {"XK"}


def find(view: Normalised) -> Iterator[Mention]:
    """Every account number whose checksum holds, also with letters that stand for digits."""
    if sum(map(str.isdecimal, view.text)) < _FEWEST_DIGITS:
        return
    position = 0
    while found := _CANDIDATE.search(view.text, position):
        length = _length(found[0]) if found[0][:2].upper() in _COUNTRIES else None
        if length is None:
            position = found.start() + 1
            continue
        position = found.start() + length[0]
        span = (found.start(), position)
        yield mention(view, span, Kind.IBAN, length[1], score=1.0, country=length[1][:2])


def _length(candidate: str) -> tuple[int, str] | None:
    """How many characters of the candidate are an account number, and that number."""
    if sum(map(str.isdecimal, candidate)) < _FEWEST_DIGITS:
        return None
    places = [found.start() for found in _COMPACT.finditer(candidate)]
    compact = "".join(candidate[place] for place in places)
    for size in range(min(_LONGEST, len(compact)), _SHORTEST - 1, -1):
        boundary = size == len(compact) or places[size] - places[size - 1] > 1
        if not boundary and size < len(compact):
            continue
        for spelling in _spellings(compact[:size]):
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
