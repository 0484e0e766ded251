# SPDX-License-Identifier: Apache-2.0
"""Attacks on records: matched to their source, joined with each other, borrowed faces."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from made_people import face, look

from polyveil.attack.people.battery import attacks
from polyveil.attack.people.consistency import RecordLinkage
from polyveil.attack.people.context import SourceMatch
from polyveil.attack.people.observation import Observations, Words
from polyveil.attack.people.real_faces import RealFaces
from polyveil.attack.people.same_picture import Look
from polyveil.attack.people.singling_out import SinglingOut
from polyveil.attack.people.threats import DISCLOSED, UNTRIED
from polyveil.attack.protocol import carry_out
from polyveil.errors import UsageError
from polyveil.report.threats import DESENSITIZE_THREATS

Make = Callable[..., Observations]


def failed(result: Any) -> set[str]:
    return {one.name for one in result.guards if not one.passed}


def test_kept_backgrounds_lead_to_the_source(observed: Make) -> None:
    seen = observed(people=30, each=2)
    result = carry_out(SourceMatch(), seen)
    assert result.verdict == "leak demonstrated" and result.headline.estimate == 1.0
    assert result.threat.id in DISCLOSED and "recognises a person" in result.sentence
    circular = carry_out(SourceMatch(), replace(seen, how={"picture": 60}))
    assert circular.verdict == "inconclusive" and failed(circular) == {"truth of its own"}


def test_new_backgrounds_do_not(observed: Make) -> None:
    draw = np.random.default_rng(0)
    seen = observed(people=110, each=2)
    moved = tuple(replace(one, looks=(one.looks[0], look(draw))) for one in seen.records)  # type: ignore[index]
    assert carry_out(SourceMatch(), replace(seen, records=moved)).verdict == "none detected"


def test_texts_alone_lead_to_the_source(observed: Make) -> None:
    words = tuple(f"w{letter}rd" * 2 for letter in "aeioubcdfg")

    def shaped(person: int, name: str) -> tuple[str, str]:
        kept = " ".join(words[person // 10**k % 10] for k in range(3))
        return f"{name} saw {kept}", f"Somebody saw {kept}"

    seen = observed(people=60, each=1, texts=shaped)
    bare = tuple(replace(one, looks=None, sights=()) for one in seen.records)
    result = carry_out(SourceMatch(), replace(seen, records=bare))
    assert result.verdict == "leak demonstrated" and len(result.measures) == 3


def test_a_look_ignores_hidden_faces_and_brightness() -> None:
    draw = np.random.default_rng(2)
    pixels = draw.integers(0, 200, (120, 100, 3)).astype(np.uint8)
    other = pixels.copy()
    other[20:100, 20:80] = draw.integers(0, 256, (80, 60, 3))
    hidden = [Look.of(one, [face()]).grey for one in (pixels, other)]
    assert hidden[0] @ hidden[1] == pytest.approx(1.0, abs=1e-3)
    assert Look.of(pixels).grey @ Look.of((pixels + 40).astype(np.uint8)).grey > 0.99
    assert not Look.of(np.full((50, 50), 7, np.uint8)).grey.any()


def test_real_faces_under_wrong_names_are_found(observed: Make, releases: dict[str, Any]) -> None:
    swapped = carry_out(RealFaces(), observed(releases["dealt"], people=60))
    assert swapped.verdict == "leak demonstrated" and swapped.headline.estimate > 0.9
    drawn = carry_out(RealFaces(), observed(releases["drawn"], people=200, each=2))
    assert not drawn.shown and drawn.headline.estimate < 0.1
    # Everybody's own face is another attacker's business.
    copied = carry_out(RealFaces(), observed(releases["copied"], people=60))
    assert copied.headline.estimate < 0.2


def test_one_stand_in_a_person_joins_his_records(observed: Make, releases: dict[str, Any]) -> None:
    one = carry_out(RecordLinkage(), observed(releases["drawn"], people=40))
    assert one.verdict == "leak demonstrated" and one.headline.estimate > 0.9
    assert one.threat.id in DISCLOSED and "wanted" in one.sentence

    def fresh(rows: np.ndarray, who: np.ndarray, draw: np.random.Generator) -> np.ndarray:
        return draw.normal(size=rows.shape).astype(np.float32)

    several = carry_out(RecordLinkage(), observed(fresh, people=150, each=2))
    assert not several.shown and several.headline.estimate < 0.05
    with pytest.raises(UsageError, match="column"):
        RecordLinkage().attempt(observed(people=30, labelled=False))


def test_kept_descriptions_single_out_and_gone_ones_do_not(observed: Make) -> None:
    facets = ("hair", "coat", "glasses", "hat")

    def described(at: int) -> dict[str, str]:
        return {facet: f"{at // 4**k % 4}" for k, facet in enumerate(facets)} | {"sex": "man"}

    seen = observed(people=200, each=1)
    whole = [replace(one, before=Words("t", (), (described(at),)))
             for at, one in enumerate(seen.records)]  # fmt: skip
    kept = tuple(replace(one, after=one.before) for one in whole)
    result = carry_out(SinglingOut(), replace(seen, records=kept))
    assert result.verdict == "leak demonstrated" and result.headline.estimate == 1.0
    assert result.measures[0].estimate == 1.0
    gone = tuple(replace(one, after=Words("t", (), ({"sex": "man"},))) for one in whole)
    assert carry_out(SinglingOut(), replace(seen, records=gone)).verdict == "none detected"
    with pytest.raises(UsageError, match="looks like"):
        SinglingOut().attempt(seen)


def test_threats_are_called_as_in_the_report_of_the_job() -> None:
    known = {row.id: row for row in DESENSITIZE_THREATS}
    threats = [threat for threat, _ in (*attacks(2), *UNTRIED)]
    for threat in threats:
        if threat.id in known:
            assert threat.risk == known[threat.id].risk and threat.kind == "privacy"
    assert {
        "recogniser",
        "trained-recogniser",
        "caption-to-face",
        "dictionary",
        "source-match",
    } <= {threat.id for threat in threats}
