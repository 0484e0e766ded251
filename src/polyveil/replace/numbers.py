# SPDX-License-Identifier: Apache-2.0
"""Cards, bank accounts, national identifiers, plates: same format, never one that could be real.

| Kind | Stand-in | Check digits |
|---|---|---|
| card | a prefix that payment sandboxes document as test: 400000, 555555, 378282 | valid (Luhn) |
| IBAN | country kept, bank code all zeros or X: no bank has it | valid (mod 97) |
| US SSN | 9xx area with a group below 50: neither SSN nor ITIN | none exist |
| UK NINO | prefix QQ: never allocated | none exist |
| UK NHS | 999 ...: the published test range | valid (mod 11) |
| any other identifier | keyed digits whose check digits deliberately fail | invalid |

A checksum that fails is the only general promise that an identifier is nobody's.
Sources: ISO/IEC 7812-1; ISO 13616; SSA POMS RM 10201.035; HMRC NIM39110; NHS Digital test numbers.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

import stdnum

from polyveil.privacy.pseudonym import Draw

TEST_CARDS = {"4": "400000", "5": "555555", "3": "378282"}
"""First digit -> test prefix; any other first digit gets that of 4."""

_BANK_CODE = {
    "DE": 8, "FR": 5, "ES": 4, "IT": 6, "BE": 3, "AT": 5, "CH": 5, "PL": 8, "PT": 4, "SE": 3,
    "NO": 4, "DK": 4, "FI": 3, "GB": 10, "IE": 10, "NL": 4,
}  # fmt: skip
_TRIES = 256


def card(surface: str, draw: Draw) -> str:
    """A test card number of the same length and grouping."""
    old = _digits(surface)
    prefix = TEST_CARDS.get(old[:1], TEST_CARDS["4"])
    if len(old) < 12:
        return plate(surface, draw)
    while True:
        body = prefix + draw.digits(max(0, len(old) - len(prefix) - 1))
        new = body + _luhn(body)
        if new != old:
            return filled(surface, new)


def is_test_card(surface: str) -> bool:
    """Whether a card number bears one of the test prefixes."""
    return _digits(surface).startswith(tuple(TEST_CARDS.values()))


def iban(surface: str, draw: Draw) -> str:
    """An IBAN of the same country and grouping whose bank code no bank has."""
    compact = re.sub(r"[^0-9A-Za-z]", "", surface).upper()
    country, old = compact[:2], compact[4:]
    blank = _BANK_CODE.get(country, 4)
    if len(old) < blank + 2:
        return plate(surface, draw)
    for _ in range(_TRIES):
        bank = "".join("0" if char.isdigit() else "X" for char in old[:blank])
        new = bank + shaped(old[blank:], draw)
        if new != old:
            return filled(surface, country + _mod97(country, new) + new)
    return plate(surface, draw)


def is_reserved_iban(surface: str) -> bool:
    """Whether the bank code of an IBAN consists of zeros and X alone."""
    compact = re.sub(r"[^0-9A-Za-z]", "", surface).upper()
    return not set(compact[4 : 4 + _BANK_CODE.get(compact[:2], 4)]) - {"0", "X"}


def national_id(surface: str, scheme: str, draw: Draw) -> str:
    """An identifier of the same format that nobody bears; see the table above."""
    special = _SPECIAL.get(scheme)
    if special:
        return special(surface, draw)
    valid = _validator(scheme)
    for _ in range(_TRIES):
        new = shaped(surface, draw)
        if new != surface and not (valid and valid(new)):
            return new
    return filled(surface, "0" * len(surface))


def shaped(surface: str, draw: Draw) -> str:
    """Letters for letters and digits for digits, case and punctuation kept."""
    return "".join(_shaped(char, draw) for char in surface)


def plate(surface: str, draw: Draw) -> str:
    """A number plate of the same shape."""
    for _ in range(_TRIES):
        new = shaped(surface, draw)
        if new != surface:
            break
    return new


def filled(shape: str, content: str) -> str:
    """The shape with its letters and digits replaced in order, its case kept."""
    new = iter(content)
    return "".join(
        _cased(char, next(new, "0"))
        if char.isdecimal() or (char.isascii() and char.isalpha())
        else char
        for char in shape
    )


def _ssn(surface: str, draw: Draw) -> str:
    return filled(surface, f"9{draw.digits(2)}{draw.between(1, 49):02}{draw.digits(4)}")


def _nino(surface: str, draw: Draw) -> str:
    return filled(surface, "QQ" + draw.digits(6) + draw.pick("ABCD"))


def _nhs(surface: str, draw: Draw) -> str:
    while True:
        body = "999" + draw.digits(6)
        check = -sum(int(d) * w for d, w in zip(body, range(10, 1, -1), strict=True)) % 11
        if check != 10:
            return filled(surface, f"{body}{check}")


_SPECIAL: dict[str, Callable[[str, Draw], str]] = {
    "us_ssn": _ssn,
    "us_itin": _ssn,
    "gb_nino": _nino,
    "gb_nhs": _nhs,
}


@lru_cache(maxsize=64)
def _validator(scheme: str) -> Callable[[str], bool] | None:
    """stdnum's check for a scheme such as "de_idnr"; None where it knows no such scheme."""
    country, _, name = scheme.partition("_")
    aliases = {
        "lt_ak": "asmens",
        "ch_ahv": "ssn",
        "at_svnr": "vnr",
        "il_id": "idnr",
        "za_id": "idnr",
    }
    name = aliases.get(scheme, name).replace("codice_fiscale", "codicefiscale")
    module = stdnum.get_cc_module(country, name) if country else None
    return module.is_valid if module is not None and hasattr(module, "is_valid") else None


def _shaped(char: str, draw: Draw) -> str:
    if char.isdecimal():
        return draw.digits(1)
    if "\u0410" <= char <= "\u042f":
        return chr(draw.between(0x410, 0x42F))
    return _cased(char, draw.letters(1)) if char.isalpha() else char


def _cased(model: str, char: str) -> str:
    return char.upper() if model.isupper() or model.isdigit() else char.lower()


def _digits(text: str) -> str:
    return "".join(str(int(char)) for char in text if char.isdecimal())


def _luhn(body: str) -> str:
    total = sum(
        sum(divmod(2 * int(d), 10)) if i % 2 == 0 else int(d) for i, d in enumerate(reversed(body))
    )
    return str(-total % 10)


def _mod97(country: str, bban: str) -> str:
    digits = "".join(str(int(char, 36)) for char in bban + country + "00")
    return f"{98 - int(digits) % 97:02}"
