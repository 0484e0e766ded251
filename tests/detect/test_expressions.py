# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: E501 - golden phrases
"""Identity expressions and pronouns: golden phrases, facets, exact offsets."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polyveil.detect.expressions import ExpressionFinder, attribute_words
from polyveil.detect.pronouns import pronouns
from polyveil.records.facets import COLOURS, FACE_FACETS, POSITIONS
from polyveil.records.finding import Kind

FINDER = ExpressionFinder()

GOLDEN = {
    "A man lays on a bench while his dog sits by him .": ["A man"],
    "a man in red clothes is here": ["a man in red clothes"],
    "the goalkeeper on the left catches it": ["the goalkeeper on the left"],
    "I saw her brother yesterday": ["her brother"],
    "two women with long black hair walk": ["two women with long black hair"],
    "an elderly bearded man wearing glasses sits": ["an elderly bearded man wearing glasses"],
    "the boy in the blue shirt and the girl in white": ["the boy in the blue shirt", "the girl in white"],
    "the bride smiles": ["the bride"],
    "the president of the company said no": ["the president of the company"],
    "my 5-year-old daughter sleeps": ["my 5-year-old daughter"],
    "A black dog and a white dog with brown spots .": [],
    "a baby elephant behind a guard rail": [],
    "Man in blue shirt and black hat rides a bike": ["Man in blue shirt and black hat"],
    "a man in a boat in the park": ["a man"],
    "a dog watching people": ["people"],
    "a man who is wearing a green jacket jumps": ["a man who is wearing a green jacket"],
    "The man (left) waves": ["The man (left)"],
    "a group of people on a hill": ["a group of people"],
}  # fmt: skip


@pytest.mark.parametrize("text", GOLDEN)
def test_golden_phrases(text: str) -> None:
    assert [mention.surface for mention in FINDER.find(text)] == GOLDEN[text]


@pytest.mark.parametrize(
    ("text", "facets"),
    [
        ("a man in red clothes", {"sex": "man", "age": "adult", "clothes": "red", "count": "1"}),
        ("a black man", {"sex": "man", "age": "adult", "count": "1"}),
        ("two old women", {"sex": "woman", "age": "senior", "count": "2"}),
        ("a girl in a pink dress", {"sex": "woman", "age": "child", "clothes": "pink", "count": "1"}),
        ("the bald guy on the far right", {"sex": "man", "age": "adult", "hair": "bald", "position": "right", "count": "1"}),
        ("a smiling woman with short blond hair and sunglasses",
         {"sex": "woman", "age": "adult", "expression": "smiling", "hair": "blond", "hair_length": "short",
          "glasses": "sunglasses", "count": "1"}),
        ("a 70 year old man with a moustache", {"sex": "man", "age": "senior", "beard": "moustache", "count": "1"}),
        ("a kid in a red hat", {"age": "child", "hat": "hat", "count": "1"}),
    ],
)  # fmt: skip
def test_facets(text: str, facets: dict[str, str]) -> None:
    (mention,) = FINDER.find(text)
    assert dict(mention.facets) == facets
    assert mention.kind is Kind.EXPRESSION


def test_attribute_words_say_where() -> None:
    text = "an elderly bearded man in a red shirt"
    assert [(facet, value, text[a:b]) for facet, value, a, b in attribute_words(text)] == [
        ("age", "senior", "elderly"),
        ("beard", "beard", "bearded"),
        ("sex", "man", "man"),
        ("age", "adult", "man"),
        ("clothes", "red", "red"),
    ]


PIECES = st.sampled_from(
    ["a", "the", "two", "man", "woman", "boys", "in", "red", "shirt", "with", "long", "hair", "on", "left", ",", "and", "of", "group", "hat", "5-year-old", "old", "wearing", "who", "is", "\u200b", "é"]
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.text(max_size=60), st.lists(PIECES, max_size=14).map(" ".join)))
def test_any_text_gives_exact_offsets_and_known_facets(text: str) -> None:
    known = {**FACE_FACETS, "clothes": COLOURS, "position": POSITIONS}
    last = 0
    for mention in FINDER.find(text):
        assert last <= mention.start < mention.end <= len(text)
        assert text[mention.start : mention.end] == mention.surface
        for facet, value in mention.facets.items():
            assert facet == "count" or value in known[facet]
        last = mention.end
    assert FINDER.find(text) == FINDER.find(text)
    for facet, value, start, end in attribute_words(text):
        assert value in known[facet]
        assert 0 <= start < end <= len(text)


def test_a_long_text_is_read_in_one_go() -> None:
    assert len(FINDER.find("A man in a red shirt walks. " * 4000)) == 4000


def test_pronouns_and_their_case() -> None:
    text = "Her dog saw her. She gave him his book; it is hers, not his. They hurt themselves."
    assert [(text[a:b], lemma) for a, b, lemma in pronouns(text)] == [
        ("Her", "she.determiner"),
        ("her", "she.object"),
        ("She", "she.subject"),
        ("him", "he.object"),
        ("his", "he.determiner"),
        ("hers", "she.possessive"),
        ("his", "he.possessive"),
        ("They", "they.subject"),
        ("themselves", "they.reflexive"),
    ]


@given(st.text(max_size=60))
def test_pronouns_never_raise(text: str) -> None:
    assert all(text[a:b].strip() for a, b, _ in pronouns(text))
