# SPDX-License-Identifier: Apache-2.0
"""The union of detectors: paths, order, what wins where two overlap, what is refused."""

from __future__ import annotations

from typing import ClassVar

import pytest

from polyveil.detect import mentions, plugins
from polyveil.detect.identifiers import IdentifierFinder
from polyveil.detect.mentions import MentionDetector, find_mentions, resolve
from polyveil.errors import UsageError
from polyveil.records.finding import Kind, Mention
from polyveil.records.record import Record


def a(text: str, surface: str, kind: Kind, score: float = 0.9) -> Mention:
    start = text.index(surface)
    return Mention((), start, start + len(surface), kind, surface, surface.lower(), score, "test")


class Fixed:
    name = "fixed"

    def __init__(self, *mentions: Mention) -> None:
        self.mentions = list(mentions)

    def find(self, text: str) -> list[Mention]:
        return [m for m in self.mentions if text[m.start : m.end] == m.surface]


def test_every_string_of_the_row_is_searched_and_named_by_its_path() -> None:
    row = {"text": "mail a@b.com", "notes": {"more": ["x", "card 4111111111111111"]}, "n": 3}
    found = find_mentions(Record("r:1", row), detectors=[IdentifierFinder()])
    assert [(m.path, m.kind) for m in found] == [
        (("text",), Kind.EMAIL),
        (("notes", "more", 1), Kind.CARD),
    ]


def test_the_embedded_finder_is_a_detector() -> None:
    assert isinstance(IdentifierFinder(), MentionDetector)


def test_checksum_beats_length_and_length_beats_score() -> None:
    text = "4111111111111111 Anna Berg Street 4"
    card, phone = a(text, "4111111111111111", Kind.CARD, 1.0), a(text, text[:20], Kind.PHONE, 0.99)
    name, address = a(text, "Anna Berg", Kind.NAME, 0.99), a(text, "Berg Street 4", Kind.ADDRESS)
    assert resolve([phone, card, name, address]) == [card, address]


def test_an_expression_shrinks_beside_the_name_in_it() -> None:
    text = "the tall man called John Smith"
    name = a(text, "John Smith", Kind.NAME)
    expression, kept = resolve([a(text, text, Kind.EXPRESSION, 1.0), name])
    assert kept == name
    assert expression.surface == "the tall man called"
    assert text[expression.start : expression.end] == expression.surface


def test_an_expression_that_is_all_age_stays_an_expression() -> None:
    text = "a five-year-old"
    expression = a(text, text, Kind.EXPRESSION)
    assert resolve([expression, a(text, "five-year-old", Kind.AGE)]) == [expression]


def test_many_strings_go_at_once_where_a_detector_can() -> None:
    class AtOnce(Fixed):
        asked: ClassVar[list[list[str]]] = []

        def find_batch(self, texts: list[str]) -> list[list[Mention]]:
            self.asked.append(texts)
            return [self.find(text) for text in texts]

    record = Record("r:1", {"text": "Anna Berg", "more": "no one"})
    found = find_mentions(record, detectors=[AtOnce(a("Anna Berg", "Anna", Kind.NAME))])
    assert [m.path for m in found] == [("text",)]
    assert AtOnce.asked == [["Anna Berg", "no one"]]


def test_a_plugin_is_found_by_its_entry_point(monkeypatch: pytest.MonkeyPatch) -> None:
    class Point:
        name = "mine"

        def load(self) -> type[Fixed]:
            return Fixed

    monkeypatch.setattr(
        plugins, "entry_points", lambda group: [Point()] * (group == mentions.GROUP)
    )
    mentions.default_detectors.cache_clear()
    try:
        assert mentions.default_detectors()[-1].name == "fixed"
    finally:
        mentions.default_detectors.cache_clear()


def test_wrong_offsets_are_refused_by_name_without_the_text() -> None:
    class Liar:
        name = "liar"

        def find(self, text: str) -> list[Mention]:
            return [Mention((), 0, 4, Kind.NAME, "secret", "secret", 0.5, "liar")]

    with pytest.raises(UsageError, match="mention detector liar: characters 0-4") as raised:
        find_mentions(Record("r:1", {"text": "some text"}), detectors=[Liar()])
    assert "secret" not in str(raised.value)


def test_embedded_detectors_agree_on_a_caption() -> None:
    text = "Eileen Collins, aged 42, writes to eileen@example.com beside a man in a red shirt."
    found = find_mentions(Record("r:1", {"text": text}))
    assert {Kind.NAME, Kind.AGE, Kind.EMAIL, Kind.EXPRESSION} <= {m.kind for m in found}
    ends = [m.end for m in found]
    assert all(m.start >= end for m, end in zip(found[1:], ends, strict=False))
