# SPDX-License-Identifier: Apache-2.0
"""Addresses of machines: IP version 4 and 6, and MAC.

Source: `ipaddress` of the standard library; IEEE 802 for EUI-48 and EUI-64.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

from polyveil.detect.identifiers._reading import STRUCTURED, mention, near
from polyveil.detect.normalise import Normalised
from polyveil.records.finding import Kind, Mention

VIEWS = STRUCTURED
_VERSION_4 = re.compile(
    r"(?<![\w.])\d{1,3}(?:[ \t\r\n]{0,3}[.,·_\[\](){}]{1,3}[ \t\r\n]{0,3}\d{1,3}){3}(?!\w|\.\d)"
)
_VERSION_4_ODD = re.compile(
    r"(?<![\w.])\d{1,3}(?:([ \t\-/_,:;*|~+#])\d{1,3})(?:\1\d{1,3}){2}(?![\w]|\1\d)"
)
_VERSION_6 = re.compile(
    r"(?<![\w:.])(?:[0-9A-Fa-f]{0,4}:){2,7}(?:[0-9A-Fa-f]{1,4}|(?:\d{1,3}\.){3}\d{1,3})?(?![\w:])"
)
_HEX = r"[0-9A-Fa-fOoIlSsZz|]"
_MAC = re.compile(
    rf"(?<![\w:-]){_HEX}{{2}}([\s]{{0,2}}[:.\-_/,;*|~+#·][\s]{{0,2}}"
    rf"|[ \t\n]){_HEX}{{2}}(?:\1{_HEX}{{2}}){{4}}"
    rf"(?:\1{_HEX}{{2}}\1{_HEX}{{2}})?(?![\w:-])"
)
_MAC_DOTTED = re.compile(r"(?<![\w.])[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}(?![\w.])")
_MAC_BARE = re.compile(r"(?<![\w])[0-9A-Fa-f]{12}(?!\w)")
_MAC_SPACED = re.compile(rf"(?<![\w]){_HEX}(?:[\s:.\-]{{0,3}}+{_HEX}){{11}}+(?!\w)")
_HEX_LEET = str.maketrans("OoIl|SsZz", "001115522")
_IP_CUES = "ip|ipv4|ipv6|ip[- ]?address|host|server|router|gateway|subnet|dns|ping|adresse"
_MAC_CUES = "mac|hardware|ethernet|wi-?fi|wlan|bluetooth|device|bssid|physical"


def find(view: Normalised) -> Iterator[Mention]:
    """Every machine address."""
    yield from _ip(view)
    yield from _mac(view)


def _ip(view: Normalised) -> Iterator[Mention]:
    for found in _VERSION_4.finditer(view.text):
        canonical = _valid(".".join(str(int(part)) for part in re.findall(r"\d+", found[0])))
        version = near(view, found.start(), found.end(), "v|version|release|chapter", before=10)
        if canonical and not version and not re.search(r",[ \t\r\n]", found[0]):
            yield mention(view, found.span(), Kind.IP, canonical, score=0.95, version="4")
    for found in _VERSION_4_ODD.finditer(view.text):
        canonical = _valid(".".join(str(int(part)) for part in re.findall(r"\d+", found[0])))
        if canonical and near(view, found.start(), found.end(), _IP_CUES):
            yield mention(view, found.span(), Kind.IP, canonical, score=0.8, version="4")
    if view.text.count(":") < 2:
        return
    for found in _VERSION_6.finditer(view.text):
        canonical = _valid(found[0])
        clock = re.fullmatch(r"\d\d?(?::\d\d){2}", found[0])
        if canonical and len(found[0]) > 3 and not clock:
            yield mention(view, found.span(), Kind.IP, canonical, score=0.95, version="6")


def _valid(address: str) -> str | None:
    try:
        return str(ipaddress.ip_address(address))
    except ValueError:
        return None


def _uneven(surface: str) -> bool:
    """Whether more than two kinds of separators stand between the digits."""
    return len(set(re.findall(r"[\s:.\-]+", surface))) > 2


def _mac(view: Normalised) -> Iterator[Mention]:
    for pattern, needs_cue in (
        (_MAC, False), (_MAC_DOTTED, False), (_MAC_BARE, True), (_MAC_SPACED, True),
    ):  # fmt: skip
        for found in pattern.finditer(view.text):
            digits = re.sub(
                r"[^0-9A-Za-z|]",
                "",
                found[0] if found[0][2] == "|" else found[0].replace("|", "1"),
            )
            digits = re.sub(r"[^0-9A-Fa-f]", "", digits.translate(_HEX_LEET)).lower()
            loose = needs_cue or len(set(re.findall(r"[^\w|]", found[0]))) == 0 or " " in found[0]
            if len(digits) not in (12, 16) or sum(map(str.isdecimal, digits)) < 2:
                continue
            if pattern is _MAC_SPACED and (digits.isdecimal() or _uneven(found[0])):
                continue
            if loose and not near(view, found.start(), found.end(), _MAC_CUES):
                continue
            pairs = (digits[index : index + 2] for index in range(0, len(digits), 2))
            yield mention(view, found.span(), Kind.MAC, ":".join(pairs), score=0.97)
