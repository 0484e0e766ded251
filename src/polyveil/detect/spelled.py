# SPDX-License-Identifier: Apache-2.0
"""Readings that guess: separators in words, digits in words, spaced-out letters, leet digits.

Each function gives edits (start, end, replacement), in order and without overlap. They can be
wrong ("meet me at example dot com"), therefore only detectors with a checksum or a strict
structure read their result. All patterns are bounded, so time is linear in the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

Edits = Iterator[tuple[int, int, str]]

_DIGIT_WORDS = {
    "zero": "0", "oh": "0", "null": "0", "zéro": "0", "cero": "0", "nul": "0", "nought": "0",
    "one": "1", "eins": "1", "un": "1", "uno": "1", "een": "1",
    "two": "2", "zwei": "2", "zwo": "2", "deux": "2", "dos": "2", "due": "2", "twee": "2",
    "three": "3", "drei": "3", "trois": "3", "tres": "3", "tre": "3", "drie": "3",
    "four": "4", "vier": "4", "quatre": "4", "cuatro": "4", "quattro": "4",
    "five": "5", "fünf": "5", "funf": "5", "cinq": "5", "cinco": "5", "cinque": "5", "vijf": "5",
    "six": "6", "sechs": "6", "seis": "6", "sei": "6", "zes": "6",
    "seven": "7", "sieben": "7", "sept": "7", "siete": "7", "sette": "7", "zeven": "7",
    "eight": "8", "acht": "8", "huit": "8", "ocho": "8", "otto": "8",
    "nine": "9", "neun": "9", "neuf": "9", "nueve": "9", "nove": "9", "negen": "9",
}  # fmt: skip
_MARK_WORDS = {
    "dash": "-", "hyphen": "-", "minus": "-", "dot": ".", "point": ".", "punkt": ".", "punto": ".",
    "slash": "/", "colon": ":", "plus": "+", "space": " ", "underscore": "_", "period": ".",
}  # fmt: skip
_HINTS = frozenset(_DIGIT_WORDS) | {
    "at", "dot", "arroba", "arobase", "chiocciola", "punkt", "point", "punto",
}  # fmt: skip
_ANY_DIGIT_WORD = "|".join(sorted(_DIGIT_WORDS, key=len, reverse=True))
_ANY_MARK_WORD = "|".join(_MARK_WORDS)
_BRACKET_HINT = re.compile(r"[\[({<][ \t]{0,3}[A-Za-zä@.]{1,10}[ \t]{0,3}[\])}>]")
_LETTERS = re.compile(r"[^\W\d_]+")
_NUMBER_WORDS = re.compile(
    rf"(?i)(?<![\w])(?:(?:plus|double|triple)[\s-]{{1,2}})?(?:{_ANY_DIGIT_WORD}|\d)"
    rf"(?:[\s,.;:-]{{0,3}}+(?:{_ANY_DIGIT_WORD}|{_ANY_MARK_WORD}|double|triple|\d)){{3,}}+(?!\w)"
)
_NUMBER_WORD = re.compile(rf"(?i){_ANY_DIGIT_WORD}|{_ANY_MARK_WORD}|double|triple|\d|[\s,.;:-]+")
_BRACKETED = re.compile(
    r"(?i)[ \t]{0,3}[\[({<][ \t]{0,3}(?:(at|a|@|arroba|arobase|chiocciola|ät)"
    r"|(dot|\.|punkt|point|punto|ponto|d))[ \t]{0,3}[\])}>][ \t]{0,3}"
)
_AT_WORD = re.compile(
    r"(?i)(?<=[\w])[ \t]{1,3}(?:at|arroba|arobase|chiocciola)[ \t]{1,3}"
    r"(?=[\w-]{1,40}(?:(?:[ \t]{1,3}(?:dot|punkt|punto|point)[ \t]{1,3}|\.)[\w-]{1,40}){1,4})"
)
_DOT_WORD = re.compile(r"(?i)(?<=\w)[ \t]{1,3}(?:dot|punkt|punto|point)[ \t]{1,3}(?=[\w-]{2})")
_MAIL_CUE = re.compile(r"(?i)mail|write|contact|reach|address|correo|schreib|courriel")
_COLON_SLASHES = re.compile(
    r"(?i)(?<=https)[ \t]{0,2}colon[ \t]{1,2}slash[ \t]{1,2}slash[ \t]{0,2}"
)
_SPACED = re.compile(r"(?<!\S)\S(?:[ \t]{1,3}\S){3,}(?!\S)")
_SEPARATED = re.compile(
    r"(?<![^\s\"'(<\[])\S([-_*|/,~+^=#.;])\S(?:\1\S){3,}(?=[.,;:!?)\]\"']{0,2}(?:\s|$))"
)
_SEPARATORS = re.compile(r"[-_*|/,~+^=#.;]")
_GAP = re.compile(r"[ \t]+")
_BREAK = re.compile(r"(?<=[\w.@:/-])[ \t]{0,3}\r?\n[ \t]{0,3}(?=[\w.@:/-])")

LEET_CHARACTERS = r"OoQDIil|!LZzEASs$GbTBgq"
LEET = str.maketrans(LEET_CHARACTERS, "00001111112234555667899")
_DIGIT = re.compile(r"\d")
_LEET_RUN = re.compile(
    rf"(?<!\w)[\d{LEET_CHARACTERS}](?:[ \t.\-/:,_]?[\d{LEET_CHARACTERS}]){{5,}}(?!\w)"
)
_LEET_GROUP = re.compile(r"[^ \t.\-/:,_]+")


def line_breaks(text: str) -> Edits:
    """Line breaks inside a token are dropped."""
    if "\n" in text:
        yield from ((found.start(), found.end(), "") for found in _BREAK.finditer(text))


def words(text: str) -> Edits:
    """Separators and digits written as words or in brackets."""
    seen = [word for word in _LETTERS.findall(text.lower()) if word in _HINTS]
    if len(seen) < 2 and not _BRACKET_HINT.search(text):
        return
    edits: list[tuple[int, int, str]] = []
    for found in _BRACKETED.finditer(text):
        edits.append((found.start(), found.end(), "@" if found[1] else "."))
    for found in _AT_WORD.finditer(text):
        after = text[found.end() : found.end() + 90]
        before = text[max(0, found.start() - 60) : found.start()]
        said = re.match(r"[\w-]+[ \t]+(?i:dot|punkt|punto|point)\b", after)
        if said or _MAIL_CUE.search(before):
            edits.append((found.start(), found.end(), "@"))
    edits += [(found.start(), found.end(), ".") for found in _DOT_WORD.finditer(text)]
    edits += [(found.start(), found.end(), "://") for found in _COLON_SLASHES.finditer(text)]
    for found in _NUMBER_WORDS.finditer(text):
        if len(re.findall(rf"(?i){_ANY_DIGIT_WORD}", found[0])) >= 3:
            edits += _number(found)
    yield from _apart(edits)


def _number(run: re.Match[str]) -> Edits:
    """Each spelled digit of a run becomes a digit; what merely separates them goes."""
    times = 1
    for word in _NUMBER_WORD.finditer(run[0]):
        start, end = run.start() + word.start(), run.start() + word.end()
        low = word[0].lower()
        if low in ("double", "triple"):
            times = 2 if low == "double" else 3
            yield start, end, ""
        elif low in _DIGIT_WORDS or low.isdecimal():
            yield start, end, _DIGIT_WORDS.get(low, low) * times
            times = 1
        elif low in _MARK_WORDS:
            yield start, end, _MARK_WORDS[low]
        else:
            yield start, end, ""


def _apart(edits: list[tuple[int, int, str]]) -> Edits:
    done = 0
    for start, end, text in sorted(edits):
        if start >= done:
            yield start, end, text
            done = end


def spaced_out(text: str) -> Edits:
    """ "j o h n @" and "j-o-h-n-@": single characters with one separator between them."""
    edits: list[tuple[int, int, str]] = []
    spaced = _SPACED.finditer(text) if sum(len(word) == 1 for word in text.split()) > 3 else ()
    for run in spaced:
        gaps = list(_GAP.finditer(run[0]))
        narrow = min(len(gap[0]) for gap in gaps)
        for gap in gaps:
            text_for = "" if len(gap[0]) == narrow else " "
            edits.append((run.start() + gap.start(), run.start() + gap.end(), text_for))
    separated = _SEPARATED.finditer(text) if len(_SEPARATORS.findall(text)) > 3 else ()
    for run in separated:
        edits += [(index, index + 1, "") for index in range(run.start() + 1, run.end() - 1, 2)]
    yield from _apart(edits)


def leet_digits(text: str) -> Edits:
    """Letters that stand for digits, in runs in which at least a third are digits already."""
    if not _DIGIT.search(text):
        return
    for run in _LEET_RUN.finditer(text):
        groups = list(_LEET_GROUP.finditer(run[0]))
        while groups and _is_word(run[0], groups[0], run.string[run.start() - 1 : run.start()]):
            groups.pop(0)
        while groups and _is_word(run[0], groups[-1], ""):
            groups.pop()
        written = "".join(group[0] for group in groups)
        digits = sum(character.isdecimal() for character in written)
        if len(written) > digits * 5 or len(written) < 6:
            continue
        for group in groups:
            for index, character in enumerate(group[0], run.start() + group.start()):
                if character in LEET_CHARACTERS:
                    yield index, index + 1, character.translate(LEET)


def _is_word(run: str, group: re.Match[str], before: str) -> bool:
    """ "is 4539": letters alone at the edge of a run are the sentence, unless a card's quarter."""
    if _DIGIT.search(group[0]) or before == "+":
        return False
    next_to_space = run[group.end() : group.end() + 1] in ("", " ") and (
        group.start() == 0 or run[group.start() - 1] == " "
    )
    return next_to_space and (len(group[0]) != 4 or group[0].islower())
