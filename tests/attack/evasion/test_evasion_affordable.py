# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
from evasion_toys import BUDGETS, drawn, target

from polyveil.attack.evasion import QUICK, THOROUGH, Evasion, affordable


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


def test_no_time_is_refused() -> None:
    with pytest.raises(ValueError, match="seconds"):
        affordable(drawn(4, seed=0), BUDGETS, target(), 0.0)
