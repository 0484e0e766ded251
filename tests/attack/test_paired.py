# SPDX-License-Identifier: Apache-2.0
"""Two models on the same records: exact, and never promising more than it holds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest, ttest_ind

from polyveil.attack.paired import beyond_seeds, by_chance, difference, more_often, share

verdicts = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=60)


def both(pairs: list[tuple[bool, bool]]) -> tuple[np.ndarray, np.ndarray]:
    found = np.array(pairs, dtype=bool)
    return found[:, 0], found[:, 1]


@given(verdicts)
def test_the_p_value_is_a_sign_test_over_the_records_that_differ(pairs):
    one, other = both(pairs)
    gained, lost = sum(a and not b for a, b in pairs), sum(b and not a for a, b in pairs)
    expected = (
        binomtest(gained, gained + lost, 0.5, alternative="greater").pvalue
        if gained + lost
        else 1.0
    )
    assert more_often(one, other) == pytest.approx(expected, abs=1e-12)


@given(verdicts)
def test_the_interval_holds_the_estimate_and_turns_round_with_the_models(pairs):
    one, other = both(pairs)
    found, turned = difference(one, other), difference(other, one)
    assert found.low <= found.estimate <= found.high
    assert found.estimate == pytest.approx(one.mean() - other.mean())
    assert (turned.low, turned.high) == pytest.approx((-found.high, -found.low))


def test_the_interval_covers_the_truth_and_the_test_accuses_at_its_level():
    draw = np.random.default_rng(3)
    covered, accused = 0, 0
    for _ in range(400):
        kinds = draw.choice(3, 150, p=[0.12, 0.12, 0.76])
        one, other = kinds == 0, kinds == 1
        found = difference(one, other)
        covered += found.low <= 0.0 <= found.high
        accused += more_often(one, other) <= 0.05
    assert covered >= 0.95 * 400
    assert accused <= 0.07 * 400


def test_models_that_never_differ_are_not_proven_equal():
    same = np.ones(100, dtype=bool)
    found = difference(same, same)
    assert found.low < 0 < found.high
    assert more_often(same, same) == 1.0


def test_the_best_of_several_shares_gets_a_wider_interval():
    hits = np.arange(100) < 30
    assert share(hits, trials=3).high > share(hits).high
    assert share(hits, trials=3).low < share(hits).low


def test_lists_of_different_records_are_refused():
    with pytest.raises(ValueError, match="same records"):
        more_often(np.ones(3, bool), np.ones(4, bool))
    with pytest.raises(ValueError, match="got none"):
        difference(np.ones(0, bool), np.ones(0, bool))


@pytest.mark.parametrize("count", [2, 3, 5])
def test_one_more_model_exceeds_the_bound_of_its_twins_one_time_in_twenty(count):
    draw = np.random.default_rng(count)
    shares = draw.normal(0.5, 0.02, (4000, count + 1))
    above = np.mean([row[-1] > by_chance(row[:-1]) for row in shares])
    assert above == pytest.approx(0.05, abs=0.012)


def test_models_that_reach_the_same_leave_nothing_to_chance():
    assert by_chance(np.array([0.3, 0.3])) == pytest.approx(0.3)
    assert by_chance(np.array([0.0, 1.0])) == 1.0


@given(st.integers(0, 1000), st.integers(2, 6))
def test_seeds_are_judged_by_students_test(seed, count):
    one, other = np.random.default_rng(seed).normal(0.5, 0.02, (2, count))
    expected = ttest_ind(one, other, alternative="greater").pvalue
    assert beyond_seeds(one, other) == pytest.approx(expected, rel=1e-6)


def test_kinds_that_do_not_vary_are_told_apart_by_any_gain():
    low, high = np.array([0.3, 0.3]), np.array([0.4, 0.4])
    assert beyond_seeds(high, low) == 0.0
    assert beyond_seeds(low, high) == beyond_seeds(low, low) == 1.0
