# SPDX-License-Identifier: Apache-2.0
"""Everyone has one persona, nobody shares a name, and none is the name of a real person."""

from __future__ import annotations

import hashlib
import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polyveil.errors import UsageError
from polyveil.privacy.key import ProjectKey
from polyveil.replace.casting import Part, PersonaRegistry, cast, cast_all, name_words
from polyveil.replace.name_shape import Role, parse
from polyveil.replace.names import BANKS, bank, script_of
from polyveil.replace.persona import Persona
from polyveil.replace.spoken_name import spoken

KEY = ProjectKey(bytes(32))
FULL = ("John Smith",)
words = st.from_regex(r"[A-Z][a-z]{2,8}", fullmatch=True)


def person(name: str = "John Smith", **known: object) -> Persona:
    registry = PersonaRegistry()
    return cast(KEY, Part(f"name:{name}", names=(name,), **known), registry)  # type: ignore[arg-type]


def test_twenty_thousand_persons_have_as_many_names():
    registry = PersonaRegistry()
    cast_all(KEY, (Part(f"p{i}", names=("Zoë Quill",)) for i in range(20_000)), registry)
    assert len({p.full_name for p in registry.personas.values()}) == 20_000


def test_a_small_script_does_not_run_out_at_once():
    registry = PersonaRegistry()
    cast_all(KEY, (Part(f"p{i}", names=("김철수",)) for i in range(3000)), registry)
    assert len({p.full_name for p in registry.personas.values()}) == 3000


def test_the_order_of_asking_does_not_matter():
    parts = [Part(f"p{i}", names=(f"Name{i} Person{i}",)) for i in range(400)]
    one, other = PersonaRegistry(), PersonaRegistry()
    cast_all(KEY, parts, one)
    random.Random(3).shuffle(parts)
    cast_all(KEY, parts, other)
    assert one.personas == other.personas


def test_no_stand_in_bears_a_real_name():
    names = bank("latin")
    real = [f"{given} {family}" for given in names.men[:60] for family in names.family_men[:40]]
    registry = PersonaRegistry()
    registry.know(real)
    cast_all(KEY, (Part(f"p{i}", names=(name,)) for i, name in enumerate(real)), registry)
    taken = {" ".join(name_words(p.full_name)) for p in registry.personas.values()}
    assert len(taken) == len(real)
    assert taken.isdisjoint(" ".join(name_words(name)) for name in real)
    for i, name in enumerate(real):
        assert set(name_words(name)).isdisjoint(name_words(registry.personas[f"p{i}"].full_name))


def test_another_key_gives_other_personas():
    one = [cast(KEY, Part(f"p{i}"), PersonaRegistry()).full_name for i in range(50)]
    other = [
        cast(ProjectKey(bytes([1] * 32)), Part(f"p{i}"), PersonaRegistry()).full_name
        for i in range(50)
    ]
    assert sum(a == b for a, b in zip(one, other, strict=True)) <= 1


def test_a_dictionary_attack_without_the_key_finds_nothing():
    """Hashes of every name, by every usual unkeyed recipe: none is a token or seed."""
    names = [f"Person {i}" for i in range(300)]
    registry = PersonaRegistry()
    cast_all(KEY, (Part(name, names=(name,)) for name in names), registry)
    shown = json.dumps([p.to_json() for p in registry.personas.values()]).lower()
    for name in names:
        for spelling in (name, name.lower(), name.encode().hex()):
            for recipe in ("md5", "sha1", "sha256", "blake2b"):
                digest = hashlib.new(recipe, spelling.encode(), usedforsecurity=False).hexdigest()
                assert digest[:16] not in shown
                assert str(int(digest[:16], 16)) not in shown
        assert name.lower() not in shown


@given(st.sampled_from(["man", "woman", None]), st.sampled_from(["child", "senior", None]))
@settings(max_examples=20, deadline=None)
def test_sex_and_age_are_kept(sex: str | None, age: str | None):
    persona = person(sex=sex, age=age)
    assert (persona.sex, persona.age) == (sex, age)
    assert persona.given[0] in bank("latin").given(sex)
    assert 184 <= abs(persona.date_shift_days) <= 547


def test_an_unknown_age_is_refused_by_name():
    with pytest.raises(UsageError, match="expected age in"):
        person(age="ancient")


def test_a_registry_survives_json():
    registry = PersonaRegistry()
    cast_all(KEY, (Part(f"p{i}", names=(f"Ann Lee{i}",)) for i in range(30)), registry)
    copy = PersonaRegistry.from_json(json.loads(json.dumps(registry.to_json())))
    assert copy.personas == registry.personas
    assert copy.originals == registry.originals
    late = Part("late", names=("Late Comer",))
    assert cast(KEY, late, copy) == cast(KEY, late, registry)
    assert copy.is_stand_in(registry.personas["p3"].full_name)


def test_secrets_do_not_show_in_a_repr():
    registry = PersonaRegistry()
    part = Part("name:eileen", names=("Eileen Collins",))
    cast(KEY, part, registry)
    assert "Eileen" not in repr(part)
    assert "Eileen" not in repr(registry) and "eileen" not in repr(registry)


@pytest.mark.parametrize(
    ("surface", "shape"),
    [
        ("John Smith", "{G} {F}"),
        ("JOHN SMITH", "{GG} {FF}"),
        ("john smith", "{g} {f}"),
        ("J. Smith", "{i}. {F}"),
        ("J.S.", "{i}.{I}."),
        ("Smith, John", "{F}, {G}"),
        ("Smith, J.", "{F}, {i}."),
        ("Mr. Smith", "Mr. {F}"),
        ("Dr. John Smith Jr.", "Dr. {G} {F} Jr."),
        ("John", "{G}"),
        ("Smith", "{F}"),
        ("John's", "{G}'s"),
        ("Smith’s", "{F}’s"),
        ("the Smiths", "the {Fs}"),
        ("John van der Smith", "{G} van der {F}"),
        ("Señor Smith", "Señor {F}"),
    ],
)
def test_every_form_of_a_name_keeps_its_shape(surface: str, shape: str):
    persona = person(sex="man")
    given_, family = persona.given[0], persona.family[0]
    plural = family + ("es" if family.endswith(("s", "x", "z", "ch", "sh")) else "s")
    expected = shape.format(
        G=given_, F=family, GG=given_.upper(), FF=family.upper(), g=given_.lower(),
        f=family.lower(), i=given_[0], I=family[0], Fs=plural,
    )  # fmt: skip
    assert spoken(persona, surface, FULL) == expected


def test_titles_follow_the_persona():
    assert spoken(person(sex="woman"), "Mr. Smith", FULL).startswith("Ms. ")
    assert spoken(person(sex="man"), "Mrs. Smith", FULL).startswith("Mr. ")
    assert spoken(person(sex="woman"), "Dr. Smith", FULL).startswith("Dr. ")


@given(st.lists(words, min_size=1, max_size=4), st.sampled_from([" ", "-"]))
@settings(max_examples=80, deadline=None)
def test_as_many_words_and_the_same_marks(some: list[str], joint: str):
    surface = " ".join(some[:2]) + (joint + joint.join(some[2:]) if some[2:] else "")
    new = spoken(person(surface), surface)
    assert [c for c in new if not c.isalpha()] == [c for c in surface if not c.isalpha()]
    kept = {w.text.lower() for w in parse(surface).words if w.role not in (Role.GIVEN, Role.FAMILY)}
    assert set(name_words(surface)) - kept - set(name_words(new)) == set(name_words(surface)) - kept


@pytest.mark.parametrize(
    "name",
    ["Иван Петров", "Γιώργος Παπαδόπουλος", "王小明",
     "김철수", "たなか さくら", "محمد الأحمد", "דוד לוי",
     "राम शर्मा", "สมชาย ใจดี", "Արամ Պետրոսյան", "გიორგი ბერიძე"],
)  # fmt: skip
def test_a_native_script_is_kept(name: str):
    new = spoken(person(name), name)
    assert script_of(new) in {script_of(name), "han" if script_of(name) == "kana" else ""}
    assert new != name and len(new.split()) == len(name.split())


@pytest.mark.parametrize("script", BANKS)
def test_every_bank_has_names_for_both(script: str):
    names = bank(script)
    assert len(names.women) >= 15 and len(names.men) >= 15
    assert len(names.family_women) >= 5 and len(names.family_men) >= 5
