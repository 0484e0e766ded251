# SPDX-License-Identifier: Apache-2.0
"""The exact sampler follows its law, the planted ones do not; (ε, δ) agree with Google's."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from scipy import stats

from polyveil.privacy.discrete_gaussian import DiscreteGaussian, delta_of_rho, sample


def fits(noise: np.ndarray, mechanism: DiscreteGaussian) -> float:
    """p-value of a chi-square test of draws against the mechanism's probabilities."""
    reach = max(2, round(2.5 * mechanism.sigma))
    cells = np.arange(-reach, reach + 1)
    chance = mechanism.probability(cells)
    chance[[0, -1]] += (1 - chance.sum()) / 2
    seen = np.bincount(noise.clip(-reach, reach) + reach, minlength=cells.size)
    return float(stats.chisquare(seen, chance * noise.size).pvalue)


@pytest.mark.parametrize("noise_multiplier", [0.7, 3.0])
def test_draws_follow_the_law(noise_multiplier: float) -> None:
    mechanism = DiscreteGaussian(1, noise_multiplier)
    assert fits(mechanism.release(np.zeros(6000, dtype=int)), mechanism) > 1e-6


def test_planted_faults_are_rejected() -> None:
    mechanism, rng = DiscreteGaussian(1, 3.0), np.random.default_rng(0)
    variance = Fraction(mechanism.noise_multiplier) ** 2
    planted = {
        "nine tenths": np.array([sample(variance * 81 / 100) for _ in range(6000)]),
        "Laplace": np.round(rng.laplace(0, 3 / np.sqrt(2), 20_000)).astype(int),
        "truncated": np.trunc(rng.normal(0, 3, 6000)).astype(int),
    }
    for name, noise in planted.items():
        assert fits(noise, mechanism) < 1e-6, name


@pytest.mark.parametrize(
    ("sensitivity", "noise_multiplier", "epsilon"),
    [(1, 1.0, 1.0), (1, 0.5, 2.0), (3, 2.0, 0.5), (10, 1.0, 0.3), (1, 20.0, 0.01)],
)
def test_delta_agrees_with_google(
    sensitivity: int, noise_multiplier: float, epsilon: float
) -> None:
    theirs = pytest.importorskip("dp_accounting.pld.privacy_loss_distribution")
    mechanism = DiscreteGaussian(sensitivity, noise_multiplier)
    other = theirs.from_discrete_gaussian_mechanism(mechanism.sigma, sensitivity)
    found = mechanism.delta_for(epsilon=epsilon)
    assert found <= other.get_delta_for_epsilon(epsilon) * (1 + 1e-9)  # theirs is rounded up
    assert found == pytest.approx(other.get_delta_for_epsilon(epsilon), rel=5e-3)
    assert found <= mechanism.delta_for(epsilon=epsilon, statistics=2)


def test_delta_is_the_naive_sum() -> None:
    mechanism, epsilon = DiscreteGaussian(2, 1.3), 0.7
    values = np.arange(-200, 201)
    here, there = mechanism.probability(values), mechanism.probability(values - 2)
    naive = np.maximum(there - np.exp(epsilon) * here, 0).sum()
    assert mechanism.delta_for(epsilon=epsilon) == pytest.approx(naive, rel=1e-9)


def test_epsilon_inverts_delta_and_a_smaller_change_costs_less() -> None:
    mechanism = DiscreteGaussian(4, 1.5)
    epsilon = mechanism.epsilon_for(delta=1e-5)
    assert mechanism.delta_for(epsilon=epsilon) <= 1e-5
    assert mechanism.delta_for(epsilon=epsilon * 0.999) > 1e-5
    assert DiscreteGaussian(3, 2.0).epsilon_for(delta=1e-5) < epsilon
    assert mechanism.epsilon_for(delta=0.9) == 0.0


def test_concentrated_privacy_implies_what_the_gaussian_does() -> None:
    from polyveil.privacy import gaussian

    for noise_multiplier in (0.5, 1.0, 5.0):
        rho = 0.5 / noise_multiplier**2
        for epsilon in (0.1, 1.0, 5.0):
            exact = gaussian.delta_for(noise_multiplier, epsilon=epsilon)
            assert exact <= delta_of_rho(rho, epsilon=epsilon) <= 1


def test_shape_stays_and_what_is_no_integer_is_refused() -> None:
    mechanism = DiscreteGaussian(1, 1e-3)
    counts = np.arange(6).reshape(2, 3)
    assert (mechanism.release(counts) == counts).all()
    assert mechanism.release(7) == 7
    with pytest.raises(ValueError, match="expected integers"):
        mechanism.release([0.5])
    with pytest.raises(ValueError, match="variance"):
        sample(Fraction(0))
    with pytest.raises(ValueError, match="sensitivity"):
        DiscreteGaussian(0, 1.0)
