# SPDX-License-Identifier: Apache-2.0
"""Names of months in seven languages, full and short."""

from __future__ import annotations

_NAMES = {
    "en": "january february march april may june july august september october november december",
    "de": "januar februar märz april mai juni juli august september oktober november dezember",
    "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    "es": "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre"
    " diciembre",
    "it": "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre"
    " novembre dicembre",
    "pt": "janeiro fevereiro março abril maio junho julho agosto setembro outubro"
    " novembro dezembro",
    "nl": "januari februari maart april mei juni juli augustus september oktober november december",
}
_SHORT = {
    "en": "jan feb mar apr may jun jul aug sep oct nov dec",
    "de": "jan feb mrz apr mai jun jul aug sep okt nov dez",
    "fr": "janv févr mars avr mai juin juil août sept oct nov déc",
    "es": "ene feb mar abr may jun jul ago sept oct nov dic",
    "it": "gen feb mar apr mag giu lug ago set ott nov dic",
}


def _table() -> dict[str, tuple[int, str, str]]:
    table: dict[str, tuple[int, str, str]] = {"sept": (9, "en", "%b"), "mär": (3, "de", "%b")}
    for code, names in (("%B", _NAMES), ("%b", _SHORT)):
        for language, words in names.items():
            for number, word in enumerate(words.split(), 1):
                table.setdefault(word, (number, language, code))
    for plain, accented in (("fevrier", "février"), ("aout", "août"), ("decembre", "décembre"),
                            ("marz", "märz"), ("marco", "março")):  # fmt: skip
        table[plain] = table[accented]
    return table


_MONTHS = _table()
ANY_MONTH = "|".join(sorted(_MONTHS, key=len, reverse=True))
"""Alternatives for a pattern that ignores case, longest first."""


def month(name: str, stop: str = "") -> tuple[int, str, str]:
    """(1 to 12, language, "%B" or "%b") of a month's name."""
    number, language, code = _MONTHS[name.lower()]
    return number, language, "%b" if stop else code
