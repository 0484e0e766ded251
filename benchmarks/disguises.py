# SPDX-License-Identifier: Apache-2.0
"""Claim: an identifier in one of 40 disguises is found at least 99 % as often as in plain.

Forty disguises times twelve identifiers, eight values each, made here from Unicode's own data and
from what people do to get past filters; nothing is taken from polyveil's tables. A cell counts
where the disguise changes the value. polyveil must cover nine tenths of the disguised value with a
finding of the right kind; presidio's pattern recognisers, beside it, with a finding of any kind.
"""

from __future__ import annotations

import random
import string
import sys
import unicodedata
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
import _common
import identifiers

# Misses of seeds 20261121 and 7 were looked at while the patterns were written; these were not.
SEED, VALUES = 11, 8
Maker = Callable[[random.Random], str]


def digits(rng: random.Random, n: int) -> str:
    return "".join(rng.choice(string.digits) for _ in range(n))


def card(rng: random.Random) -> str:
    body = rng.choice(["4", "51", "55", "6011"])
    body += digits(rng, 15 - len(body))
    total = 0
    for place, digit in enumerate(reversed(body)):
        value = int(digit) * (2 if place % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    whole = body + str(-total % 10)
    return " ".join(whole[i : i + 4] for i in range(0, 16, 4)) if rng.random() < 0.5 else whole


def iban(rng: random.Random) -> str:
    bank = "".join(rng.choice("NWBKLOYDMIDLBARC") for _ in range(4)) + digits(rng, 14)
    country, body = rng.choice([("GB", bank), ("DE", digits(rng, 18))])
    moved = "".join(str(int(c, 36)) for c in body + country + "00")
    return f"{country}{98 - int(moved) % 97:02}{body}"


def ssn(rng: random.Random) -> str:
    return f"{rng.randint(100, 665)}-{rng.randint(10, 99)}-{rng.randint(1000, 9999)}"


def nino(rng: random.Random) -> str:
    return rng.choice(["AB", "CE", "JK", "PW", "SR"]) + digits(rng, 6) + rng.choice("ABCD")


def nir(rng: random.Random) -> str:
    head = f"{rng.randint(1, 2)}{rng.randint(40, 99)}{rng.randint(1, 12):02}{rng.randint(10, 95)}"
    head += f"{rng.randint(1, 900):03}{rng.randint(1, 990):03}"
    return f"{head}{97 - int(head) % 97:02}"


def cpf(rng: random.Random) -> str:
    body = [int(c) for c in digits(rng, 9)]
    for start in (10, 11):
        rest = sum(d * w for d, w in zip(body, range(start, 1, -1), strict=True)) * 10 % 11 % 10
        body.append(rest)
    s = "".join(map(str, body))
    return f"{s[:3]}.{s[3:6]}.{s[6:9]}-{s[9:]}"


def dni(rng: random.Random) -> str:
    number = rng.randint(10_000_000, 99_999_999)
    return f"{number}{'TRWAGMYFPDXBNJZSQVHLCKE'[number % 23]}"


def email(rng: random.Random) -> str:
    user = rng.choice(["anna", "peter.berg", "maria", "k.olsen", "jsmith"]) + digits(rng, 2)
    return f"{user}@{rng.choice(['example.com', 'mail.org', 'post.net', 'acme.co.uk'])}"


def phone(rng: random.Random) -> str:
    return rng.choice([
        f"+1 {rng.choice(['212', '415', '541'])}-{rng.randint(220, 999)}-{digits(rng, 4)}",
        f"+44 20 7{digits(rng, 3)} {digits(rng, 4)}",
        f"+49 151 {rng.randint(10000000, 99999999)}",
    ])  # fmt: skip


def ipv4(rng: random.Random) -> str:
    return ".".join(str(rng.randint(11, 254)) for _ in range(4))


def mac(rng: random.Random) -> str:
    return ":".join(f"{rng.randint(0, 255):02X}" for _ in range(6))


def url(rng: random.Random) -> str:
    host = rng.choice(["www.example.com", "blog.acme.org", "photos.mail.net"])
    return f"https://{host}/{rng.choice(['u', 'album', 'anna'])}/{digits(rng, 3)}"


IDENTIFIERS: dict[str, tuple[Maker, str, set[str]]] = {
    "email": (email, "e-mail", {"email"}),
    "phone": (phone, "phone number", {"phone"}),
    "card": (card, "credit card", {"card"}),
    "iban": (iban, "IBAN", {"iban"}),
    "us_ssn": (ssn, "SSN", {"national_id"}),
    "gb_nino": (nino, "national insurance", {"national_id"}),
    "fr_nir": (nir, "numéro de sécu", {"national_id"}),
    "br_cpf": (cpf, "CPF", {"national_id"}),
    "es_dni": (dni, "DNI", {"national_id"}),
    "ipv4": (ipv4, "IP address", {"ip"}),
    "mac": (mac, "MAC address", {"mac"}),
    "url": (url, "page", {"url"}),
}


def between(mark: str) -> Callable[[str, random.Random], str]:
    return lambda s, _: mark.join(s)


def after_each(*marks: str) -> Callable[[str, random.Random], str]:
    return lambda s, rng: "".join(
        c + "".join(rng.sample(marks, min(3, len(marks)))) if c.isalnum() else c for c in s
    )


def alphabet(letter: str, digit: str = "") -> Callable[[str, random.Random], str]:
    """Letters and digits to the Unicode characters with these names, where they exist."""
    words = ["ZERO", "ONE", "TWO", "THREE", "FOUR", "FIVE", "SIX", "SEVEN", "EIGHT", "NINE"]

    def one(c: str) -> str:
        name = ""
        if c.isdecimal() and digit:
            name = digit.format(words[int(c)])
        elif c.isascii() and c.isalpha() and letter:
            name = letter.format("CAPITAL" if c.isupper() else "SMALL", c.upper())
        try:
            return unicodedata.lookup(name) if name else c
        except KeyError:
            return c

    return lambda s, _: "".join(map(one, s))


def any_script(s: str, rng: random.Random) -> str:
    """Each digit from another of the scripts that have decimal digits."""
    pools: dict[str, list[str]] = defaultdict(list)
    for code in range(0x80, 0x20000):
        if unicodedata.decimal(chr(code), None) is not None:
            pools[str(unicodedata.decimal(chr(code)))].append(chr(code))
    return "".join(rng.choice(pools[c]) if c in pools else c for c in s)


def translate(source: str, target: str) -> Callable[[str, random.Random], str]:
    table = str.maketrans(source, target)
    return lambda s, _: s.translate(table)


def random_fullwidth(s: str, rng: random.Random) -> str:
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" and rng.random() < 0.5 else c for c in s)


def tags(s: str, rng: random.Random) -> str:
    return "".join(c + chr(0xE0000 + ord(rng.choice(string.ascii_lowercase))) for c in s)


def broken(s: str, _: random.Random) -> str:
    """A line break at the middle separator, or in the middle."""
    middle = len(s) // 2
    return s[:middle] + "\n" + s[middle:]


def spell(s: str, _: random.Random) -> str:
    words = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
    if sum(c.isdecimal() for c in s) < 9 or any(c.isalpha() for c in s):
        return s
    said = {".": "dot", "-": "dash", "+": "plus"}
    return " ".join(words[int(c)] if c.isdecimal() else said.get(c, "") for c in s).replace(
        "  ", " "
    )


def bracketed(s: str, _: random.Random) -> str:
    if "@" not in s and "//" not in s:
        return s
    return s.replace("@", " [at] ").replace(".", " [dot] ") if "@" in s else s.replace(".", "[.]")


def worded(s: str, _: random.Random) -> str:
    return s.replace("@", " at ").replace(".", " dot ") if "@" in s else s


DISGUISES: dict[str, Callable[[str, random.Random], str]] = {
    "zero width space": between("\u200b"),
    "zero width non-joiner": between("\u200c"),
    "zero width joiner": between("\u200d"),
    "word joiner": between("\u2060"),
    "byte order mark": between("\ufeff"),
    "soft hyphen": between("\u00ad"),
    "left-to-right mark": between("\u200e"),
    "bidi isolates": lambda s, _: "".join(f"\u2068{c}\u2069" for c in s),
    "variation selectors": after_each("\ufe0f"),
    "tag characters": tags,
    "combining grapheme joiner": between("\u034f"),
    "Hangul filler": between("\u3164"),
    "invisible times": between("\u2062"),
    "fullwidth": lambda s, _: "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in s),
    "fullwidth, half of them": random_fullwidth,
    "mathematical bold": alphabet("MATHEMATICAL BOLD {} {}", "MATHEMATICAL BOLD DIGIT {}"),
    "mathematical monospace": alphabet(
        "MATHEMATICAL MONOSPACE {} {}", "MATHEMATICAL MONOSPACE DIGIT {}"
    ),
    "double-struck": alphabet(
        "MATHEMATICAL DOUBLE-STRUCK {} {}", "MATHEMATICAL DOUBLE-STRUCK DIGIT {}"
    ),
    "circled": alphabet("CIRCLED LATIN {} LETTER {}", "CIRCLED DIGIT {}"),
    "negative circled digits": alphabet("", "DINGBAT NEGATIVE CIRCLED DIGIT {}"),
    "superscript digits": alphabet("", "SUPERSCRIPT {}"),
    "subscript digits": alphabet("", "SUBSCRIPT {}"),
    "Arabic-Indic digits": alphabet("", "ARABIC-INDIC DIGIT {}"),
    "digits of any script": any_script,
    "Cyrillic letters": translate("acekopxyABCEHKMOPTX", "асекорхуАВСЕНКМОРТХ"),
    "Greek letters": translate("oviuABEHIKMNOPTXZ", "ονιυΑΒΕΗΙΚΜΝΟΡΤΧΖ"),
    "combining acute": after_each("\u0301"),
    "stacked marks": after_each(*(chr(c) for c in range(0x0316, 0x0326))),
    "struck through": after_each("\u0336"),
    "spaced out": between(" "),
    "spaced with no-break space": between("\u00a0"),
    "spaced with thin space": between("\u2009"),
    "dashes between": between("-"),
    "typographic dashes and dots": translate("-.:/", "–․∶∕"),
    "line break inside": broken,
    "HTML decimal entities": lambda s, _: "".join(f"&#{ord(c)};" for c in s),
    "HTML entities for signs": lambda s, _: "".join(
        c if c.isalnum() else f"&#x{ord(c):x};" for c in s
    ),
    "percent-encoding of signs": lambda s, _: "".join(
        c if c.isalnum() else f"%{ord(c):02X}" for c in s
    ),
    "letters for digits": translate("0158", "OlSB"),
    "digits in words": spell,
    "signs in brackets": bracketed,
    "signs in words": worded,
}


def main() -> None:
    finders = {"polyveil": identifiers.ours(), "presidio": identifiers.presidio()}
    rng = random.Random(SEED)
    values = {
        name: [make(rng) for _ in range(VALUES)] for name, (make, _, _) in IDENTIFIERS.items()
    }
    hits: dict[tuple[str, str], list[int]] = {}
    misses: list[str] = []
    for disguise, apply in {"(plain)": lambda s, _: s, **DISGUISES}.items():
        for name, (_, cue, kinds) in IDENTIFIERS.items():
            cell = [0, 0, 0]
            for value in values[name]:
                hidden = apply(value, random.Random(value))
                if hidden == value and disguise != "(plain)":
                    continue
                text = f"Please write down my {cue}: {hidden} and thank you."
                gold = identifiers.Span(text.index(hidden), text.index(hidden) + len(hidden), name)
                cell[0] += 1
                for which, find in enumerate(finders.values()):
                    found = find(text)
                    fitting = kinds if which == 0 else {span.kind for span in found}
                    cell[1 + which] += identifiers.covered(gold, found, fitting)
                if "--misses" in sys.argv and not identifiers.covered(
                    gold, finders["polyveil"](text), kinds
                ):
                    misses.append(f"{disguise} | {name} | {hidden!r}")
            hits[disguise, name] = cell
    report(hits)
    print("\n".join(misses))


def report(hits: dict[tuple[str, str], list[int]]) -> None:
    rows: list[list[Any]] = []
    for disguise in ("(plain)", *DISGUISES):
        cells = [hits[disguise, name] for name in IDENTIFIERS]
        n, mine, theirs = (sum(cell[i] for cell in cells) for i in range(3))
        rows.append([disguise, n, mine / n, theirs / n])
    print(_common.table(["disguise", "values", "polyveil", "presidio (any kind)"], rows))
    hidden = [cell for (disguise, _), cell in hits.items() if disguise != "(plain)"]
    total = [sum(cell[i] for cell in hidden) for i in range(3)]
    plain = [sum(hits["(plain)", name][i] for name in IDENTIFIERS) for i in range(3)]
    figures: dict[str, Any] = {
        "disguises": len(DISGUISES),
        "identifiers": len(IDENTIFIERS),
        "cells used": sum(cell[0] > 0 for cell in hidden),
        "values": total[0],
        "seed": SEED,
        "rows": rows,
    }
    for index, name in ((1, "polyveil"), (2, "presidio")):
        figures[f"{name} plain recall"] = plain[index] / plain[0]
        figures[f"{name} disguised recall"] = total[index] / total[0]
        figures[f"{name} disguised / plain"] = total[index] / total[0] / (plain[index] / plain[0])
    print({k: v for k, v in figures.items() if k != "rows"})
    _common.write("disguises", figures, packages=("presidio-analyzer",))


if __name__ == "__main__":
    main()
