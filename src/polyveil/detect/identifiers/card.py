# SPDX-License-Identifier: Apache-2.0
"""Payment cards: the brand's prefix and length, and the Luhn checksum.

Source: ISO/IEC 7812-1; issuer ranges as the brands publish them.
"""

from __future__ import annotations

from collections.abc import Iterator

from stdnum import luhn

from polyveil.detect.identifiers._digits import numbers
from polyveil.detect.identifiers._reading import STRUCTURED, mention, near
from polyveil.detect.normalise import Normalised
from polyveil.records.finding import Kind, Mention

VIEWS = STRUCTURED
_CUES = "card|cards|credit|debit|visa|master ?card|amex|karte|kreditkarte|carte|tarjeta|carta|cc"
_BRANDS: tuple[tuple[str, tuple[tuple[str, str], ...], frozenset[int]], ...] = (
    ("visa", (("4", "4"),), frozenset({13, 16, 19})),
    ("mastercard", (("51", "55"), ("2221", "2720")), frozenset({16})),
    ("amex", (("34", "34"), ("37", "37")), frozenset({15})),
    (
        "discover",
        (("6011", "6011"), ("644", "649"), ("65", "65"), ("622126", "622925")),
        frozenset({16, 19}),
    ),
    (
        "diners",
        (("300", "305"), ("3095", "3095"), ("36", "36"), ("38", "39")),
        frozenset({14, 16, 19}),
    ),
    ("jcb", (("35", "35"),), frozenset({16, 17, 18, 19})),
    ("jcb", (("1800", "1800"), ("2131", "2131")), frozenset({15})),
    ("unionpay", (("62", "62"),), frozenset({16, 17, 18, 19})),
    ("mir", (("2200", "2204"),), frozenset({16, 17, 18, 19})),
    ("rupay", (("60", "60"), ("81", "82"), ("508", "508")), frozenset({16})),
    (
        "maestro",
        (
            ("50", "50"),
            ("56", "58"),
            ("6304", "6304"),
            ("6390", "6390"),
            ("67", "67"),
            ("0604", "0604"),
        ),
        frozenset(range(12, 20)),
    ),
)


_FIRST = frozenset(
    f"{two:02}"
    for _, ranges, _ in _BRANDS
    for low, high in ranges
    for two in range(int(f"{low}0"[:2]), int(f"{high}9"[:2]) + 1)
)


def brand(digits: str) -> str | None:
    """The brand whose prefix and length these digits have."""
    if digits[:2] not in _FIRST:
        return None
    for name, ranges, lengths in _BRANDS:
        if len(digits) in lengths and any(
            low <= digits[: len(low)] <= high for low, high in ranges
        ):
            return name
    return None


def find(view: Normalised) -> Iterator[Mention]:
    """Every number whose prefix, length and checksum are a card's."""
    for number in numbers(view.text, range(12, 20), longest=19):
        name = brand(number.digits)
        if name is None or not luhn.is_valid(number.digits):
            continue
        if view.text[number.start - 1 : number.start] == "+":  # +49 151 ... is a telephone's
            continue
        # Twelve to fourteen digits are often something else: one in ten passes by chance.
        short = len(number.digits) < 15 and name in ("maestro", "visa", "diners")
        if short and len(number.groups) > 1 and not near(view, number.start, number.end, _CUES):
            continue
        span = (number.start, number.end)
        yield mention(view, span, Kind.CARD, number.digits, score=1.0, brand=name)
