# SPDX-License-Identifier: Apache-2.0
"""The exact Gaussian calibration against high precision, against Google's, and against itself."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polyveil.privacy import gaussian

epsilons = st.floats(-6, 3).map(lambda power: 10.0**power)
deltas = st.floats(-300, math.log10(0.5)).map(lambda power: 10.0**power)
multipliers = st.floats(-2, 5).map(lambda power: 10.0**power)


def exact(noise_multiplier: float, epsilon: float) -> Any:
    mp = pytest.importorskip("mpmath")
    with mp.workdps(360):
        z, e = mp.mpf(noise_multiplier), mp.mpf(epsilon)

        def ndtr(x: Any) -> Any:
            return mp.erfc(-x / mp.sqrt(2)) / 2

        return ndtr(1 / (2 * z) - e * z) - mp.exp(e) * ndtr(-1 / (2 * z) - e * z)


def test_golden_number() -> None:
    assert gaussian.noise_multiplier_for(epsilon=1.0, delta=1e-5) == pytest.approx(3.7306, abs=1e-4)


@settings(max_examples=60, deadline=None)
@given(multipliers, epsilons)
def test_delta_to_ten_digits(noise_multiplier: float, epsilon: float) -> None:
    if epsilon * noise_multiplier > 35:  # below 1e-300
        return
    wanted = exact(noise_multiplier, epsilon)
    if wanted > 1e-300:
        found = gaussian.delta_for(noise_multiplier, epsilon=epsilon)
        assert abs(found / wanted - 1) < 1e-10


@settings(max_examples=25, deadline=None)
@given(epsilons, deltas)
def test_calibration_holds_and_is_tight(epsilon: float, delta: float) -> None:
    noise_multiplier = gaussian.noise_multiplier_for(epsilon=epsilon, delta=delta)
    assert exact(noise_multiplier, epsilon) <= delta
    assert exact(noise_multiplier * (1 - 1e-9), epsilon) > delta


@settings(max_examples=60, deadline=None)
@given(multipliers, deltas)
def test_epsilon_inverts_delta(noise_multiplier: float, delta: float) -> None:
    epsilon = gaussian.epsilon_for(noise_multiplier, delta=delta)
    assert gaussian.delta_for(noise_multiplier, epsilon=epsilon) <= delta
    if epsilon > 0:
        less = epsilon * (1 - 1e-6) - 1e-12
        assert less < 0 or gaussian.delta_for(noise_multiplier, epsilon=less) > delta * (1 - 1e-9)


def test_agrees_with_google() -> None:
    theirs = pytest.importorskip("dp_accounting")
    for epsilon, delta in ((0.1, 1e-6), (1.0, 1e-5), (8.0, 1e-9)):
        ours = gaussian.noise_multiplier_for(epsilon=epsilon, delta=delta)
        other = theirs.get_sigma_gaussian(epsilon, delta, tol=1e-9)
        assert ours == pytest.approx(other, rel=1e-6)


def test_edges() -> None:
    assert gaussian.delta_for(1e-3, epsilon=1.0) == pytest.approx(1.0)
    assert gaussian.delta_for(1e9, epsilon=1.0) == 0.0
    assert gaussian.delta_for(2.0, epsilon=0.0) == pytest.approx(math.erf(0.25 / math.sqrt(2)))
    assert gaussian.delta_for(1.0, epsilon=900.0) == 0.0
    assert gaussian.epsilon_for(10.0, delta=0.5) == 0.0


@pytest.mark.parametrize("wrong", [0.0, -1.0, math.inf, math.nan])
def test_what_is_out_of_range_is_named(wrong: float) -> None:
    with pytest.raises(ValueError, match="noise_multiplier"):
        gaussian.delta_for(wrong, epsilon=1.0)
    with pytest.raises(ValueError, match="epsilon"):
        gaussian.noise_multiplier_for(epsilon=wrong, delta=1e-5)
    with pytest.raises(ValueError, match="delta"):
        gaussian.noise_multiplier_for(epsilon=1.0, delta=wrong)
