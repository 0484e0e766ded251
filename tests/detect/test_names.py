# SPDX-License-Identifier: Apache-2.0
"""The name recogniser: golden sentences, exact offsets, casing, disguise, long text, who is who."""

from __future__ import annotations

import time
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polyveil.detect import wordlists
from polyveil.detect.names import NameRecogniser, same_person
from polyveil.detect.tokens import tokenise
from polyveil.records.finding import Kind, Mention


@cache
def recogniser() -> NameRecogniser:
    return NameRecogniser()


def surfaces(text: str, kind: Kind = Kind.NAME) -> list[str]:
    return [mention.surface for mention in recogniser().find(text) if mention.kind is kind]


NAMED = {
    "Dr. Eileen Collins met Grace Hopper in New York.": ["Eileen Collins", "Grace Hopper"],
    "photo of Maria and John at the beach": ["Maria", "John"],
    "Hi Sarah, how are you?": ["Sarah"],
    "hi sarah, how are you?": ["sarah"],
    "PATIENT: JOHN SMITH": ["JOHN SMITH"],
    "my brother michael is riding a horse": ["michael"],
    "Peter's dog jumps over Anna's fence": ["Peter", "Anna"],
    "Mr. Okonkwo was seen in clinic today.": ["Okonkwo"],
    "Best regards,\nPriya Raghunathan": ["Priya Raghunathan"],
    "Меня зовут Наталья": ["Наталья"],
    "Me llamo José García": ["José García"],
}


@pytest.mark.parametrize("text", NAMED)
def test_golden_sentences(text: str) -> None:
    assert surfaces(text) == NAMED[text]


@pytest.mark.parametrize(
    "text",
    [
        "A man in a red shirt rides a bicycle down the street.",
        "two dogs run through the snow",
        "A little girl in a pink dress going into a wooden cabin .",
        "the rose is red and the lily is white",
        "We may go there in May, mark my words.",
        "A group of people standing on a mountain.",
        "What is the limit of my card?",
    ],
)
def test_text_without_names_stays_clean(text: str) -> None:
    assert recogniser().find(text) == []


def test_places_and_organisations() -> None:
    text = "She moved from Berlin to Brazil and works for Siemens."
    assert surfaces(text, Kind.PLACE) == ["Berlin", "Brazil"]
    assert surfaces(text, Kind.ORGANISATION) == ["Siemens"]


def test_a_word_behind_a_title_is_a_name_whatever_it_is() -> None:
    (mention,) = [
        m for m in recogniser().find("Seen by Dr. Xqzelwyn today.") if m.kind is Kind.NAME
    ]
    assert mention.surface == "Xqzelwyn"
    assert mention.facets["title"] == "dr"


def test_facets_tell_sex_title_and_shape() -> None:
    (mention,) = recogniser().find("Thank you, Mrs. Mary Smith.")
    assert mention.facets == {"given": "1", "family": "1", "title": "mrs", "sex": "woman"}
    assert mention.canonical == "mary smith"


def test_a_name_found_once_is_found_everywhere_in_the_text() -> None:
    text = "Patient: Zoltan Kerekes. Later that day kerekes left."
    assert [surface.lower() for surface in surfaces(text)] == ["zoltan kerekes", "kerekes"]


@pytest.mark.parametrize("disguised", ["photo of J\u200bohn Sm\u200bith", "photo of Jоhn Smіth"])
def test_a_disguised_name_is_found_where_it_stands(disguised: str) -> None:
    (surface,) = surfaces(disguised)
    assert surface == disguised[len("photo of ") :]


def check(text: str, mentions: list[Mention]) -> None:
    last = 0
    for mention in mentions:
        assert last <= mention.start < mention.end <= len(text)
        assert text[mention.start : mention.end] == mention.surface
        assert 0.0 <= mention.score <= 1.0
        last = mention.end


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=80))
def test_offsets_are_exact_on_any_unicode(text: str) -> None:
    check(text, recogniser().find(text))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from([*NAMED, "", " ", "\ud800", "a", "...", "42"]), max_size=6))
def test_a_batch_gives_what_each_text_gives_alone(texts: list[str]) -> None:
    together = recogniser().find_batch(texts)
    alone = [recogniser().find(text) for text in texts]
    assert [[(m.start, m.end, m.kind) for m in one] for one in together] == [
        [(m.start, m.end, m.kind) for m in one] for one in alone
    ]
    assert together == recogniser().find_batch(texts)


def test_a_long_text_takes_linear_time_and_loses_nothing() -> None:
    sentence = "The weather was fine and Maria Gonzalez went to the market. "

    def seconds(times: int) -> float:
        start = time.process_time()
        found = recogniser().find(sentence * times)
        assert sum(m.surface == "Maria Gonzalez" for m in found) == times
        return time.process_time() - start

    seconds(10)
    short, long = seconds(400), seconds(1700)  # 24 kB, 102 kB
    assert long < 12 * short + 0.5


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Smith", "John Smith", True),
        ("john", "John Smith", True),
        ("Dr. Smith", "john smith", True),
        ("Smith, John", "John Smith", True),
        ("J. Smith", "John Smith", True),
        ("José García", "Jose Garcia", True),
        ("John A. Smith", "John Smith", True),
        ("John Smith", "Jane Smith", False),
        ("John", "Jane", False),
        ("", "Jane", False),
    ],
)
def test_same_person(one: str, other: str, same: bool) -> None:
    assert same_person(one, other) is same
    assert same_person(other, one) is same


@given(st.text(max_size=60))
def test_tokens_cover_everything_but_whitespace(text: str) -> None:
    spans = tokenise(text)
    assert all(a < b for a, b in spans)
    assert [c for a, b in spans for c in text[a:b]] == [c for c in text if not c.isspace()]


def test_the_lists_tell_sex_only_where_they_agree() -> None:
    assert wordlists.sex_of("Mary") == "woman"
    assert wordlists.sex_of("john") == "man"
    assert wordlists.sex_of("Kim") is None
    assert wordlists.sex_of("xqz") is None


def test_surfaces_are_not_printed() -> None:
    assert "Smith" not in repr(recogniser().find("Dear John Smith,"))
