# SPDX-License-Identifier: Apache-2.0
"""Names as lists by script, and the folding under which two spellings are one name.

The lists are Faker's locale data; only the two tuples of a provider's module are read, no
generator is started, and a script's list is loaded when the first name in it turns up.
Source: Faker, MIT, https://github.com/joke2k/faker
"""

from __future__ import annotations

import importlib
import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

BANKS: dict[str, tuple[str, ...]] = {
    "latin": ("en_US", "en_GB"),
    "cyrillic": ("ru_RU",),
    "greek": ("el_GR",),
    "han": ("zh_CN",),
    "kana": ("ja_JP",),
    "hangul": ("ko_KR",),
    "arabic": ("ar_AA", "ar_SA"),
    "hebrew": ("he_IL",),
    "devanagari": ("hi_IN", "ne_NP"),
    "bengali": ("bn_BD",),
    "gujarati": ("gu_IN",),
    "oriya": ("or_IN",),
    "tamil": ("ta_IN",),
    "sinhala": ("si_LK",),
    "thai": ("th_TH",),
    "armenian": ("hy_AM",),
    "georgian": ("ka_GE",),
}
"""Script -> locales whose names are drawn for it, unless the caller hints at another locale."""

UNSPACED = frozenset({"han", "kana", "hangul"})
"""Scripts that write family name and given name together, family first."""

_UNICODE = {
    "CJK": "han",
    "HIRAGANA": "kana",
    "KATAKANA": "kana",
    "HANGUL": "hangul",
} | {name.upper(): name for name in BANKS if name not in {"han", "kana", "hangul"}}
_MODULE = "faker.providers.person."
_MARKS = "".join(chr(n) for n in range(0x300, 0x1000) if unicodedata.category(chr(n))[0] == "M")
LETTER = rf"(?:[^\W\d_]|[{_MARKS}])"
"""Pattern of a letter or of the vowel sign on it, which `\\w` leaves out in Indic scripts."""

_ONE_TOKEN = re.compile(rf"{LETTER}+")


@dataclass(frozen=True, slots=True)
class NameBank:
    """Names of one script.

    Attributes:
      women, men: given names; family_women, family_men: family names in the form each sex bears.
    """

    women: tuple[str, ...]
    men: tuple[str, ...]
    family_women: tuple[str, ...]
    family_men: tuple[str, ...]

    def given(self, sex: str | None) -> tuple[str, ...]:
        """Given names that fit the sex; all of them where nothing tells."""
        return {"woman": self.women, "man": self.men}.get(sex or "", self.women + self.men)

    def family(self, sex: str | None) -> tuple[str, ...]:
        """Family names in the form that fits the sex."""
        return self.family_women if sex == "woman" else self.family_men


@lru_cache(maxsize=64)
def bank(script: str, locale: str | None = None) -> NameBank:
    """Names for a script, or for one locale of Faker's such as "de_DE"."""
    locales = (locale,) if locale else BANKS.get(script, BANKS["latin"])
    providers = [importlib.import_module(_MODULE + name).Provider for name in locales]

    def gathered(*attributes: str) -> tuple[str, ...]:
        found: dict[str, None] = {}
        for provider in providers:
            names = next((getattr(provider, a) for a in attributes if hasattr(provider, a)), ())
            # Faker leaves stray blanks; names of several words or marks would break the shape.
            found |= dict.fromkeys(n.strip() for n in names if _ONE_TOKEN.fullmatch(n.strip()))
        return tuple(found)

    return NameBank(
        women=gathered("first_names_female", "first_names"),
        men=gathered("first_names_male", "first_names"),
        family_women=gathered("last_names_female", "last_names"),
        family_men=gathered("last_names_male", "last_names"),
    )


@lru_cache(maxsize=8)
def vocabulary(script: str) -> tuple[frozenset[str], frozenset[str]]:
    """Folded given names and folded family names of a script, to tell which one a lone word is."""
    names = bank(script)
    return (
        frozenset(map(fold, names.women + names.men)),
        frozenset(map(fold, names.family_women + names.family_men)),
    )


@lru_cache(maxsize=1)
def sex_of_given() -> dict[str, str]:
    """Folded Latin given name -> the one sex that bears it; names of both are absent."""
    names = bank("latin")
    women, men = set(map(fold, names.women)), set(map(fold, names.men))
    return dict.fromkeys(women - men, "woman") | dict.fromkeys(men - women, "man")


def script_of(text: str) -> str:
    """The script of the first letter that decides; "latin" where none does."""
    scripts = [_script(char) for char in text if char.isalpha()]
    if "kana" in scripts:
        return "kana"
    return next((script for script in scripts if script), "latin")


@lru_cache(maxsize=8192)
def fold(text: str) -> str:
    """One spelling for one name: compatibility form, without accents, case-folded."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    kept = "".join(c for c in plain if not ("\u0300" <= c <= "\u036f" or c in "\u200b\u200c\u200d"))
    return unicodedata.normalize("NFC", kept).casefold()


@lru_cache(maxsize=4096)
def _script(char: str) -> str | None:
    return _UNICODE.get(unicodedata.name(char, "?").split(" ", 1)[0].split("-")[0])
