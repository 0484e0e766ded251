# SPDX-License-Identifier: Apache-2.0
"""Text as a reader sees it, with a map back to the characters as they came.

What: `normalise` undoes what changes characters and not meaning (invisible characters,
compatibility forms, stacked marks, digits of other scripts, look-alike letters inside a Latin
word, HTML and URL encoding). `views` adds, one by one, readings that guess (spelled-out
separators, spaced-out letters, letters that stand for digits); only detectors with a checksum or
a strict structure look at those, so that guesses do not become false alarms.

Why: patterns on raw text miss almost every identifier that was written to be missed.

Source: the character properties and names of Unicode as Python's `unicodedata` has them, plus a
small table of look-alikes of our own.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from polyveil.detect import spelled


class Edit(NamedTuple):
    """Characters [start, end) of a view become `text`."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Normalised:
    """One reading of a string.

    Attributes:
      text: the reading. Secret.
      starts, ends: for each of its characters, the stretch [start, end) of the original that it
        was made of; both never decrease.
      original: the string as it came. Secret.
      name: "plain" for the conservative reading; "folded", "spelled", "joined", "leet" and
        "unbroken" for those that guess.
    """

    text: str = field(repr=False)
    starts: Sequence[int] = field(repr=False)
    ends: Sequence[int] = field(repr=False)
    original: str = field(repr=False)
    name: str = "plain"

    def original_span(self, start: int, end: int) -> tuple[int, int]:
        """Where characters [start, end) of the reading lie in the original; start < end."""
        return self.starts[start], self.ends[end - 1]

    def edited(self, edits: Iterable[Edit], name: str) -> Normalised:
        """The reading with edits applied; they are in order and do not overlap."""
        pieces: list[str] = []
        starts: list[int] = []
        ends: list[int] = []
        done = 0
        for start, end, text in edits:
            pieces.append(self.text[done:start])
            starts.extend(self.starts[done:start])
            ends.extend(self.ends[done:start])
            if text:
                pieces.append(text)
                starts.extend([self.starts[start]] * len(text))
                ends.extend([self.ends[end - 1]] * len(text))
            done = end
        if not done:
            return self
        pieces.append(self.text[done:])
        starts.extend(self.starts[done:])
        ends.extend(self.ends[done:])
        return Normalised("".join(pieces), starts, ends, self.original, name)


# Letters of other scripts with the shape of a Latin letter: (letters, what they look like).
_LOOKALIKE = {
    letter: latin
    for letters, shapes in (
        ("аеорсухіјѕԁһԛԝӏѵкмнтвгпиьёї", "aeopcyxijsdhqwlvkmhtbrnubei"),
        ("АВЕКМНОРСТУХІЈЅԌԚԜҮѴЗ", "ABEKMHOPCTYXIJSGQWYV3"),
        ("αβγεηικνορτυχωϲϳ", "abyenikvoptuxwcj"),
        ("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧϹϜ", "ABEZHIKMNOPTYXCF"),
        ("օսոհցզյգիւաքղտՕՍՏԼ", "ounhgqjgiuwpnmOUSL"),
        ("ᎪᎫᎬᎡᎢᎥᎩᎳᎷᎻᏀᏃᏆᏒᏚᏞᏟᏢᏤᏦᏴᎠᎶ", "AJERTIYWMHGZTRSLCPVKBDG"),
        ("ꓐꓑꓓꓔꓖꓗꓙꓚꓜꓝꓟꓠꓡꓢꓣꓦꓧꓪꓫꓬꓮꓰꓲꓳꓴ", "BPDTGKJCZFMNLSRVHWXYAEIOU"),
    )
    for letter, latin in zip(letters, shapes, strict=True)
}

_PUNCTUATION = {
    "。": ".", "｡": ".", "۔": ".", "܁": ".", "ꓸ": ".",
    "−": "-", "⁃": "-", "˗": "-", "ー": "-", "╌": "-", "─": "-", "━": "-",
    "‘": "'", "’": "'", "‚": "'", "‛": "'", "′": "'", "ʼ": "'", "“": '"', "”": '"', "„": '"',
    "‟": '"', "″": '"', "∕": "/", "⁄": "/", "╱": "/", "⧸": "/", "⟋": "/", "∶": ":", "꞉": ":",
    "ː": ":", "։": ":", "׃": ":", "ⓐ": "a", "∗": "*", "⁎": "*", "∣": "|", "ǀ": "|", "٫": ".",
    "٬": ",", "،": ",", "、": ",", "‗": "_",
}  # fmt: skip
_FOLDED_PUNCTUATION = {
    "·": ".",
    "•": ".",
    "∙": ".",
    "⋅": ".",
    "˙": ".",
    "●": ".",
    "ꞏ": ".",
    "᛫": ".",
}

_ASCII_WORK = re.compile(r"[&%\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]")
_WORD = re.compile(r"[^\W\d_]+")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_ENCODED = re.compile(
    r"&(?:amp;)*+(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z]{2,8});|%[2-7][0-9A-Fa-f]"
)
_LETTER_NAME = re.compile(
    r"(?:NEGATIVE |CROSSED )?(?:CIRCLED|SQUARED|PARENTHESIZED|REGIONAL INDICATOR SYMBOL|TAG)"
    r"(?: LATIN (CAPITAL|SMALL))? LETTER ([A-Z])"
)
_LATIN_NAME = re.compile(
    r"(?:MODIFIER LETTER|LATIN) (?:LETTER )?(SMALL CAPITAL|SMALL|CAPITAL)(?: LETTER)?"
    r" (?:SCRIPT |DOTLESS |OPEN |BARRED |SIDEWAYS |LONG )?([A-Z])(?: WITH .*)?"
)
_BLANKS = "\u2800\u3164\uffa0\u115f\u1160\u034f\u17b4\u17b5"


def normalise(text: str) -> Normalised:
    """The conservative reading: what a reader sees, real accents kept (NFC).

    Plain ASCII without encodings comes back as it is. A reading read again does not change.
    """
    view = Normalised(text, range(len(text)), range(1, len(text) + 1), text)
    # An encoded character may be part of another encoding; four rounds are more than mail uses.
    for _ in range(4):
        if view.text.isascii() and not _ASCII_WORK.search(view.text):
            break
        before = view.text
        view = view.edited(_character_edits(view.text), "plain")
        view = view.edited(_lookalike_edits(view.text, everywhere=False), "plain")
        view = view.edited(_decoding_edits(view.text), "plain")
        if view.text == before:
            break
    return view


def views(text: str) -> Iterator[Normalised]:
    """The conservative reading, then each further reading that differs from those before it."""
    view = normalise(text)
    yield view
    unbroken = view.edited([Edit(*edit) for edit in spelled.line_breaks(view.text)], "unbroken")
    if unbroken is not view:
        yield unbroken
    steps: tuple[tuple[str, Callable[[str], Iterable[tuple[int, int, str]]]], ...] = (
        ("folded", _folding_edits),
        ("spelled", spelled.words),
        ("joined", spelled.spaced_out),
        ("leet", spelled.leet_digits),
    )
    for name, edits in steps:
        further = view.edited([Edit(*edit) for edit in edits(view.text)], name)
        if further is not view:
            view = further
            yield view


def _character_edits(text: str) -> Iterator[Edit]:
    """Single characters and stacks of combining marks."""
    if text.isascii():
        yield from (Edit(found.start(), found.end(), "") for found in _CONTROL.finditer(text))
        return
    base: int | None = None
    for index, character in enumerate(text):
        if index == base:
            continue
        if character.isascii():
            if _CONTROL.match(character):
                yield Edit(index, index + 1, "")
            elif index + 1 < len(text) and is_mark(text[index + 1]):
                yield from _marked(text, index)
            continue
        if not is_mark(character):
            plain = plain_character(character)
            if index + 1 < len(text) and is_mark(text[index + 1]) and len(plain) == 1:
                yield from _marked(text, index)
            elif plain != character:
                yield Edit(index, index + 1, plain)
        elif _follows_nothing(text, index):
            yield Edit(index, index + 1, "")


def _follows_nothing(text: str, index: int) -> bool:
    return index == 0 or text[index - 1].isspace()


def _marked(text: str, index: int) -> Iterator[Edit]:
    """A base with marks: composed if one letter carries them all, else bare (stacked marks)."""
    end = index + 1
    while end < len(text) and is_mark(text[end]):
        end += 1
    base = unicodedata.normalize("NFD", plain_character(text[index]))
    composed = unicodedata.normalize("NFC", base + text[index + 1 : end])
    if len(composed) != 1 and not _of_marked_script(base[0]):
        composed = base[0]
    if len(composed) == 1:
        yield Edit(index, end, composed)
    elif plain_character(text[index]) != text[index]:
        yield Edit(index, index + 1, plain_character(text[index]))


@lru_cache(maxsize=4096)
def is_mark(character: str) -> bool:
    """Whether the character sits on the one before it (variation selectors do not)."""
    return unicodedata.category(character) in ("Mn", "Me") and not _is_invisible(character)


@lru_cache(maxsize=4096)
def _of_marked_script(character: str) -> bool:
    """Whether marks are part of ordinary spelling: Hebrew, Arabic, the scripts of India ..."""
    name = unicodedata.name(character, "")
    common = ("LATIN", "GREEK", "CYRILLIC", "DIGIT", "ARMENIAN", "COMMERCIAL")
    return character.isalpha() and not character.isascii() and not name.startswith(common)


def _is_invisible(character: str) -> bool:
    code = ord(character)
    return (
        unicodedata.category(character) == "Cf"
        or character in _BLANKS
        or 0x180B <= code <= 0x180F
        or 0xFE00 <= code <= 0xFE0F
        or 0xE0000 <= code <= 0xE0FFF
    )


@lru_cache(maxsize=16384)
def plain_character(character: str) -> str:
    """What one character stands for: itself, "" when invisible, or its plain spelling."""
    if character.isascii():
        return character
    if _is_invisible(character):
        return ""
    if character in _PUNCTUATION:
        return _PUNCTUATION[character]
    category = unicodedata.category(character)
    if category in ("Zl", "Zp") or character == "\x85":
        return "\n"
    if category in ("Zs", "Cc", "Pd"):
        return {"Zs": " ", "Cc": "", "Pd": "-"}[category]
    digit = unicodedata.digit(character, None)
    if digit is not None:
        return str(digit)
    letter = _LETTER_NAME.fullmatch(unicodedata.name(character, ""))
    if letter:
        return letter[2].lower() if letter[1] == "SMALL" else letter[2]
    compatible = unicodedata.normalize("NFKC", character)
    if compatible == character or any(is_mark(part) for part in compatible):
        return character
    return "".join(plain_character(part) for part in compatible)


def _lookalike_edits(text: str, *, everywhere: bool) -> Iterator[Edit]:
    """Look-alike letters inside a word that also has Latin letters, or in every word."""
    if text.isascii():
        return
    for word in _WORD.finditer(text):
        if word[0].isascii():
            continue
        if not everywhere and not re.search("[A-Za-z]", word[0]):
            continue
        for index, character in enumerate(word[0], word.start()):
            latin = _LOOKALIKE.get(character)
            if latin:
                yield Edit(index, index + 1, latin)


def _decoding_edits(text: str) -> Iterator[Edit]:
    """HTML entities and percent-encoding of visible characters."""
    if "&" not in text and "%" not in text:
        return
    for found in _ENCODED.finditer(text):
        code = found[0]
        if code[0] == "%":
            decoded = chr(int(code[1:], 16))
        else:
            decoded = html.unescape("&" + code[1:].replace("amp;", "") if code != "&amp;" else code)
        if len(decoded) == 1 and decoded.isprintable():
            yield Edit(found.start(), found.end(), decoded)


@lru_cache(maxsize=16384)
def bare_letter(character: str) -> str:
    """The ASCII letter under accents, strokes and special shapes; the character itself if none."""
    if character.isascii():
        return character
    bare = unicodedata.normalize("NFD", character)[0]
    if not bare.isascii():
        bare = _LOOKALIKE.get(bare, bare)
        bare = _FOLDED_PUNCTUATION.get(bare, bare)
        latin = _LATIN_NAME.fullmatch(unicodedata.name(bare, ""))
        if latin:
            bare = latin[2] if latin[1] == "CAPITAL" else latin[2].lower()
    return bare


def _folding_edits(text: str) -> Iterator[tuple[int, int, str]]:
    """Every letter to the ASCII letter that it resembles."""
    for found in _BEYOND_ASCII.finditer(text):
        bare = bare_letter(found[0])
        if bare != found[0]:
            yield found.start(), found.end(), bare
