# SPDX-License-Identifier: Apache-2.0
"""Readings of a string and their maps back."""

from __future__ import annotations

import string
import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyveil.detect.normalise import normalise, views

_PRINTABLE = "".join(c for c in string.printable if c not in "&%\x0b\x0c")
_ANY = st.text(st.characters(min_codepoint=0, max_codepoint=0x10FFFF), max_size=60)
_TRICKY = st.text(
    st.sampled_from("ab1O @.-\n&#;%40é\u0301\u0316\u200b\u00ad\ufe0fоＡ①½\u2800ﬁ\ud800𝐚\U000e0061"),
    max_size=40,
)


@given(st.text(_PRINTABLE))
def test_plain_ascii_is_itself(text: str) -> None:
    view = normalise(text)
    assert view.text == text
    assert list(view.starts) == list(range(len(text)))


@given(st.one_of(_ANY, _TRICKY))
def test_never_raises_and_offsets_fit(text: str) -> None:
    for view in views(text):
        assert len(view.text) == len(view.starts) == len(view.ends)
        assert all(a < b for a, b in zip(view.starts, view.ends, strict=True))
        assert list(view.starts) == sorted(view.starts)
        assert list(view.ends) == sorted(view.ends)
        assert not view.text or (view.starts[0] >= 0 and view.ends[-1] <= len(text))


@given(st.one_of(_ANY, _TRICKY))
def test_reading_twice_changes_nothing_more(text: str) -> None:
    once = normalise(text).text
    assert normalise(once).text == once


@given(st.text(string.ascii_letters, min_size=1, max_size=12), st.data())
def test_a_word_hidden_by_invisible_characters_is_cut_out_whole(
    word: str, data: st.DataObject
) -> None:
    marks = [data.draw(st.sampled_from(["", "\u200b", "\u00ad", "\ufe0f", "\u0316"])) for _ in word]
    hidden = "".join(map("".join, zip(word, marks, strict=True)))
    text = f"\u201cé\u201d {hidden} ﬁn"
    view = normalise(text)
    at = view.text.index(f" {word} ") + 1
    start, end = view.original_span(at, at + len(word))
    assert normalise(text[start:end]).text == word
    assert hidden.startswith(text[start:end])


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("José Núñez", "José Núñez"),
        ("Jose\u0301", "José"),
        ("Tiê\u0301n Việt", "Tiến Việt"),
        ("j\u200bo\u00adh\u2060n", "john"),
        ("jоhn@exаmple.com", "john@example.com"),
        ("ｊｏｈｎ＠ｘ．ｃｏｍ", "john@x.com"),
        ("𝐣𝐨𝐡𝐧 ①②❸ ٤٥ ²₃", "john 123 45 23"),
        ("a&#64;b.c a&amp;#64;b.c a%40b.c &#x40;", "a@b.c a@b.c a@b.c @"),
        ("Z\u0300\u0316\u0317a\u0318\u0319", "Za"),
        ("4\u20135\u22126", "4-5-6"),
        ("Привет, мир", "Привет, мир"),
        ("שָׁלוֹם", unicodedata.normalize("NFC", "שָׁלוֹם")),
        ("tab\tline\r\n", "tab\tline\r\n"),
    ],
)  # fmt: skip
def test_golden_readings(written: str, read: str) -> None:
    assert unicodedata.normalize("NFC", normalise(written).text) == read


@pytest.mark.parametrize(
    ("written", "name", "read"),
    [
        ("Привет @ аррӏе.com", "folded", "@ apple.com"),
        ("John Smith: j o h n @ x . c o m", "joined", "john@x.com"),
        ("j-o-h-n-@-x-.-c-o-m", "joined", "john@x.com"),
        ("john (at) example [dot] com", "spelled", "john@example.com"),
        ("john at example dot com", "spelled", "john@example.com"),
        ("four five double three nine", "spelled", "45339"),
        ("vier fünf sechs sieben", "spelled", "4567"),
        ("is 45l9 l488 O3A3", "leet", "is 4519 1488 0343"),
        ("john@exam\nple.com", "unbroken", "john@example.com"),
    ],
)
def test_golden_guesses(written: str, name: str, read: str) -> None:
    readings = {view.name: view for view in views(written)}
    assert read in readings[name].text
    at = readings[name].text.index(read)
    start, end = readings[name].original_span(at, at + len(read))
    assert end == len(written)
    assert 0 <= start < end


@pytest.mark.parametrize(
    "text", ["Meet me at the dot.", "We ate at five or six.", "A one two step", "I a m"]
)
def test_ordinary_sentences_have_one_reading(text: str) -> None:
    assert [view.name for view in views(text)] == ["plain"]


_HOSTILE = ["a ", "a-", "1 ", "O0", "\u200b", "a\u0301\u0301", "&amp;", "one ", " at a dot b", "\n",
            "&#", "%4", "(at", "[ ", "é", "1\n", "double ", "о", "x\n\n", ". ", "l|"]  # fmt: skip


@pytest.mark.parametrize("unit", _HOSTILE)
def test_time_is_linear(unit: str) -> None:
    text = unit * (200_000 // len(unit))
    begun = time.process_time()
    for _ in views(text):
        pass
    assert time.process_time() - begun < 3.0


def test_a_caption_costs_microseconds() -> None:
    caption = "A man in a red shirt stands next to a woman who is climbing a wall at the gym ."
    normalise(caption)
    begun = time.process_time()
    for _ in range(200):
        normalise(caption)
    assert (time.process_time() - begun) / 200 < 100e-6
