# SPDX-License-Identifier: Apache-2.0
"""Noise shares: one Gaussian mechanism of the stated multiplier, with the least power."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyveil.learn.allocation import least_power, power

layers = st.lists(st.tuples(st.floats(1e-4, 1e4), st.integers(1, 10**7)), min_size=1, max_size=40)
multipliers = st.floats(0.1, 50)


@given(layers, multipliers)
def test_all_groups_together_have_the_stated_multiplier(layers, z) -> None:  # type: ignore[no-untyped-def]
    thresholds, sizes = zip(*layers, strict=True)
    deviations = least_power(z, thresholds=thresholds, sizes=sizes)
    total = sum((c / s) ** 2 for c, s in zip(thresholds, deviations, strict=True))
    assert math.isclose(total, 1 / z**2, rel_tol=1e-9)


@given(layers, multipliers)
def test_never_more_power_than_global_or_equal_shares(layers, z) -> None:  # type: ignore[no-untyped-def]
    thresholds, sizes = zip(*layers, strict=True)
    least = power(least_power(z, thresholds=thresholds, sizes=sizes), sizes)
    whole = z * math.hypot(*thresholds)
    equal = [z * c * math.sqrt(len(thresholds)) for c in thresholds]
    assert least <= power([whole] * len(sizes), sizes) * (1 + 1e-9)
    assert least <= power(equal, sizes) * (1 + 1e-9)


def test_without_noise_there_is_none() -> None:
    assert least_power(0.0, thresholds=[1.0, 2.0], sizes=[3, 4]) == [0.0, 0.0]


def test_a_negative_multiplier_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="noise_multiplier"):
        least_power(-1.0, thresholds=[1.0], sizes=[1])
