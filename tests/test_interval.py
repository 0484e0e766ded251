# SPDX-License-Identifier: Apache-2.0
"""Intervals: exact where it can be exact, honest at the edges, and they cover what they promise."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from polyveil.interval import Interval, bootstrap, clopper_pearson


def test_rule_of_three() -> None:
    found = clopper_pearson(0, 100)
    assert found.low == 0.0
    assert found.high == pytest.approx(0.0362, abs=1e-4)


@given(st.integers(1, 400), st.data())
def test_agrees_with_scipy(n: int, draw: st.DataObject) -> None:
    k = draw.draw(st.integers(0, n))
    ours, theirs = clopper_pearson(k, n), binomtest(k, n).proportion_ci(0.95, "exact")
    assert ours.low == pytest.approx(theirs.low, abs=1e-9)
    assert ours.high == pytest.approx(theirs.high, abs=1e-9)
    assert ours.low <= ours.estimate <= ours.high


def test_nothing_tried_excludes_nothing() -> None:
    found = clopper_pearson(0, 0)
    assert (found.low, found.high, found.n) == (0.0, 1.0, 0)


@pytest.mark.parametrize(("k", "n"), [(-1, 3), (4, 3)])
def test_impossible_counts_are_refused(k: int, n: int) -> None:
    with pytest.raises(ValueError, match="0 <= k <= n"):
        clopper_pearson(k, n)


def test_confidence_is_checked() -> None:
    with pytest.raises(ValueError, match="confidence"):
        clopper_pearson(1, 3, confidence=1.0)


def test_bootstrap_covers_the_mean_about_as_often_as_it_says() -> None:
    draw = np.random.default_rng(7)
    inside = 0
    for trial in range(200):
        found = bootstrap(draw.normal(5.0, 2.0, 60), resamples=300, seed=trial)
        inside += found.low <= 5.0 <= found.high
    assert 178 <= inside <= 199


def test_bootstrap_is_repeatable_and_takes_a_statistic() -> None:
    values = [1.0, 2.0, 3.0, 40.0]
    median = bootstrap(values, lambda drawn: float(np.median(drawn)))
    assert median == bootstrap(values, lambda drawn: float(np.median(drawn)))
    assert median.estimate == 2.5


@pytest.mark.parametrize("values", [[], [float("nan")]])
def test_bootstrap_refuses_what_has_no_mean(values: list[float]) -> None:
    with pytest.raises(ValueError, match="finite"):
        bootstrap(values)


@pytest.mark.parametrize("ends", [(0.5, 0.9, 0.1), (float("nan"), 0.0, 1.0)])
def test_an_interval_is_finite_and_ordered(ends: tuple[float, float, float]) -> None:
    with pytest.raises(ValueError):
        Interval(*ends, 10, "none")
