# SPDX-License-Identifier: Apache-2.0
"""A figure over seeds: its text, differences by seed, and an alarm that noise does not raise."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from polyveil.report.spread import Spread, written

VALUES = st.dictionaries(
    st.integers(0, 20), st.floats(-1, 1, allow_nan=False), min_size=2, max_size=8
)


@given(VALUES)
def test_mean_and_deviation_are_those_of_numpy(values: dict[int, float]) -> None:
    found = Spread.of(values)
    assert found is not None and found.seeds == len(values)
    assert found.mean == pytest.approx(np.mean(list(values.values())), abs=1e-12)
    assert found.deviation == pytest.approx(np.std(list(values.values()), ddof=1), abs=1e-12)


def test_seeds_without_a_figure_are_left_out() -> None:
    assert Spread.of({}) is None and Spread.of({0: None, 1: math.nan}) is None
    assert Spread.of({0: 0.5, 1: None}) == Spread(0.5, None, {0: 0.5})


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({0: 0.721}, "72.1"),
        ({0: 0.71, 1: 0.73}, "72.0 ± 1.4"),
        ({0: 0.1, 1: 0.1}, "10.0"),
        ({0: -0.05, 1: -0.03}, "−4.0 ± 1.4"),
    ],
)
def test_text(values: dict[int, float], text: str) -> None:
    found = Spread.of(values)
    assert found is not None and found.text() == text


def test_a_zero_has_no_sign() -> None:
    assert [written(-0.01), written(0.04, sign=True)] == ["0.0", "0.0"]
    assert [written(-3.0), written(3.0, sign=True)] == ["−3.0", "+3.0"]


def test_differences_are_taken_seed_by_seed() -> None:
    first, other = Spread.of({0: 0.9, 1: 0.5, 2: 0.7}), Spread.of({1: 0.4, 2: 0.6, 3: 0.0})
    assert first is not None and other is not None
    found = first.minus(other)
    assert found is not None and found.by_seed == pytest.approx({1: 0.1, 2: 0.1})
    assert first.minus(Spread(0.1, None, {7: 0.1})) is None


def test_without_shared_records_it_is_the_paired_t_test() -> None:
    rng = np.random.default_rng(0)
    for _ in range(100):
        values = rng.normal(0.8, 1.0, 5)
        found = Spread.of(dict(enumerate(values)))
        assert found is not None
        assert found.beyond_noise(ratio=0.0) == (stats.ttest_1samp(values, 0.0).pvalue < 0.05)
        assert found.beyond_noise(ratio=0.0) or not found.beyond_noise(ratio=0.5)
        assert found.beyond_noise(ratio=0.0) or not found.beyond_noise(ratio=0.0, tests=4)


def test_two_seeds_tell_nothing() -> None:
    for count in (1, 2):
        found = Spread.of({seed: 0.5 + 0.001 * seed for seed in range(count)})
        assert found is not None and not found.beyond_noise(ratio=0.1)
    sure = Spread.of(dict.fromkeys(range(3), 0.5))
    assert sure is not None and sure.beyond_noise(ratio=0.1)
