# SPDX-License-Identifier: Apache-2.0
"""The bill: upper bounds that agree with Google's, noise that keeps its target, joint releases."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polyveil.errors import NotPrivate
from polyveil.privacy import gaussian
from polyveil.privacy.accountant import (
    LEAST_NOISE,
    JointNoise,
    SampledGaussian,
    epsilon_by_rdp,
    epsilon_spent,
    noise_multiplier_for,
    split,
)

dp = pytest.importorskip("dp_accounting")
CASES = [(0.01, 1.0, 2000), (0.1, 5.0, 500), (0.5, 20.0, 100), (0.002, 0.8, 50)]


@pytest.mark.parametrize(("rate", "noise", "steps"), CASES)
def test_agrees_with_google_and_rdp_is_looser(rate: float, noise: float, steps: int) -> None:
    from dp_accounting import pld

    direct = pld.PLDAccountant()
    direct.compose(dp.PoissonSampledDpEvent(rate, dp.GaussianDpEvent(noise)), steps)
    event = SampledGaussian(rate, noise, steps)
    spent = epsilon_spent([event], delta=1e-5)
    assert spent == pytest.approx(direct.get_epsilon(1e-5), rel=0.01)
    assert spent <= epsilon_by_rdp([event], delta=1e-5)


@pytest.mark.parametrize(
    ("epsilon", "rate", "steps"), [(1.0, 0.01, 500), (8.0, 0.1, 200), (0.3, 0.5, 30)]
)
def test_the_noise_keeps_its_target_and_hardly_more(
    epsilon: float, rate: float, steps: int
) -> None:
    noise = noise_multiplier_for(epsilon=epsilon, delta=1e-5, rate=rate, steps=steps)
    assert epsilon_spent([SampledGaussian(rate, noise, steps)], delta=1e-5) <= epsilon
    less = SampledGaussian(rate, noise * (1 - 2e-4), steps)
    assert epsilon_spent([less], delta=1e-5) > epsilon


@settings(deadline=None, max_examples=30)
@given(st.floats(0.1, 20), st.floats(1e-10, 0.01), st.integers(1, 1000))
def test_without_sampling_it_is_the_exact_gaussian(
    epsilon: float, delta: float, steps: int
) -> None:
    noise = noise_multiplier_for(epsilon=epsilon, delta=delta, rate=1.0, steps=steps)
    one = gaussian.noise_multiplier_for(epsilon=epsilon, delta=delta)
    assert noise == pytest.approx(one * math.sqrt(steps), rel=1e-4)
    assert epsilon_spent([SampledGaussian(1.0, noise, steps)], delta=delta) <= epsilon


def test_events_compose_in_any_order_and_cut() -> None:
    first, second = SampledGaussian(0.02, 1.0, 300), SampledGaussian(0.05, 2.0, 100)
    whole = SampledGaussian(1.0, 30.0, 4)
    together = epsilon_spent([first, second, whole], delta=1e-6)
    halves = [SampledGaussian(0.02, 1.0, 150)] * 2
    assert epsilon_spent([whole, second, *halves], delta=1e-6) == together
    assert together > epsilon_spent([first, second], delta=1e-6)
    assert together <= epsilon_by_rdp([first, second, whole], delta=1e-6)
    assert epsilon_spent([], delta=1e-6) == epsilon_by_rdp([], delta=1e-6) == 0.0
    assert epsilon_spent([SampledGaussian(0.1, 1.0, 0)], delta=1e-6) == 0.0


def test_asking_changes_nothing_and_more_steps_cost_more() -> None:
    spent = [epsilon_spent([SampledGaussian(0.01, 1.0, n)], delta=1e-5) for n in (10, 50, 100)]
    assert spent == sorted(spent)
    assert epsilon_spent([SampledGaussian(0.01, 1.0, 50)], delta=1e-5) == spent[1]


def test_a_delta_lost_in_rounding_is_served_by_rdp() -> None:
    event = SampledGaussian(0.01, 1.0, 1000)
    assert epsilon_spent([event], delta=1e-14) == epsilon_by_rdp([event], delta=1e-14)


def test_never_above_the_price_without_sampling() -> None:
    for rate, noise in ((0.999, 3.0), (1e-6, 40.0)):
        spent = epsilon_spent([SampledGaussian(rate, noise, 10)], delta=1e-8)
        assert 0 <= spent <= epsilon_spent([SampledGaussian(1.0, noise, 10)], delta=1e-8)


@pytest.mark.parametrize("noise", [1e-4, 1e-5, 1e-8])
def test_next_to_no_noise_has_a_price_too(noise: float) -> None:
    spent = epsilon_spent([SampledGaussian(0.1, noise, 10)], delta=1e-5)
    whole = epsilon_spent([SampledGaussian(1.0, noise, 10)], delta=1e-5)
    assert 0.5 * whole < spent <= whole < math.inf


@pytest.mark.parametrize("epsilon", [0.0, -1.0, math.inf, math.nan])
def test_a_target_that_no_noise_meets_is_refused_with_advice(epsilon: float) -> None:
    with pytest.raises(NotPrivate, match=r"epsilon > 0.*Choose"):
        noise_multiplier_for(epsilon=epsilon, delta=1e-5, rate=0.1, steps=10)


def test_a_target_out_of_reach_is_refused_with_advice() -> None:
    with pytest.raises(NotPrivate, match="fewer epochs, or a smaller batch"):
        noise_multiplier_for(epsilon=1e-5, delta=1e-9, rate=1.0, steps=1000)
    most = noise_multiplier_for(epsilon=1e6, delta=0.1, rate=1.0, steps=1)
    assert most == pytest.approx(LEAST_NOISE)


def test_what_is_out_of_range_is_named() -> None:
    for values, named in (
        ((0.0, 1.0, 1), "rate"),
        ((1.5, 1.0, 1), "rate"),
        ((0.5, 0.0, 1), "noise_multiplier"),
        ((0.5, 1.0, -1), "steps"),
    ):
        with pytest.raises(ValueError, match=named):
            SampledGaussian(*values)
    with pytest.raises(ValueError, match="delta"):
        epsilon_spent([], delta=0.0)
    with pytest.raises(ValueError, match="share"):
        split(1.0, groups=3, share=1.0)


@given(st.floats(0.1, 50), st.integers(1, 100), st.floats(0.001, 0.9))
def test_split_and_its_inverse(noise: float, groups: int, share: float) -> None:
    joint = split(noise, groups=groups, share=share)
    assert joint.noise_multiplier == pytest.approx(noise, rel=1e-9)
    assert joint.gradient == pytest.approx(noise / math.sqrt(1 - share))
    assert joint.counts == pytest.approx(noise * math.sqrt(groups) / (2 * math.sqrt(share)))


def test_one_percent_for_the_counts_costs_half_a_percent() -> None:
    assert split(1.0, groups=12, share=0.01).gradient == pytest.approx(1.005, abs=1e-4)


def test_the_stacked_release_moves_by_one_over_z() -> None:
    """The proof's claim on numbers: the worst record moves the scaled stack by exactly 1/z."""
    joint = JointNoise(gradient=1.4, counts=7.0, groups=5)
    rng = np.random.default_rng(0)
    for _ in range(200):
        gradient = rng.normal(size=8)
        gradient *= rng.uniform() ** 0.1 / np.linalg.norm(gradient)  # clipped at 1
        counts = rng.integers(0, 2, size=5) - 0.5
        moved = np.concatenate([gradient / joint.gradient, counts / joint.counts])
        assert np.linalg.norm(moved) <= 1 / joint.noise_multiplier + 1e-12
