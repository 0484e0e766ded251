# SPDX-License-Identifier: Apache-2.0
"""A persona keeps sex and age band, or says nothing about them."""

from __future__ import annotations

from collections import Counter

from polyveil.privacy.key import ProjectKey
from polyveil.records.graph import Person
from polyveil.tasks.personas import DRAWN_AGES, part_of
from polyveil.tasks.settings import Settings

KEY = ProjectKey(bytes(range(32)))


def women(count: int) -> list[Person]:
    votes = {"sex": Counter({"woman": 3, "man": 1}), "age": Counter({"child": 2})}
    return [Person(f"name:n{at}", votes=votes) for at in range(count)]


def test_kept_by_default_and_the_same_every_time() -> None:
    parts = [part_of(person, Settings(), KEY) for person in women(3)]
    assert {(part.sex, part.age) for part in parts} == {("woman", "child")}


def test_drawn_from_the_key_where_the_user_says_so() -> None:
    free = Settings(keep_sex=False, keep_age=False)
    parts = [part_of(person, free, KEY) for person in women(200)]
    assert parts == [part_of(person, free, KEY) for person in women(200)]
    sexes = Counter(part.sex for part in parts)
    assert 70 < sexes["man"] < 130 and {part.age for part in parts} == set(DRAWN_AGES)


def test_glasses_and_beard_are_always_settled() -> None:
    part = part_of(women(1)[0], Settings(), KEY)
    assert set(part.facets) == {"glasses", "beard"}
