# SPDX-License-Identifier: Apache-2.0
"""Who is named in one record is found in every other one, and single words are left alone."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from polyveil.detect.known_names import KnownNames
from polyveil.records.finding import Kind, Mention
from polyveil.records.record import Record

KNOWN = KnownNames(
    frozenset({("ann", "lee"), ("jean-luc", "o’neil", "smith"), ("ann", "lee", "fox")})
)


def record(text: str, person: str | None = None) -> Record:
    return Record("row:1", {"text": text}, person=person)


def mention(text: str, surface: str) -> Mention:
    start = text.index(surface)
    return Mention(("text",), start, start + len(surface), Kind.NAME, surface, surface, 1.0, "test")


def test_a_full_name_is_found_wherever_it_stands() -> None:
    text = "A crowd listens to a question: ANN Lee before the press, then Jean-Luc O’Neil Smith."
    assert [one.surface for one in KNOWN.find(text)] == ["ANN Lee", "Jean-Luc O’Neil Smith"]


def test_offsets_are_those_of_the_text_as_it_came() -> None:
    for one in KNOWN.find("…\u200b ann   LEE, ann\nlee"):
        assert "ann" in one.surface.casefold()
    text = "x Ann Lee Fox y"
    assert {text[one.start : one.end] for one in KNOWN.find(text)} == {"Ann Lee", "Ann Lee Fox"}


def test_parts_of_words_and_single_words_are_no_names() -> None:
    assert not KNOWN.find("Joann Leeds, Ann, Lee, Lee Ann")


def test_what_counts_as_a_full_name() -> None:
    text = "Ann Lee met Will and J. R."
    found = [mention(text, "Ann Lee"), mention(text, "Will"), mention(text, "J. R")]
    assert KnownNames.of([(record(text), found)]).names == {("ann", "lee")}


def test_a_label_of_the_person_counts_where_it_is_a_name() -> None:
    labels = ["Bo_Derek", "person 17", "blue team", "Mia", "x"]
    found = KnownNames.of((record("", label), ()) for label in labels)
    assert found.names == {("bo", "derek")}


def test_only_what_no_mention_touches_is_missed() -> None:
    text = "Ann Lee waves. Nobody knows ann lee."
    left = KNOWN.missed(record(text), [mention(text, "Ann Lee")])
    assert left.names == {("ann", "lee")}
    both = [mention(text, "Ann Lee"), mention(text, "ann lee")]
    assert not KNOWN.missed(record(text), both).names


@given(st.text(max_size=60))
def test_any_text_gives_mentions_with_its_own_characters(text: str) -> None:
    for one in KNOWN.find(text + " Ann Lee " + text):
        assert (text + " Ann Lee " + text)[one.start : one.end] == one.surface
