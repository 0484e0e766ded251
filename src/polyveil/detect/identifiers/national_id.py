# SPDX-License-Identifier: Apache-2.0
"""Identifiers that states give to people: by checksum and form, by cue word where those are weak.

Also passports and driving licences, whose numbers have no checksum: they count beside their word.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache

from polyveil.detect.identifiers._digits import Number, numbers
from polyveil.detect.identifiers._reading import STRUCTURED, cue, mention, near
from polyveil.detect.identifiers._schemes import DIGITS, LETTERED, LetteredScheme, Scheme, validator
from polyveil.detect.normalise import Normalised
from polyveil.detect.spelled import LEET
from polyveil.records.finding import Kind, Mention

VIEWS = STRUCTURED
_D = r"[\dOolIZSBQ|]"
_ANY_CUE = "id|dni|nie|nif|nino|ni|national insurance|identity|codice fiscale|curp|hetu|passport"
_SEPARATOR = r"[\s.\-/_,:*|~+#]{0,3}"


def _by_length() -> Mapping[int, tuple[Scheme, ...]]:
    table: defaultdict[int, list[Scheme]] = defaultdict(list)
    for scheme in DIGITS:
        table[scheme.length].append(scheme)
    return {length: tuple(schemes) for length, schemes in table.items()}


_SCHEMES = _by_length()


def _outside_classes(form: str) -> str:
    """D and S outside [...] and (?!...) become their patterns."""
    pieces = re.split(r"(\[[^\]]*\]|\(\?![^)]*\))", form)
    spelled = (
        piece if index % 2 else piece.replace("S", _SEPARATOR).replace("D", _D)
        for index, piece in enumerate(pieces)
    )
    return "".join(spelled)


_LETTERED = tuple(
    (scheme, re.compile(rf"(?i)(?<![A-Za-z0-9])({_outside_classes(scheme.form)})(?![A-Za-z0-9])"))
    for scheme in LETTERED
)
_DOCUMENT = re.compile(
    r"(?i)(?<!\w)(passport|reisepass|passeport|pasaporte|passaporto|driver'?s? licen[cs]e|"
    r"driving licen[cs]e|licen[cs]e(?! plate)|f[üu]hrerschein|"
    r"permis de conduire|permiso de conducir|dl|"
    r"personalausweis|ausweis|identity card|id card|medicare|medical record|mrn|patient id|"
    r"national insurance|ni number|social security|ssn)"
    r"(?:[ ]?(?:number|no|nr|num|nummer|id|card))?[.:# ]{0,3}(?:(?:is|was|ist|est|es"
    r"|are)[: ]{1,2})?"
    r"((?=[A-Z]{0,4}[ -]?\d[A-Z0-9 -]{0,3}\d)[A-Z0-9]{1,15}"
    r"(?:[ -](?=[A-Z]{0,3}\d)[A-Z0-9]{1,8}){0,4})"
    r"(?![\w])"
)
_DOCUMENTS = (
    ("pas", "passport"), ("reisep", "passport"), ("driv", "driver_licence"),
    ("dl", "driver_licence"), ("lic", "driver_licence"), ("f", "driver_licence"),
    ("perm", "driver_licence"), ("medicare", "au_medicare"), ("m", "medical_record"),
    ("patient", "medical_record"), ("ss", "us_ssn"), ("social", "us_ssn"), ("n", "gb_nino"),
)  # fmt: skip


def find(view: Normalised) -> Iterator[Mention]:
    """Every national identifier, passport and driving licence."""
    if not any(map(str.isdecimal, view.text)):
        return
    said = lru_cache(maxsize=None)(lambda cues: bool(cue(cues).search(view.text)))
    for number in numbers(view.text, _SCHEMES, longest=max(_SCHEMES)):
        for scheme in _SCHEMES.get(len(number.digits), ()):
            if _holds(view, number, scheme, said):
                span = (number.start, number.end)
                score = 1.0 if scheme.name not in ("us_ssn", "dk_cpr") else 0.95
                yield _mention(view, span, number.digits, scheme.name, score)
                break
    for lettered, pattern in _LETTERED:
        yield from _lettered(view, lettered, pattern)
    yield from _documents(view)


def _holds(view: Normalised, number: Number, scheme: Scheme, said: Callable[[str], bool]) -> bool:
    """Whether form, checksum and, where those are weak, a word nearby agree on this scheme."""
    groups = "-".join(str(len(group)) for group in number.groups)
    punctuated = groups == scheme.punctuated and not set("".join(number.separators)) - set("-. ")
    if punctuated and set(number.separators) == {" "} and scheme.name != "in_aadhaar":
        punctuated = False
    sure = punctuated or (scheme.strong and number.whole_run)
    announced = not sure and scheme.cues and said(scheme.cues)
    if not sure and not (announced and near(view, number.start, number.end, scheme.cues)):
        return False
    spelling = number.digits
    if scheme.name in ("us_ssn", "us_itin", "us_ein"):
        spelling = f"{spelling[:3]}-{spelling[3:5]}-{spelling[5:]}"
    if scheme.name in ("se_personnummer", "is_kennitala", "dk_cpr", "kr_rrn"):
        cut = {10: 6, 12: 8, 13: 6}[len(spelling)]
        spelling = f"{spelling[:cut]}-{spelling[cut:]}"
    return validator(scheme.module)(spelling)


def _lettered(
    view: Normalised, scheme: LetteredScheme, pattern: re.Pattern[str]
) -> Iterator[Mention]:
    for found in pattern.finditer(view.text):
        compact = re.sub(r"[\s./_,:*|~#]", "", found[1]).upper()
        if scheme.name != "fi_hetu":
            compact = re.sub(r"[-+]", "", compact)
        plain_digits = sum(map(str.isdecimal, compact))
        announced = near(view, found.start(), found.end(), scheme.cues or _ANY_CUE)
        if plain_digits < 3 and not (announced and plain_digits):
            continue
        if scheme.cues and not announced:
            continue
        for spelling in _spellings(compact, scheme):
            if validator(scheme.module)(spelling):
                score = 1.0 if scheme.module else 0.95
                yield _mention(view, found.span(1), spelling, scheme.name, score)
                break


def _spellings(compact: str, scheme: LetteredScheme) -> Iterator[str]:
    """As written; with the form's digit positions read as digits."""
    yield compact
    kinds = re.sub(r"\(\?![^)]*\)|S", "", scheme.form)
    kinds = re.sub(r"\[[^\]]*\](?:\{(\d)\})?\??", lambda c: "L" * int(c[1] or 1), kinds)
    if len(kinds) == len(compact):
        pairs = zip(compact, kinds, strict=True)
        yield "".join(c.translate(LEET) if kind == "D" else c for c, kind in pairs)


def _documents(view: Normalised) -> Iterator[Mention]:
    for found in _DOCUMENT.finditer(view.text):
        if not any(character.isdecimal() for character in found[2]):
            continue
        word = found[1].lower()
        scheme = next((name for start, name in _DOCUMENTS if word.startswith(start)), "id_card")
        yield _mention(view, found.span(2), re.sub(r"[\s-]", "", found[2]).upper(), scheme, 0.85)


def _mention(
    view: Normalised, span: tuple[int, int], canonical: str, scheme: str, score: float
) -> Mention:
    return mention(view, span, Kind.NATIONAL_ID, canonical, score=score, scheme=scheme)
