# SPDX-License-Identifier: Apache-2.0
"""A claim falls by arithmetic or by an attack, and never stands by one."""

from __future__ import annotations

import math

import pytest

from polyveil.attack.canary import TrainingFacts, check_claim, one_run_bound

GOOD = one_run_bound(500, 86, 86, delta=1e-5)
POOR = one_run_bound(500, 86, 50, delta=1e-5)


def test_a_bound_above_the_claim_refutes_it() -> None:
    found = check_claim(2.0, delta=1e-5, recomputed=2.0, bound=GOOD)
    assert found.verdict == "refuted"
    assert found.refuted_by == ("attack",)
    assert "is refuted" in found.sentence


def test_a_bound_below_the_claim_proves_nothing() -> None:
    found = check_claim(2.0, delta=1e-5, recomputed=2.0, bound=POOR)
    assert found.verdict == "not refuted"
    assert found.could_refute
    assert "proves nothing" in found.sentence


def test_a_ceiling_below_the_claim_is_said() -> None:
    found = check_claim(8.0, delta=1e-5, bound=GOOD)
    assert not found.could_refute
    assert found.ceiling is not None
    assert found.ceiling < 8
    assert "no evidence" in found.sentence


@pytest.mark.parametrize(("recomputed", "verdict"), [(2.01, "not refuted"), (2.03, "refuted")])
def test_the_accountant_refutes_beyond_one_percent(recomputed: float, verdict: str) -> None:
    assert check_claim(2.0, delta=1e-5, recomputed=recomputed).verdict == verdict


def test_no_noise_promises_nothing() -> None:
    facts = TrainingFacts(0.0, 0.1, 10, 1e-5)
    found = check_claim(2.0, delta=1e-5, recomputed=facts.epsilon())
    assert math.isinf(facts.epsilon())
    assert facts.epsilon(0) == 0.0
    assert found.refuted_by == ("accountant",)
    assert "nothing at all" in found.sentence


def test_fewer_steps_are_said() -> None:
    found = check_claim(1.0, delta=1e-5, bound=POOR, steps=10, of_steps=400)
    assert "first 10 of 400 steps" in found.statement
    assert "first 10 of 400 steps" in found.sentence


def test_no_promise_is_worded() -> None:
    for bound in (None, GOOD, POOR):
        said = check_claim(2.0, delta=1e-5, recomputed=1.0, bound=bound).sentence.lower()
        assert "safe" not in said
        assert "anonymous" not in said


def test_a_bound_at_another_delta_is_refused() -> None:
    with pytest.raises(ValueError, match="delta"):
        check_claim(2.0, delta=1e-6, bound=GOOD)


def test_facts_agree_with_the_accountant() -> None:
    from polyveil.privacy import accountant

    facts = TrainingFacts(1.1, 0.05, 40, 1e-5)
    event = accountant.SampledGaussian(0.05, 1.1, 40)
    assert facts.epsilon() == accountant.epsilon_spent([event], delta=1e-5)
    assert facts.epsilon(10) < facts.epsilon()
