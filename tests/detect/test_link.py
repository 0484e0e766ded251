# SPDX-License-Identifier: Apache-2.0
"""The identity graph of one record: complete, without overlap, cautious where the words are."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polyveil.detect.alignment import AlignmentModel
from polyveil.detect.link import link
from polyveil.detect.link_text import ANCHORS, DETAILS, age_band
from polyveil.records.finding import Box, Face, Findings, Kind, Mention
from polyveil.records.identity import LocalPerson, RecordIdentities
from polyveil.records.record import Record, TextPath

MODEL = AlignmentModel()
MAN, WOMAN = {"sex": {"man": 0.95, "woman": 0.05}}, {"sex": {"man": 0.05, "woman": 0.95}}


def face(x: float, **attributes: dict[str, float]) -> Face:
    grid = np.array([[15, 20], [35, 20], [25, 30], [17, 40], [33, 40]], np.float32)
    box = Box(x, 10, x + 50, 60)
    return Face(box, grid + np.array([x, 10], np.float32), 0.9, "test", attributes=attributes)


class Text:
    """Builds mentions by what they say and where they stand."""

    def __init__(self, **texts: str) -> None:
        self.row, self.mentions = texts, list[Mention]()

    def say(
        self, surface: str, kind: Kind, *, at: str = "text", nth: int = 0, **facets: str
    ) -> Text:
        start = -1
        for _ in range(nth + 1):
            start = self.row[at].index(surface, start + 1)
        path: TextPath = (at,)
        self.mentions.append(
            Mention(
                path,
                start,
                start + len(surface),
                kind,
                surface,
                surface.casefold(),
                0.9,
                "t",
                facets,
            )
        )
        return self

    def link(
        self, *faces: Face, alignment: AlignmentModel | None = MODEL, person: str | None = None
    ) -> RecordIdentities:
        record = Record("m:1", dict(self.row), person=person)
        findings = Findings("m:1", faces, tuple(self.mentions))
        return link(record, findings, alignment=alignment, picture_key="ab")


def of(found: RecordIdentities, mention: int) -> LocalPerson:
    return next(person for person in found.persons if mention in person.mentions)


def test_one_name_and_one_face_are_one_person() -> None:
    text = Text(text="Eileen Collins in orbit").say("Eileen Collins", Kind.NAME, sex="woman")
    (person,) = text.link(face(10, **WOMAN)).persons
    assert (person.faces, person.mentions) == ((0,), (0,))
    assert person.keys == ("name:eileen collins", "picture:ab:0")


def test_names_in_every_form_are_one_person() -> None:
    text = Text(text="Anna Schmidt called. Anna left. Mail: anna.schmidt@x.org, Schmidt.")
    text.say("Anna Schmidt", Kind.NAME).say("Anna", Kind.NAME, nth=1)
    text.say("anna.schmidt@x.org", Kind.EMAIL).say("Schmidt", Kind.NAME, nth=1)
    (person,) = text.link().persons
    assert set(person.keys) == {"name:anna schmidt", "email:anna.schmidt@x.org"}


def test_a_bare_name_that_fits_two_stays_apart() -> None:
    text = Text(text="Anna Schmidt met Anna Lee. Anna laughed.")
    text.say("Anna Schmidt", Kind.NAME).say("Anna Lee", Kind.NAME).say("Anna", Kind.NAME, nth=2)
    found = text.link()
    assert len(found.persons) == 3
    assert of(found, 2).keys == ("record:m:1:name:anna",)


def test_an_email_of_somebody_else_is_somebody_else() -> None:
    text = Text(text="Anna Schmidt, write to bob.jones@x.org")
    text.say("Anna Schmidt", Kind.NAME).say("bob.jones@x.org", Kind.EMAIL)
    assert len(text.link().persons) == 2


def test_a_phone_goes_to_the_only_name_of_its_sentence() -> None:
    text = Text(text="Tom Hill sang. Anna Lee: 0123. Call 999.")
    text.say("Tom Hill", Kind.NAME).say("Anna Lee", Kind.NAME)
    text.say("0123", Kind.PHONE).say("999", Kind.PHONE)
    found = text.link()
    assert of(found, 1) is of(found, 2)
    assert of(found, 3).keys == ("phone:999",)


def test_apposition_gives_a_name_its_looks_and_its_face() -> None:
    text = Text(text="Anna Lee, the woman in red, and Tom Hill")
    text.say("Anna Lee", Kind.NAME).say("Tom Hill", Kind.NAME)
    text.say("the woman in red", Kind.EXPRESSION, sex="woman", clothes="red")
    red, blue = {"red": 0.9, "blue": 0.02}, {"red": 0.02, "blue": 0.9}
    found = text.link(face(200, clothes=red, **WOMAN), face(10, clothes=blue, **MAN))
    anna = of(found, 0)
    assert anna.mentions == (0, 2)
    assert anna.faces == (0,)


def test_two_identical_faces_are_an_ambiguity() -> None:
    text = Text(text="the bearded man").say("the bearded man", Kind.EXPRESSION, sex="man")
    found = text.link(face(10, **MAN), face(200, **MAN))
    assert of(found, 0).faces == ()
    assert found.ambiguities[0].faces == (0, 1)
    assert found.ambiguities[0].reason == "a described person may be any of several faces"
    assert len(found.persons) == 3


def test_attributes_decide_between_faces_and_only_with_the_model() -> None:
    text = Text(text="the woman").say("the woman", Kind.EXPRESSION, sex="woman")
    faces = (face(10, **MAN), face(200, **WOMAN))
    assert of(text.link(*faces), 0).faces == (1,)
    assert of(text.link(*faces, alignment=None), 0).faces == ()


def test_places_decide_without_the_model() -> None:
    text = Text(text="the man on the left").say(
        "the man on the left", Kind.EXPRESSION, sex="man", position="left"
    )
    assert of(text.link(face(300), face(10), face(150), alignment=None), 0).faces == (1,)


def test_plurals_meet_as_many_faces_as_they_count() -> None:
    text = Text(text="two women and a man")
    text.say("two women", Kind.EXPRESSION, sex="woman", count="2")
    text.say("a man", Kind.EXPRESSION, sex="man", count="1")
    found = text.link(face(10, **WOMAN), face(100, **MAN), face(200, **WOMAN))
    assert of(found, 1).faces == (1,)
    assert of(found, 0).faces == (0,)
    assert [person.faces for person in found.persons] == [(0,), (2,), (1,)]
    assert not found.ambiguities


def test_captions_of_one_picture_speak_of_the_same_people() -> None:
    text = Text(first="A man and a girl", second="The guy holds a child", third="a woman runs")
    text.say("A man", Kind.EXPRESSION, at="first", sex="man", age="adult")
    text.say("a girl", Kind.EXPRESSION, at="first", sex="woman", age="child")
    text.say("The guy", Kind.EXPRESSION, at="second", sex="man", age="adult")
    text.say("a child", Kind.EXPRESSION, at="second", age="child")
    found = text.link()
    assert of(found, 0) is of(found, 2)
    assert of(found, 1) is of(found, 3)


def test_a_plural_of_another_caption_does_not_take_their_faces() -> None:
    text = Text(first="a man and a woman", second="two people")
    text.say("a man", Kind.EXPRESSION, at="first", sex="man")
    text.say("a woman", Kind.EXPRESSION, at="first", sex="woman")
    text.say("two people", Kind.EXPRESSION, at="second", count="2")
    found = text.link(face(10, **WOMAN), face(200, **MAN))
    assert (of(found, 0).faces, of(found, 1).faces, of(found, 2).faces) == ((1,), (0,), ())


def test_different_people_of_one_caption_stay_apart() -> None:
    text = Text(text="A man and another man")
    text.say("A man", Kind.EXPRESSION, sex="man").say("another man", Kind.EXPRESSION, sex="man")
    assert len(text.link().persons) == 2


def test_pronouns_tell_the_sex() -> None:
    text = Text(text="Kim Lee sold her car.").say("Kim Lee", Kind.NAME)
    assert text.link().persons[0].facets["sex"] == "woman"


def test_details_belong_to_someone() -> None:
    text = Text(text="Tom Hill, 34, born 1990-01-01. Paris.")
    text.say("Tom Hill", Kind.NAME).say("34", Kind.AGE).say("1990-01-01", Kind.DATE)
    text.say("Paris", Kind.PLACE)
    (person,) = text.link().persons
    assert person.mentions == (0, 1, 2)
    assert person.facets["age"] == "adult"
    (alone,) = Text(text="on 1990-01-01").say("1990-01-01", Kind.DATE).link().persons
    assert alone.keys == ("record:m:1:0",)


@pytest.mark.parametrize(
    ("years", "band"),
    [(0, "baby"), (2, "child"), (13, "teenager"), (20, "adult"), (65, "senior"), (120, "senior")],
)
def test_age_bands(years: int, band: str) -> None:
    assert age_band(years) == band


def test_the_users_label_names_the_only_person_or_the_one_it_spells() -> None:
    alone = Text(text="a man").say("a man", Kind.EXPRESSION, sex="man")
    assert alone.link(face(10, **MAN), person="17").persons[0].keys[0] == "person:17"
    two = Text(text="Anna Lee and Tom Hill").say("Anna Lee", Kind.NAME).say("Tom Hill", Kind.NAME)
    found = two.link(person="Tom Hill")
    assert found.persons[0].keys == ("name:anna lee",)
    assert found.persons[1].keys == ("person:Tom Hill", "name:tom hill")


def test_a_contradiction_is_not_linked() -> None:
    bearded = {"none": 0.01, "stubble": 0.0, "moustache": 0.0, "goatee": 0.0, "beard": 0.99}
    baby = {"baby": 0.0, "child": 0.0, "teenager": 0.0, "adult": 0.05, "senior": 0.95}
    sure = {"sex": {"man": 1.0, "woman": 0.0}}
    text = Text(text="the baby girl").say("the baby girl", Kind.EXPRESSION, sex="woman", age="baby")
    found = text.link(face(10, beard=bearded, age=baby, **sure))
    assert of(found, 0).faces == ()
    assert found.ambiguities


kinds = st.sampled_from(sorted(Kind))
facets = st.fixed_dictionaries(
    {},
    optional={
        "sex": st.sampled_from(["man", "woman"]),
        "age": st.sampled_from(["child", "adult"]),
        "clothes": st.sampled_from(["red", "blue"]),
        "position": st.sampled_from(["left", "right"]),
        "count": st.sampled_from(["1", "2", "many"]),
    },
)
mentions = st.lists(
    st.tuples(kinds, st.sampled_from(["anna lee", "tom hill", "anna", "a1", "x@y.z"]), facets),
    max_size=7,
)
chances = st.floats(0, 1)
faces = st.lists(
    st.tuples(st.integers(0, 900), chances, chances), max_size=5, unique_by=lambda f: f[0]
)


def built(
    said: list[tuple[Kind, str, dict[str, str]]], seen: list[tuple[int, float, float]]
) -> tuple[Record, Findings]:
    found, at, words = [], 0, ""
    for kind, canonical, told in said:
        found.append(
            Mention(("text",), at, at + len(canonical), kind, canonical, canonical, 0.9, "t", told)
        )
        words += canonical + (". " if len(words) % 3 else ", ")
        at = len(words)
    look = tuple(
        face(x, sex={"man": p, "woman": 1 - p}, clothes={"red": q, "blue": 1 - q})
        for x, p, q in seen
    )
    return Record("r", {"text": words}), Findings("r", look, tuple(found))


@settings(max_examples=150, deadline=None)
@given(mentions, faces)
def test_everyone_is_in_exactly_one_person(
    said: list[tuple[Kind, str, dict[str, str]]], seen: list[tuple[int, float, float]]
) -> None:
    record, findings = built(said, seen)
    found = link(record, findings, alignment=MODEL, picture_key=None)
    linked = sorted(i for person in found.persons for i in person.faces)
    spoken = sorted(i for person in found.persons for i in person.mentions)
    assert linked == list(range(len(seen)))
    personal = {Kind.NAME, Kind.EXPRESSION, *ANCHORS, *DETAILS}
    assert spoken == [i for i, m in enumerate(findings.mentions) if m.kind in personal]
    assert all(person.keys for person in found.persons)
    assert len({key for p in found.persons for key in p.keys if key.startswith("record:")}) == sum(
        any(key.startswith("record:") for key in person.keys) for person in found.persons
    )


@settings(max_examples=100, deadline=None)
@given(mentions, faces, st.integers(0, 1000))
def test_the_order_of_faces_does_not_matter(
    said: list[tuple[Kind, str, dict[str, str]]], seen: list[tuple[int, float, float]], seed: int
) -> None:
    record, findings = built(said, seen)
    order = list(range(len(seen)))
    random.Random(seed).shuffle(order)
    shuffled = Findings("r", tuple(findings.faces[i] for i in order), findings.mentions)
    one = link(record, findings, alignment=MODEL, picture_key="k")
    other = link(record, shuffled, alignment=MODEL, picture_key="k")
    plain = {(p.faces, p.mentions, p.keys) for p in one.persons}
    back = {(tuple(order[i] for i in p.faces), p.mentions, p.keys) for p in other.persons}
    assert plain == back
