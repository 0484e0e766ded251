# SPDX-License-Identifier: Apache-2.0
"""The surface of a mention without its disguise, so that a stand-in has a sane shape.

"j o h n [at] m a i l" keeps neither its blanks nor its brackets: where characters were hidden,
spelled out or swapped, the canonical form is the shape.
"""

from __future__ import annotations

import re
import unicodedata

from polyveil.records.finding import Kind, Mention

_DIGITS = frozenset({Kind.CARD, Kind.PHONE, Kind.NATIONAL_ID, Kind.IBAN})
_ONE_WORD = frozenset({Kind.EMAIL, Kind.HANDLE, Kind.URL, Kind.IP, Kind.MAC})
_HIDDEN = re.compile("[\u00ad\u200b-\u200f\u2060-\u2064\ufeff]")


def plain_surface(mention: Mention) -> str:
    """The surface, or the canonical form where the surface is disguised."""
    surface, canonical = _HIDDEN.sub("", mention.surface), mention.canonical
    if not canonical:
        return surface
    if mention.kind in _DIGITS:
        return surface if _holds(surface, canonical) else canonical
    if mention.kind in _ONE_WORD:
        plain = surface.isascii() and not re.search(r"\s|[\[({]", surface.strip())
        whole = mention.kind is not Kind.EMAIL or "@" in surface
        return surface if plain and whole else canonical
    if mention.kind is Kind.NAME:
        letters = re.findall(r"[^\W\d_]+", surface)
        spaced = len(letters) > 3 and all(len(word) == 1 for word in letters)
        disguised = spaced or any(char.isdigit() for char in surface) or _mixed(surface)
        return canonical.title() if disguised else surface
    return surface


def _holds(surface: str, canonical: str) -> bool:
    """Whether the digits of the canonical form stand in the surface as digits."""
    shown = "".join(str(int(char)) for char in surface if char.isdecimal())
    meant = re.sub(r"\D", "", canonical)
    return len(shown) >= min(7, len(meant)) and (
        shown.lstrip("0")[:6] in meant or meant[-6:] in shown
    )


def _mixed(surface: str) -> bool:
    """Latin letters together with look-alikes of another alphabet."""
    scripts = {unicodedata.name(char, "?").split(" ")[0] for char in surface if char.isalpha()}
    return "LATIN" in scripts and bool(scripts & {"CYRILLIC", "GREEK", "FULLWIDTH", "MATHEMATICAL"})
