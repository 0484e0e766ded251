# SPDX-License-Identifier: Apache-2.0
"""Who sets thresholds, who judges them, and which records enrol."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from polyveil.privacy.key import ProjectKey
from polyveil.tasks.person_token import person_token
from polyveil.tasks.recognising.parts import MOST_PEOPLE, MOST_PROBES, divide
from polyveil.tasks.recognising.people import Line, roles

KEY = ProjectKey(b"a test key that has 32 bytes ...")
FACE, VOICE = frozenset({"face"}), frozenset({"voice"})


def lines(people: int, *, each: int = 3) -> dict[int, Line]:
    return {
        person * each + at: Line(f"Ann {person}", None, FACE)
        for person in range(people)
        for at in range(each)
    }


def test_the_first_session_enrols_else_the_earlier_half() -> None:
    assert roles(["b", "b", "a", "b"], [FACE] * 4) == [True, True, False, True]
    assert roles([None] * 5, [FACE] * 5) == [True, True, False, False, False]
    assert roles(["a", "a"], [FACE] * 2) == [True, False]
    assert roles([None], [FACE]) == [True]
    # Where records hold one modality each, each modality is halved.
    assert roles([None] * 4, [FACE, FACE, VOICE, VOICE]) == [True, False, True, False]


@given(st.lists(st.sampled_from([FACE, VOICE, FACE | VOICE]), min_size=1, max_size=12))
def test_every_modality_of_a_person_is_enrolled(held: list[frozenset[str]]) -> None:
    enrols = roles([None] * len(held), held)
    chosen = frozenset().union(*(one for one, yes in zip(held, enrols, strict=True) if yes))
    assert chosen == frozenset().union(*held)


@given(st.integers(30, 60), st.integers(0, 5))
def test_sides_are_disjoint_and_stay_when_people_join(people: int, seed: int) -> None:
    trained = frozenset(person_token(KEY, f"Ann {person}") for person in range(5))
    few = divide(lines(people), key=KEY, seed=seed, trained_on=trained).split
    more = divide(lines(people + 20), key=KEY, seed=seed, trained_on=trained).split
    assert few.background == more.background == trained
    assert few.development <= more.development and few.evaluation <= more.evaluation
    assert len(few.background | few.development | few.evaluation) == people
    assert not any("Ann" in one for one in few.development | few.evaluation)


def test_large_sets_are_bounded_and_told() -> None:
    parts = divide(lines(3 * MOST_PEOPLE, each=30), key=KEY, seed=0, trained_on=frozenset())
    assert len(parts.split.development) <= MOST_PEOPLE and parts.left_out > 0
    one = next(iter(parts.split.evaluation))
    own = [index for index, person in parts.person.items() if person == one]
    probes = [index for index in own if index in parts.draws and index not in parts.enrols]
    assert len(probes) == MOST_PROBES


def test_people_of_one_record_are_strangers_on_the_development_side() -> None:
    parts = divide(lines(40, each=1), key=KEY, seed=0, trained_on=frozenset())
    assert {parts.person[index] for index in parts.alone} == parts.split.development
