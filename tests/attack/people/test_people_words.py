# SPDX-License-Identifier: Apache-2.0
"""Attacks through words: names, captions to faces, stand-ins' names."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from made_people import FAMILY, GIVEN, face

from polyveil.attack.people.album import spoken_looks
from polyveil.attack.people.names import NameGuessing
from polyveil.attack.people.observation import Observations, Words
from polyveil.attack.people.stand_in_names import StandInGuessing
from polyveil.attack.people.text_to_face import TextToFace
from polyveil.attack.protocol import carry_out
from polyveil.errors import UsageError

Make = Callable[..., Observations]


def kept(person: int, name: str) -> tuple[str, str]:
    return f"{name} waves.", f"{name} waves."


def blank(person: int, name: str) -> tuple[str, str]:
    return f"{name} waves.", "Somebody waves."


def some_kept(person: int, name: str) -> tuple[str, str]:
    return f"{name} waves.", f"{name if person % 5 == 0 else 'Somebody'} waves."


def failed(result: Any) -> set[str]:
    return {one.name for one in result.guards if not one.passed}


def test_names_that_are_left_are_found(observed: Make) -> None:
    result = carry_out(NameGuessing(), observed(people=50, texts=some_kept))
    assert result.verdict == "leak demonstrated" and result.headline.estimate == 0.2
    assert result.array("hits").sum() == 10 and result.headline.baseline["original"] == 1.0
    everybody = carry_out(NameGuessing(), observed(people=50, texts=kept))
    assert everybody.headline.estimate == 1.0
    assert all(name not in repr(everybody) for name in GIVEN + FAMILY)


def test_names_that_are_gone_are_not(observed: Make) -> None:
    result = carry_out(NameGuessing(), observed(people=150, each=1, texts=blank))
    assert result.verdict == "none detected" and not failed(result)


def test_a_single_name_that_is_left_is_a_leak(observed: Make) -> None:
    def one_kept(person: int, name: str) -> tuple[str, str]:
        return f"{name} waves.", f"{name if person == 7 else 'Somebody'} waves."

    result = carry_out(NameGuessing(), observed(people=100, each=1, texts=one_kept))
    assert result.at_level(0.005).verdict == "leak demonstrated"
    assert result.headline.value.method.startswith("exact")  # type: ignore[union-attr]
    seen = observed(people=100, each=1, texts=blank)
    cut = carry_out(NameGuessing(), replace(seen, paired=5000))
    assert cut.verdict == "inconclusive" and cut.headline.value.high > 0.03  # type: ignore[union-attr]


def test_stand_ins_called_like_others_are_chance(observed: Make) -> None:
    """Every stand-in's name is a real one of the list, by lot: that tells nothing."""
    draw = np.random.default_rng(5)

    def mixed(person: int, name: str) -> tuple[str, str]:
        return f"{name} waves.", f"{draw.choice(GIVEN)} {draw.choice(FAMILY)} waves."

    result = carry_out(NameGuessing(), observed(people=150, each=1, texts=mixed))
    assert result.headline.baseline["chance"] > 0 and not result.shown


def test_tokens_that_are_unkeyed_hashes_are_guessed(observed: Make) -> None:
    def hashed(person: int, name: str) -> tuple[str, str]:
        return f"{name} waves.", f"{hashlib.sha256(name.encode()).hexdigest()[:10]} waves."

    result = carry_out(NameGuessing(), observed(people=40, texts=hashed))
    assert result.verdict == "leak demonstrated" and result.array("hashed").diagonal().all()


def test_the_label_alone_is_guessed_in_a_file_name(observed: Make) -> None:
    seen = observed(people=40, texts=blank)
    records = tuple(
        replace(one, alias=hashlib.blake2s(str(one.label).encode()).hexdigest())
        for one in seen.records
    )
    result = carry_out(NameGuessing(), replace(seen, records=records))
    assert result.headline.estimate == 1.0


def test_nobody_named_cannot_be_attacked(observed: Make) -> None:
    with pytest.raises(UsageError, match="name nobody"):
        NameGuessing().attempt(observed(people=30, labelled=False))


def test_a_caption_that_names_leads_to_the_face_and_a_stand_in_does_not(observed: Make) -> None:
    leak = carry_out(TextToFace(), observed(people=40, texts=kept))
    assert leak.verdict == "leak demonstrated" and leak.headline.estimate == 1.0
    gone = carry_out(TextToFace(), observed(people=160, each=2, texts=blank))
    assert gone.verdict == "none detected" and gone.headline.baseline["original"] == 1.0
    assert gone.headline.estimate == pytest.approx(1 / 160)


def test_looks_alone_lead_to_a_face_where_they_are_told(observed: Make) -> None:
    """Everybody looks different, and the released text says how."""
    kinds = [(sex, age, hair, glasses) for sex in ("man", "woman")
             for age in ("child", "teenager", "adult", "senior")
             for hair in ("black", "blond", "red", "grey")
             for glasses in ("none", "glasses")]  # fmt: skip
    seen = observed(people=len(kinds), texts=blank)

    def told(at: int) -> dict[str, str]:
        return dict(zip(("sex", "age", "hair", "glasses"), kinds[at], strict=True))

    records = tuple(
        replace(
            one,
            sights=(replace(one.sights[0], face=face(**told(at // 3))),),
            after=Words("They wave.", (), (told(at // 3),)),
        )
        for at, one in enumerate(seen.records)
    )
    result = carry_out(TextToFace(), replace(seen, records=records))
    assert result.verdict == "leak demonstrated" and result.headline.estimate > 0.8


def test_spoken_looks_gathers_what_does_not_contradict() -> None:
    said = Words(
        "She smiles.", (), ({"sex": "woman", "count": "1"}, {"hair": "red"}, {"sex": "man"})
    )
    assert spoken_looks(said) == [
        {"sex": "woman", "hair": "red", "expression": "smiling"}, {"sex": "man"}
    ]  # fmt: skip


def stand_ins(rename: Callable[[str, np.random.Generator], str]) -> Callable[[int, str], Any]:
    def texts(person: int, name: str) -> tuple[str, str]:
        draw = np.random.default_rng(person)
        return f"{name} waves.", f"{rename(name, draw)} waves."

    return texts


def named(seen: Observations) -> Observations:
    """With the names in the released texts read, as a name finder would."""
    return replace(seen, records=tuple(
        replace(one, after=Words(one.after.text, (one.after.text.removesuffix(" waves."),)))
        for one in seen.records
    ))  # fmt: skip


def test_shifted_names_are_guessed_and_drawn_ones_are_not(observed: Make) -> None:
    def initials_kept(name: str, draw: np.random.Generator) -> str:
        return " ".join(word[0] + word[:0:-1] for word in name.split())

    def by_lot(name: str, draw: np.random.Generator) -> str:
        return f"{draw.choice(FAMILY)}a {draw.choice(GIVEN)}o"

    careless = named(observed(people=80, texts=stand_ins(initials_kept)))
    found = carry_out(StandInGuessing(), careless)
    assert found.verdict == "leak demonstrated", (found.sentence, found.guards, found.p_value)
    drawn = named(observed(people=80, texts=stand_ins(by_lot)))
    assert not carry_out(StandInGuessing(), drawn).shown
    with pytest.raises(UsageError, match="expected 8"):
        StandInGuessing().attempt(observed(people=80, texts=blank))
