# SPDX-License-Identifier: Apache-2.0
"""Sentiment: words that people rated, cues of writing, names and links left out."""

from __future__ import annotations

import sys
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polyveil.errors import MissingExtra, UnreadableRecord, UsageError
from polyveil.inputs import front_end
from polyveil.inputs import sentiment as module
from polyveil.inputs.sentiment import FIGURES, MOST, sentiment
from polyveil.records.record import Record

pytest.importorskip("vaderSentiment")


NAMES = [name for name, _ in FIGURES]


def figure(text: str, name: str) -> float:
    """One figure in its own unit."""
    at = NAMES.index(name)
    return float(sentiment(text)[at]) * FIGURES[at][1]


def test_glad_and_sad_words_negation_and_boosters() -> None:
    compound = {
        text: figure(text, "compound")
        for text in ("not good", "good", "very good", "bad", "a table", "#good", "😀")
    }
    assert compound["bad"] < 0 < compound["good"] < compound["very good"]
    assert compound["not good"] < 0 == compound["a table"]
    assert compound["#good"] == compound["good"] and compound["😀"] > 0
    assert figure("good", "positive share") == 1 and figure("bad", "negative share") == 1


def test_agrees_with_the_published_example() -> None:
    """From the package's own page: compound 0.8316 and shares 0.0, 0.746 (three digits)."""
    text = "VADER is smart, handsome, and funny."
    assert figure(text, "compound") == pytest.approx(0.8316, abs=1e-4)
    assert figure(text, "positive share") == pytest.approx(0.746, abs=1e-3)


def test_who_is_named_and_what_is_linked_feels_nothing() -> None:
    bare = figure("a table", "compound")
    assert figure("a table @happyjoe https://love.example/great", "compound") == bare
    changed = sentiment("a table @happyjoe") - sentiment("a table @sadjoe99")
    assert not np.delete(changed, NAMES.index("digits")).any()


def test_cues_of_writing() -> None:
    text = 'RT @a: WOW!! Is "it" 42? #one #two https://x.co ☀☀ …'
    expected = {
        "exclamation marks": 2,
        "question marks": 1,
        "hashtags": 2,
        "is passed on (RT)": 1,
        "has an address": 1,
        "handles": 1,
        "words, beyond fifteen": -4,
        "capitals among letters": 6 / 24,
        "breaks off": 1,
        "emoji": 2,
        "digits": 2,
        "quotes": 1,
    }
    assert {name: pytest.approx(figure(text, name)) for name in expected} == expected


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=200))
def test_any_text_gives_bounded_figures(text: str) -> None:
    found = sentiment(text)
    assert found.shape == (len(FIGURES),) and found.dtype == np.float32
    assert np.isfinite(found).all() and np.abs(found).max() <= MOST
    np.testing.assert_array_equal(found, sentiment(text))


@pytest.mark.parametrize("piece", ["!", "😀", "not very good but bad! ", "☹ "])
def test_a_text_that_means_to_cost_costs_little(piece: str) -> None:
    started = time.process_time()
    found = sentiment(piece * 100_000)
    assert np.isfinite(found).all() and time.process_time() - started < 1
    if piece == "!":
        assert figure(piece * 100_000, "exclamation marks") == 4 * MOST


def test_reading_records() -> None:
    end = front_end("sentiment", column="said")
    assert end.shape == (len(FIGURES),) == (15,)
    found = end.read(Record("1", {"said": ["good", "great"]}))
    assert found is not None and found[NAMES.index("compound")] > 0
    for row in ({}, {"said": None}, {"said": "  "}, {"text": "good"}):
        assert end.read(Record("2", row)) is None
    with pytest.raises(UnreadableRecord):
        end.read(Record("3", {"said": 5}))
    with pytest.raises(UsageError, match="column"):
        front_end("sentiment", column="")


def test_without_the_lexicon_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    module._scorer.cache_clear()
    monkeypatch.setitem(sys.modules, "vaderSentiment.vaderSentiment", None)
    try:
        with pytest.raises(MissingExtra, match=r"polyveil\[sentiment\]"):
            sentiment("good")
    finally:
        module._scorer.cache_clear()
