# SPDX-License-Identifier: Apache-2.0
"""Persons that share a key are one person, whatever the order of the records."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from polyveil.records.finding import Findings, Kind, Mention
from polyveil.records.graph import IdentityGraph, picture_key
from polyveil.records.identity import LocalPerson, RecordIdentities
from polyveil.records.perceptual_hash import NEAR

keys = st.lists(st.integers(0, 12).map("name:n{}".format), min_size=1, max_size=3)


def graph_of(records: list[list[list[str]]]) -> IdentityGraph:
    graph = IdentityGraph()
    for number, people in enumerate(records):
        locals_ = tuple(LocalPerson((), (), tuple(person)) for person in people)
        graph.add(Findings(str(number)), RecordIdentities(str(number), locals_))
    return graph


@given(st.lists(st.lists(keys, max_size=3), max_size=6), st.randoms())
def test_agrees_with_a_naive_closure_in_any_order(records, random) -> None:  # type: ignore[no-untyped-def]
    groups: list[set[str]] = []
    for person in (person for people in records for person in people):
        touching = [group for group in groups if group & set(person)]
        groups = [group for group in groups if group not in touching]
        groups.append(set(person).union(*touching))
    shuffled = random.sample(records, len(records))
    for order in (records, shuffled):
        found = [person.keys for _, person in graph_of(order).persons()]
        assert sorted(map(sorted, found)) == sorted(map(sorted, groups))
    assert [p.id for _, p in graph_of(records).persons()] == [
        p.id for _, p in graph_of(shuffled).persons()
    ]


def test_the_users_own_label_is_the_strongest_key() -> None:
    graph = graph_of([[["name:ann lee", "person:17"]], [["name:ann lee"]]])
    ((_, person),) = graph.persons()
    assert person.id == "person:17" and person.records == 2


@given(st.integers(2**16, 2**64 - 1), st.sets(st.integers(0, 63), max_size=8))
def test_near_duplicate_pictures_share_their_faces(picture: int, flips: set[int]) -> None:
    other = picture
    for bit in flips:
        other ^= 1 << bit
    graph = IdentityGraph()
    for name, value in (("a", picture), ("b", other)):
        person = LocalPerson((0,), (), (picture_key(value, 0),))
        findings = Findings(name, (None,), (), value)  # type: ignore[arg-type]
        graph.add(findings, RecordIdentities(name, (person,)))
    assert len(list(graph.persons())) == (1 if len(flips) <= NEAR else 2)


def named(number: int, name: str, sex: str, key: str) -> tuple[Findings, RecordIdentities]:
    told = {"sex": sex} if sex else {}
    mention = Mention(("text",), 0, len(name), Kind.NAME, name, name.casefold(), 1.0, "n", told)
    person = LocalPerson((), (0,), (key,))
    return Findings(str(number), (), (mention,)), RecordIdentities(str(number), (person,))


def people(*records: tuple[str, str]) -> list[set[str]]:
    graph = IdentityGraph()
    for number, (name, sex) in enumerate(records):
        whole = " " in name
        key = f"name:{name.casefold()}" if whole else f"record:{number}:0"
        graph.add(*named(number, name, sex, key))
    return [set(person.surfaces) for _, person in graph.persons()]


def test_a_bare_name_is_the_only_person_called_so() -> None:
    assert people(("Eileen Collins", "woman"), ("Collins", "")) == [{"eileen collins", "collins"}]
    assert len(people(("Eileen Collins", ""), ("Phil Collins", ""), ("Collins", ""))) == 3
    assert len(people(("Eileen Collins", "woman"), ("Collins", "man"))) == 2
    assert len(people(("Collins", ""), ("Eileen", ""))) == 2
