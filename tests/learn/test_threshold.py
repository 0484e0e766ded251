# SPDX-License-Identifier: Apache-2.0
"""Private quantile thresholds: they find the quantile, stay above the floor, move boundedly."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyveil.learn.threshold import PrivateQuantile, moved, start_values


@pytest.mark.parametrize("quantile", [0.1, 0.5, 0.9])
def test_finds_the_quantile_of_the_norms(quantile: float) -> None:
    draw = np.random.default_rng(0)
    rule = PrivateQuantile(quantile=quantile)
    norms = draw.lognormal(1.0, 0.7, size=100_000)
    values = [0.01]
    for _ in range(600):
        batch = draw.choice(norms, 500)
        count = float((batch <= values[0]).sum() - 250) + draw.normal(0, 10)
        values = moved(values, [count], rule=rule, expected_batch=500)
    assert abs((norms <= values[0]).mean() - quantile) < 0.05


@given(st.floats(1e-3, 1e3), st.floats(-1e6, 1e6), st.floats(1, 1e4))
def test_one_step_moves_by_at_most_the_speed(value: float, count: float, batch: float) -> None:
    rule = PrivateQuantile(speed=0.2)
    (after,) = moved([value], [count], rule=rule, expected_batch=batch)
    assert abs(math.log(after / value)) <= 0.2 + 1e-9


def test_no_threshold_falls_below_the_floor() -> None:
    rule = PrivateQuantile(floor=0.5)
    assert moved([0.5], [1e9], rule=rule, expected_batch=1.0) == [0.5]


def test_start_values_have_the_stated_joint_norm() -> None:
    assert math.isclose(math.hypot(*start_values(3.0, 7)), 3.0)


@pytest.mark.parametrize("name", ["quantile", "share", "speed", "start", "floor"])
def test_a_setting_out_of_range_is_refused_by_name(name: str) -> None:
    with pytest.raises(ValueError, match=name):
        PrivateQuantile(**{name: 0.0})
