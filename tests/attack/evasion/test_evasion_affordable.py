# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
from evasion_toys import BUDGETS, drawn, target

from polyveil.attack.evasion import QUICK, THOROUGH, Evasion, affordable
from polyveil.attack.evasion.affordable import FEWEST_AVERAGED, least_passes, passes


def test_time_buys_strength_and_its_lack_costs_records() -> None:
    examples = drawn(120, seed=3)
    assert affordable(examples, BUDGETS, target(), 1e6).members == THOROUGH
    least = affordable(examples, BUDGETS, target(), 1e-9)
    assert least.members == QUICK
    assert len(least.examples) == 50


def test_cost_is_an_upper_bound_of_what_is_asked() -> None:
    for sigma, averaging in ((0.0, 1), (0.5, 2)):
        victim = target(sigma=sigma)
        members = QUICK[:3]
        attack = Evasion(drawn(30, seed=3), BUDGETS, members, averaging=averaging, passes=1)
        evidence = attack.attempt(victim)
        assert evidence.queries <= attack.cost * max(averaging, 1) * (20 if sigma else 1) + 100


def test_little_time_averages_less_over_a_random_model_but_never_nothing() -> None:
    examples = drawn(120, seed=3)
    least = affordable(examples, BUDGETS, target(sigma=0.5), 1e-9)
    assert least.averaging == FEWEST_AVERAGED > 1
    assert len(least.examples) == 50
    assert passes(least, random=True) == least_passes(examples, BUDGETS, random=True)
    assert affordable(examples, BUDGETS, target(sigma=0.5), 1e6).averaging is None


def test_passes_of_a_random_model_are_an_upper_bound_and_not_a_wild_one() -> None:
    victim = target(sigma=0.5)
    attack = affordable(drawn(60, seed=3), BUDGETS, victim, 1e-9)
    asked = attack.attempt(victim).queries
    assert asked <= passes(attack, random=True) <= 10 * asked


def test_no_time_is_refused() -> None:
    with pytest.raises(ValueError, match="seconds"):
        affordable(drawn(4, seed=0), BUDGETS, target(), 0.0)
