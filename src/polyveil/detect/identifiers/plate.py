# SPDX-License-Identifier: Apache-2.0
"""Vehicle plates: after a word that announces one, or in a national pattern that is rarely else."""

from __future__ import annotations

import re
from collections.abc import Iterator

from polyveil.detect.identifiers._reading import CAREFUL, mention, near
from polyveil.detect.normalise import Normalised
from polyveil.records.finding import Kind, Mention

VIEWS = CAREFUL
_CUES = (
    "plates?|licen[cs]e plate|number ?plate|registration|reg|tag|vrn|kennzeichen|nummernschild|"
    "immatriculation|plaque|matr[ií]cula|targa|kenteken|placa|rego|car|vehicle|vehicles"
)
_CUED = re.compile(
    r"(?i)(?<!\w)(?:licen[cs]e plates?|number ?plates?|plates?|registration|vrn|kennzeichen|"
    r"nummernschild|immatriculation|plaque|matr[ií]cula|targa|kenteken|placa|rego)"
    r"(?: (?:number|no|nr|num))?[.:# ]{0,3}(?:(?:is|was|of|reads|read|lautet|est|es"
    r"|ist|with)[: ]{1,2})?[\"']?"
    r"(?-i:((?=[A-ZÄÖÜ0-9 -]{0,9}\d)[A-ZÄÖÜ0-9]{1,8}(?:[ -][A-Z0-9]{1,5}){0,2}))(?![\w-])"
)
_STRICT = (
    ("GB", re.compile(r"(?<![\w-])[A-HJ-PR-Y][A-HJ-PR-Z]\d{2} [A-HJ-PR-Z]{3}(?![\w-])")),
    ("FR", re.compile(r"(?<![\w-])[A-HJ-NP-TV-Z]{2}-\d{3}-[A-HJ-NP-TV-Z]{2}(?![\w-])")),
    ("DE", re.compile(r"(?<![\w-])[A-ZÄÖÜ]{1,3}-[A-Z]{1,2} [1-9]\d{0,3}[EH]?(?![\w-])")),
)
_WITH_CUE_NEAR = (
    ("GB", re.compile(r"(?<![\w-])[A-HJ-PR-Y][A-HJ-PR-Z]\d{2}[A-HJ-PR-Z]{3}(?![\w-])")),
    ("IT", re.compile(r"(?<![\w-])[A-HJ-NPR-TV-Z]{2} ?\d{3} ?[A-HJ-NPR-TV-Z]{2}(?![\w-])")),
    ("ES", re.compile(r"(?<![\w-])\d{4}[ -]?[BCDFGHJKLMNPRSTVWXYZ]{3}(?![\w-])")),
    ("NL", re.compile(r"(?<![\w-])(?:[A-Z0-9]{1,3}-){2}[A-Z0-9]{1,3}(?![\w-])")),
    ("US", re.compile(r"(?<![\w-])(?:[A-Z]{3}[ -]?\d{3,4}|\d[A-Z]{3}\d{3})(?![\w-])")),
)


def find(view: Normalised) -> Iterator[Mention]:
    """Every plate; canonical in capitals without spaces and dashes."""
    if not any(character.isdecimal() for character in view.text):
        return
    for found in _CUED.finditer(view.text):
        yield _mention(view, found.span(1), found[1], 0.9, "")
    for country, pattern in _STRICT:
        for found in pattern.finditer(view.text):
            yield _mention(view, found.span(), found[0], 0.75, country)
    for country, pattern in _WITH_CUE_NEAR:
        for found in pattern.finditer(view.text):
            if re.search(r"\d", found[0]) and near(view, found.start(), found.end(), _CUES):
                yield _mention(view, found.span(), found[0], 0.8, country)


def _mention(
    view: Normalised, span: tuple[int, int], surface: str, score: float, country: str
) -> Mention:
    facets = {"country": country} if country else {}
    canonical = re.sub(r"[\s-]", "", surface).upper()
    return mention(view, span, Kind.PLATE, canonical, score=score, **facets)
