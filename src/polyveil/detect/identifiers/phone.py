# SPDX-License-Identifier: Apache-2.0
"""Telephone numbers: international ones, and national ones by their country's numbering plan.

A national number needs a word that announces it, or a written form that is a telephone's. Source
of the plans: phonenumbers (Google's libphonenumber). Canonical is E.164; where the country stays
open, it is the digits, and facet region is absent.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

import phonenumbers

from polyveil.detect.identifiers._reading import STRUCTURED, mention, near
from polyveil.detect.normalise import Normalised
from polyveil.records.finding import Kind, Mention

VIEWS = STRUCTURED
REGIONS = ("US", "GB", "DE", "FR", "ES", "IT", "NL", "BE", "CH", "AT", "SE", "NO", "DK", "FI", "PL",
           "PT", "IE", "AU", "NZ", "IN", "BR", "MX", "CN", "JP", "KR", "TR", "ZA", "IL", "GR", "CZ",
           "HU", "RO", "IS", "EE", "HR", "RU", "AR", "CL", "SG", "HK")  # fmt: skip
_CUES = (
    "tel|tels|telephone|phone|phones|call|called|calls|calling|mobile|cell|cellphone|fax|whatsapp|"
    "sms|text|texted|dial|ring|reach|reached|contact|telefon|tel[eé]fono|telefone|t[eé]l[eé]phone|"
    "handy|mobil|portable|rufnummer|ruf|anruf|gsm|hotline|line|office|desk|support|service|available|operator|answer|answering|answers"
    "|messages|message|helpline|landline|voicemail|"
    "phone number|number is|number|ph|tfn|mob"
)
_CANDIDATE = re.compile(
    r"(?<![\w.,@#$€£-])(?:\+[\s.-]{0,3}+|00|\(\+?)?\(?\d(?:[\s.\-–/()_*|~·]{0,3}+\d){5,16}+"
    r"(?:[ ]?(?:x|ext\.?|extension|#)[ ]?\d{1,6})?(?![\w]|[.,:]\d|[%€$£])"
)
_EXTENSION = re.compile(r"(?i)[ ]?(?:x|ext\.?|extension|#)[ ]?(\d{1,6})$")
_OFTEN_ELSE = re.compile(
    r"(?:1[89]|20)\d\d[-/. ][01]?\d[-/. ][0-3]?\d(?:\D.*)?|\d{1,2}[-/.]\d{1,2}[-/.]"
    r"(?:19|20)\d{2}(?:\D.*)?"
    r"|\d{3}-\d{2}-\d{4}|(?:\d{1,3}\.){3}\d{1,3}|\d{1,4}(?:, ?\d{1,4})+|(?:19"
    r"|20)\d{2} ?[-/] ?(?:19|20)\d{2}"
    r"|\d{1,3}(?:,\d{3})+|\d{5}-\d{4}"
)
_TYPICAL = re.compile(
    r"\(\d{2,5}\)[ -]?\d{2,4}(?:[ .-]?\d{2,4}){1,3}"  # (020) 7946 0958
    r"|1?[-. ]?\(?\d{3}\)?[-. ]\d{3}[-. ]\d{4}"  # 541-714-1388
    r"|0\d{1,4}[ ./-]{1,3}\d{2,8}(?:[ .-]?\d{2,4}){0,4}"  # 0688 872 49 99
    r"|\d{3}[ ]\d{3}[ ]\d{3}|\d{2}(?:[-.]\d{2}){3}"
)

# Of no numbering plan that we know, yet nothing else is written like this.
_UNMISTAKABLE = re.compile(r"\(\d{2,4}\)[ -]?\d{3,4}[ -]\d{3,4}|1?[-. ]?\d{3}-\d{3}-\d{4}")


def find(view: Normalised) -> Iterator[Mention]:
    """Every telephone number."""
    if sum(map(str.isdecimal, view.text)) < 7:
        return
    for found in _CANDIDATE.finditer(view.text):
        surface = found[0]
        core = _EXTENSION.sub("", surface)
        digits = re.sub(r"\D", "", core)
        if not 6 < len(digits) < 17 or _OFTEN_ELSE.fullmatch(core) or "\n\n" in core:
            continue
        announced = near(view, found.start(), found.end(), _CUES)
        canonical, region, score = _number(core, digits, announced)
        if not canonical:
            continue
        start = found.start() + (1 if surface[0] == "(" and ")" not in surface else 0)
        extra = {"region": region} if region else {}
        extension = _EXTENSION.search(surface)
        if extension:
            extra["extension"] = extension[1]
        yield mention(view, (start, found.end()), Kind.PHONE, canonical, score=score, **extra)


@lru_cache(maxsize=4096)
def _number(core: str, digits: str, announced: bool) -> tuple[str, str, float]:
    """(canonical, region, score); canonical is "" when this is no telephone number."""
    plus = core.lstrip("( ").startswith("+")
    if plus or digits.startswith("00"):
        whole = _parsed(
            "+" + re.sub(r"^(\d{1,3})\(0\)", r"\1", re.sub(r"[^\d()]", "", core).lstrip("0(")), None
        )
        if whole:
            return whole[0], whole[1], 0.98
        return ("+" + digits.lstrip("0"), "", 0.6) if plus and len(digits) > 7 else ("", "", 0.0)
    typical = bool(_TYPICAL.fullmatch(core))
    spaced_digits = bool(re.fullmatch(r"\d(?:\D{1,3}\d)+", core))
    if not (announced or (typical and not spaced_digits)):
        return "", "", 0.0
    for region in REGIONS:
        national = _parsed(digits, region)
        if national:
            return national[0], region, 0.9 if announced and typical else 0.75
    unplanned = announced or _UNMISTAKABLE.fullmatch(core)
    return (digits, "", 0.6) if unplanned and len(digits) < 14 else ("", "", 0.0)


def _parsed(digits: str, region: str | None) -> tuple[str, str] | None:
    try:
        number = phonenumbers.parse(digits, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    code = phonenumbers.region_code_for_number(number) or ""
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164), code
