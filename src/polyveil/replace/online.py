# SPDX-License-Identifier: Apache-2.0
"""E-mail, handles, web and network addresses in the ranges that are reserved for documentation.

Sources: RFC 2606 (example.com, .net, .org), RFC 5737 and RFC 3849 (IP), IEEE 802c (MAC: the bit
"locally administered").
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence

from polyveil.privacy.pseudonym import Draw
from polyveil.replace.casting import extra_name
from polyveil.replace.name_shape import Role, parts
from polyveil.replace.names import bank, fold
from polyveil.replace.numbers import shaped
from polyveil.replace.persona import Persona

DOMAINS = ("example.com", "example.org", "example.net")
_NETWORKS = ("192.0.2.", "198.51.100.", "203.0.113.")
_V6 = ipaddress.IPv6Network("2001:db8::/32")
_ASCII_WORDS = re.compile(r"[A-Z][a-z]+(?=[A-Z][a-z])|[^\W\d_]+|\d+")
_EXTENSION = re.compile(
    r"\.(?:html?|php|aspx?|jpe?g|png|gif|webp|pdf|json|xml|csv|txt|mp[34]|zip)$"
)
_URL = re.compile(
    r"(?is)^(?P<scheme>[a-z][a-z0-9+.-]*\s*:\s*//)?(?P<user>[^/@?#]*@)?(?P<host>[^/?#:]*)"
    r"(?P<port>:\d+)?(?P<rest>.*)$"
)


def email(surface: str, draw: Draw, persona: Persona | None, originals: Sequence[str]) -> str:
    """An address of the persona at a reserved domain, its local part in the same shape."""
    local, at, domain = surface.rpartition("@")
    if not at:
        return local_part(surface, draw, persona, originals)
    new = local_part(local.partition("+")[0], draw, persona, originals)
    return f"{new}@{reserved_domain(domain, draw)}"


def handle(surface: str, draw: Draw, persona: Persona | None, originals: Sequence[str]) -> str:
    """An account name of the persona in the same shape."""
    lead = surface[: len(surface) - len(surface.lstrip("@＠"))]
    return lead + local_part(surface[len(lead) :], draw, persona, originals)


def local_part(text: str, draw: Draw, persona: Persona | None, originals: Sequence[str]) -> str:
    """Words of a name for words, digits for digits: "j.smith87" becomes "a.sellers31"."""
    given, family = _latin_names(persona, draw)
    known = parts(originals) if originals else {Role.GIVEN: (), Role.FAMILY: ()}
    words = [m.group() for m in _ASCII_WORDS.finditer(text) if not m.group().isdigit()]
    new = iter(_local_words(words, given, family, known[Role.GIVEN], known[Role.FAMILY], draw))

    def swapped(match: re.Match[str]) -> str:
        if match.group().isdigit():
            return draw.digits(len(match.group()))
        word = next(new)
        return (
            word.upper()
            if match.group().isupper() and len(match.group()) > 2
            else (word.capitalize() if match.group()[0].isupper() else word)
        )

    return _ASCII_WORDS.sub(swapped, text)


def reserved_domain(domain: str, draw: Draw) -> str:
    """example.com, .org or .net: the same top level where it is one of them."""
    top = domain.rsplit(".", 1)[-1].lower()
    return f"example.{top}" if top in {"com", "org", "net"} else draw.pick(DOMAINS)


def url(surface: str, draw: Draw) -> str:
    """A web address at a reserved domain whose path keeps its shape; log-in data is dropped."""
    match = _URL.match(surface)
    if not match:
        return shaped(surface, draw)
    host = match["host"]
    www = "www." if host.lower().startswith("www.") else ""
    rest = match["rest"]
    suffix = _EXTENSION.search(rest.partition("?")[0].lower())
    if suffix:
        keep = slice(suffix.start(), suffix.end())
        rest = shaped(rest[: keep.start], draw) + rest[keep] + shaped(rest[keep.stop :], draw)
    else:
        rest = shaped(rest, draw)
    return f"{match['scheme'] or ''}{www}{reserved_domain(host, draw)}{match['port'] or ''}{rest}"


def ip(surface: str, draw: Draw) -> str:
    """An address of a documentation network; a port or prefix length stays."""
    old = re.split(r"[/%\]]", surface.strip("["), maxsplit=1)[0]
    if ":" in old and old.count(":") > 1:
        value = int(_V6.network_address) | draw.below(1 << 96)
        new = str(ipaddress.IPv6Address(value))
        return surface.replace(old, new.upper() if old.isupper() else new, 1)
    number = re.search(r"\d{1,3}(?:\s*\D{1,5}\s*\d{1,3}){3}", surface)
    while True:
        new = f"{draw.pick(_NETWORKS)}{draw.between(1, 254)}"
        if new not in surface:
            break
    if not number:
        return new
    return surface[: number.start()] + new + surface[number.end() :]


def is_documentation_ip(surface: str) -> bool:
    """Whether an address lies in a documentation network."""
    return surface.startswith(_NETWORKS) or surface.lower().startswith("2001:db8:")


def mac(surface: str, draw: Draw) -> str:
    """A locally administered, unicast hardware address, written as the original."""
    count = sum(char in "0123456789abcdefABCDEF" for char in surface)
    digits = [f"{draw.below(16):x}" for _ in range(count)]
    if count > 1:
        digits[1] = draw.pick("26ae")  # second bit: locally administered; lowest: unicast
    new = iter(digits)
    upper = any(char.isupper() for char in surface)
    return "".join(
        (d.upper() if upper else d)
        if char in "0123456789abcdefABCDEF" and (d := next(new))
        else char
        for char in surface
    )


def _latin_names(persona: Persona | None, draw: Draw) -> tuple[str, str]:
    """Given and family name in ASCII letters: the persona's own, or ones that follow from it."""
    if persona is not None:
        own = [fold(extra_name(persona, role, 0)) for role in (Role.GIVEN, Role.FAMILY)]
        if all(name.isascii() and name.isalpha() for name in own):
            return own[0], own[1]
        draw = Draw.from_token(persona.token, "latin-name")
    names = bank("latin")
    sex = persona.sex if persona else None
    return fold(draw.pick(names.given(sex))), fold(draw.pick(names.family(sex)))


def _local_words(
    words: list[str],
    given: str,
    family: str,
    old_given: Sequence[str],
    old_family: Sequence[str],
    draw: Draw,
) -> list[str]:
    """A word of the stand-in's name for every word of the local part."""
    old = [fold(word) for word in words]
    first, last = "".join(old_given[:1]), "".join(old_family[-1:])
    joined = {
        f"{first}{last}": given + family,
        f"{last}{first}": family + given,
        f"{first[:1]}{last}": given[0] + family,
        f"{first}{last[:1]}": given + family[0],
        f"{last}{first[:1]}": family + given[0],
    }
    result = []
    for i, word in enumerate(old):
        if word in old_given:
            name = given
        elif word in old_family:
            name = family
        elif first and last and word in joined:
            name = joined[word]
        elif len(old) == 1:
            name = given[0] + family if len(word) > 1 else given
        else:
            name = given if i == 0 else family if i == len(old) - 1 else draw.letters(len(word))
        result.append(name[:1] if len(word) == 1 else name)
    return result
