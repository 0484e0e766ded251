# SPDX-License-Identifier: Apache-2.0
"""Everyday words are no names; names that are everyday words stay names where something says so."""

from __future__ import annotations

from functools import cache

import pytest

from polyveil.detect import wordlists
from polyveil.detect.everyday import is_everyday, kept
from polyveil.detect.names import NameRecogniser
from polyveil.records.finding import Kind


@cache
def recogniser() -> NameRecogniser:
    return NameRecogniser()


def parts(
    text: str, first: int, last: int, kind: Kind = Kind.NAME, score: float = 0.7
) -> list[str]:
    words = text.split()
    return [" ".join(words[a:b]) for a, b in kept(words, first, last, kind, score)]


@pytest.mark.parametrize("word", ["skis", "courtyard", "rural", "Skiers", "wakeboarder", "sandy"])
def test_the_dictionary_its_inflections_and_compounds(word: str) -> None:
    assert is_everyday(word)


@pytest.mark.parametrize("word", ["schmidt", "kerekes", "Okonkwo", "xqz", "", "Наталья"])
def test_names_and_nonsense_are_not_everyday(word: str) -> None:
    assert not is_everyday(word)


@pytest.mark.parametrize(
    "caption",
    [
        "A man wearing skis stands on the rocks .",
        "Rock climbing in a rural area",
        "A girl with blonde hair on a sandy beach",
        "Rider jumps over tall pine trees",
        "Skiers in a courtyard with a toy gun",
        "A snowboarder in a blue tube by the fishing hut",
    ],
)
def test_captions_stay_clean(caption: str) -> None:
    assert recogniser().find(caption) == []


def test_small_everyday_words_go_and_capitals_inside_a_sentence_stay() -> None:
    assert parts("on the tall pine", 2, 4) == []
    assert parts("and Rider went", 1, 2) == ["Rider"]
    assert parts("Rider went", 0, 1) == []


def test_everyday_words_at_the_ends_of_a_name_are_cut() -> None:
    assert parts("our friend Zoltan", 1, 3) == ["Zoltan"]
    assert parts("contact anna schmidt at", 1, 3) == ["anna schmidt"]


@pytest.mark.parametrize("text", ["dear rose", "name is stone", "name : stone", "patient frank"])
def test_what_stands_before_makes_a_name_of_an_everyday_word(text: str) -> None:
    size = len(text.split())
    assert parts(text, size - 1, size) == [text.split()[-1]]


def test_a_full_name_of_everyday_words_needs_a_sure_network() -> None:
    assert parts("saw mark rose there", 1, 3, score=0.95) == ["mark rose"]
    assert parts("saw mark rose there", 1, 3, score=0.3) == []


def test_lower_case_people_stay_found() -> None:
    found = recogniser().find("please contact anna schmidt at the office")
    assert [m.surface for m in found if m.kind is Kind.NAME] == ["anna schmidt"]


@pytest.mark.parametrize(
    "title", ["Commander", "Astronaut", "Senator", "Coach", "Detective", "Lieutenant", "Queen"]
)
def test_a_title_is_no_part_of_the_name(title: str) -> None:
    (found,) = recogniser().find(f"Yesterday {title} Eileen Collins spoke.")
    assert found.surface == "Eileen Collins"
    assert found.canonical == "eileen collins"
    assert found.facets["title"] == title.lower()


def test_the_licence_travels_with_the_dictionary() -> None:
    notice = wordlists.files("polyveil.detect.wordlists") / "english.LICENSE"
    assert "Kevin Atkinson" in notice.read_text("utf-8")
