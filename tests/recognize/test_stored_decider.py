# SPDX-License-Identifier: Apache-2.0
"""A decider that comes back from the disk decides the same, and tells no name."""

from __future__ import annotations

import copy
import hashlib
import json
from typing import Any

import numpy as np
import pytest
from synthetic_people import drawn, halves

from polyveil.errors import UsageError
from polyveil.recognize.decision import Decider
from polyveil.recognize.stored_decider import LARGEST_RATE, from_json, to_json
from polyveil.recognize.trials import Split, Trials


def token(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:32]


def trials() -> Trials:
    made = drawn(halves(60), "development")
    columns = [np.array([token(one) for one in side]) for side in (made.probes, made.templates)]
    people = frozenset(columns[0].tolist())
    split = Split(frozenset(), people, frozenset({"nobody"}))
    return split.trials(
        "development",
        searches=made.searches,
        probes=columns[0],
        templates=columns[1],
        scores=made.scores,
    )


@pytest.fixture(scope="module")
def decider() -> Decider:
    return Decider.fit(trials())


@pytest.mark.parametrize("far", [0.001, 0.01, 0.05, LARGEST_RATE])
def test_thresholds_are_the_same_to_the_last_digit(decider: Decider, far: float) -> None:
    back = from_json(json.loads(json.dumps(to_json(decider))))
    for names, strangers in decider.strangers.items():
        assert back.strangers[names].for_pair(far) == strangers.for_pair(far)
        for gallery in (1, 7, 29, 40):
            if far >= 0.05:
                found = back.strangers[names].for_search(far, gallery=gallery)
                assert found == strangers.for_search(far, gallery=gallery)
    scores = {"face": np.linspace(-2, 4, 9)}
    np.testing.assert_array_equal(back.fusion.fuse(scores), decider.fusion.fuse(scores))


def test_only_the_highest_scores_are_kept_and_larger_rates_refused(decider: Decider) -> None:
    back = from_json(to_json(decider))
    strangers = back.strangers[("face",)]
    assert len(strangers.pairs) <= LARGEST_RATE * (strangers.compared + 1)
    with pytest.raises(UsageError, match="were kept"):
        strangers.for_pair(0.2)
    assert decider.strangers[("face",)].for_pair(0.2).far == 0.2


def test_names_are_never_stored() -> None:
    with pytest.raises(UsageError, match="a name must not be stored"):
        to_json(Decider.fit(drawn(halves(60), "development")))


DAMAGE: dict[str, Any] = {
    "schema": lambda v: v.update(schema="polyveil.decider/9"),
    "no people": lambda v: v.update(development=[]),
    "a name": lambda v: v.update(development=["Ann Lee"]),
    "no scores": lambda v: v.update(strangers=[]),
    "unsorted": lambda v: v["strangers"][0]["pairs"].reverse(),
    "infinite": lambda v: v["strangers"][0]["pairs"].append(float("inf")),
    "more than compared": lambda v: v["strangers"][0].update(compared=1),
    "searches unsorted": lambda v: v["strangers"][0]["searches"]["place"].reverse(),
    "searches of nobody": lambda v: v["strangers"][0]["searches"].update(others=0),
    "unknown modality": lambda v: v["strangers"][0].update(modalities=["gait"]),
    "negative slope": lambda v: v["evidence"]["face"].update(slope=-1.0),
    "missing": lambda v: v.pop("evidence"),
    "text": lambda v: v["strangers"][0].update(pairs="many"),
}


@pytest.mark.parametrize("damage", list(DAMAGE))
def test_what_no_fitted_decider_has_is_refused(decider: Decider, damage: str) -> None:
    values = copy.deepcopy(to_json(decider))
    DAMAGE[damage](values)
    with pytest.raises(UsageError, match="calibrate again"):
        from_json(values)
    for value in (None, 3, [], {}, "x"):
        with pytest.raises(UsageError):
            from_json(value)
