# SPDX-License-Identifier: Apache-2.0
"""The verdict follows from figures and health by rule, and never comforts by accident."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyveil.assess.measure import Measure
from polyveil.attack.guard import Guard, failed
from polyveil.attack.result import AttackResult
from polyveil.attack.threat import Threat
from polyveil.interval import clopper_pearson

MEMBERSHIP = Threat("membership", "a guesser", "answers", "the population", "privacy", "inference")
EVASION = replace(MEMBERSHIP, id="evasion", kind="integrity", risk="")
ALARM = Guard("disjoint splits", "false alarm", False, "4 records are in both")
COMFORT = Guard("converged", "false comfort", False, "the error still fell")


def result(hits: int, *, n: int = 1000, p: float | None = None, **more: object) -> AttackResult:
    figure = Measure("hits", clopper_pearson(hits, n), baseline={"chance": 0.01, "original": 0.9})
    given_ = {"attack": "one", "threat": MEMBERSHIP, "headline": figure, "sentence": "It guessed."}
    return AttackResult(**{**given_, "p_value": p, **more})  # type: ignore[arg-type]


def test_far_above_chance_is_a_leak() -> None:
    assert result(200).verdict == "leak demonstrated"


def test_the_same_on_a_model_s_answers_is_a_weakness() -> None:
    assert result(200, threat=EVASION).verdict == "weakness demonstrated"


def test_only_baselines_that_stand_for_no_target_count() -> None:
    assert result(200).baseline == 0.01


def test_at_chance_nothing_is_detected_within_the_tolerance() -> None:
    assert result(10, tolerance=0.02).verdict == "none detected"
    assert result(10).verdict == "inconclusive"  # the interval reaches above chance


def test_few_trials_are_inconclusive() -> None:
    assert result(0, n=20, tolerance=0.02).verdict == "inconclusive"


def test_a_failed_guard_takes_the_verdict_that_it_watches_and_no_other() -> None:
    assert result(200, guards=(ALARM,)).verdict == "inconclusive"
    assert result(200, guards=(COMFORT,)).verdict == "leak demonstrated"
    assert result(10, tolerance=0.02, guards=(COMFORT,)).verdict == "inconclusive"
    assert result(10, tolerance=0.02, guards=(ALARM,)).verdict == "none detected"
    assert failed((ALARM, COMFORT), "false alarm") == (ALARM,)


def test_the_p_value_decides_at_the_level_of_the_audit() -> None:
    found = result(30, p=0.01)
    assert found.verdict == "leak demonstrated"
    assert found.at_level(0.001).verdict == "inconclusive"


def test_a_real_but_negligible_effect_is_no_leak() -> None:
    assert result(30, p=1e-9, tolerance=0.05).verdict == "none detected"


@given(st.integers(0, 1000), st.floats(0, 1), st.floats(0, 0.2), st.booleans(), st.booleans())
def test_no_leak_without_evidence_and_no_comfort_with_a_failed_guard(
    hits: int, p: float, tolerance: float, alarm: bool, comfort: bool
) -> None:
    guards = (replace(ALARM, passed=not alarm), replace(COMFORT, passed=not comfort))
    found = result(hits, p=p, tolerance=tolerance, guards=guards)
    if found.verdict == "leak demonstrated":
        assert p <= 0.05
        assert hits / 1000 > 0.01 + tolerance
        assert not alarm
    if found.verdict == "none detected":
        assert not comfort


def test_arrays_are_found_by_name_and_missed_by_name() -> None:
    found = result(10, arrays={"scores": np.arange(3)})
    assert found.array("scores").tolist() == [0, 1, 2]
    with pytest.raises(KeyError, match="it has scores"):
        found.array("score")
    assert "scores" not in repr(found)


def test_a_notebook_shows_figures_health_and_verdict() -> None:
    page = result(200, guards=(ALARM,), sentence="<script>")._repr_html_()
    assert "inconclusive" in page
    assert "failed" in page
    assert "<script>" not in page
