# SPDX-License-Identifier: Apache-2.0
"""Learned weights: the optimum of a convex problem, and records that lack a modality."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize

from polyveil.errors import UsageError
from polyveil.models.learned_weights import LearnedWeights
from polyveil.models.uncertainty import log_loss


@given(st.integers(0, 10_000), st.integers(2, 4))
def test_agrees_with_a_general_solver(seed: int, modalities: int) -> None:
    draw = np.random.default_rng(seed)
    labels = draw.integers(0, 3, 40)
    probabilities = draw.dirichlet((0.7, 0.7, 0.7), (modalities, 40))
    probabilities[0, np.arange(40), labels] += 0.5
    probabilities /= probabilities.sum(2, keepdims=True)

    def loss(scores: np.ndarray) -> float:
        powers = np.exp(scores - scores.max())
        return log_loss(np.tensordot(powers / powers.sum(), probabilities, 1), labels)

    found = LearnedWeights.fit(probabilities, labels)
    ours = log_loss(found.predict(probabilities), labels)
    assert ours <= minimize(loss, np.zeros(modalities), method="L-BFGS-B").fun + 1e-4
    assert sum(found.shares) == pytest.approx(1)


def test_a_modality_without_a_clue_gets_nothing() -> None:
    draw = np.random.default_rng(0)
    labels = draw.integers(0, 4, 500)
    knows = np.full((500, 4), 0.1)
    knows[np.arange(500), labels] = 0.7
    wild = draw.dirichlet((0.1,) * 4, 500)
    shares = LearnedWeights.fit(np.stack([knows, wild]), labels).shares
    assert shares[0] > 0.97


def test_missing_modalities() -> None:
    rule = LearnedWeights((0.5, 0.5, 0.0))
    probabilities = np.random.default_rng(1).dirichlet((1, 1), (3, 3))
    present = np.array([[True, True, False], [True, False, False], [True, True, True]])
    expected = [[0.5, 1, 0], [0.5, 0, 0], [0, 0, 1]]
    np.testing.assert_allclose(rule.weights(probabilities, present), expected)
    np.testing.assert_allclose(rule.predict(probabilities, present)[2], probabilities[2, 2])


def test_fit_reads_whole_records_only() -> None:
    draw = np.random.default_rng(2)
    labels = draw.integers(0, 3, 60)
    probabilities = draw.dirichlet((1, 1, 1), (2, 60))
    present = np.ones((2, 60), bool)
    present[1, 30:] = False
    whole = LearnedWeights.fit(probabilities[:, :30], labels[:30])
    assert LearnedWeights.fit(probabilities, labels, present) == whole
    with pytest.raises(UsageError, match="no record has every modality"):
        LearnedWeights.fit(probabilities, labels, np.eye(2, dtype=bool)[:, np.arange(60) % 2])


def test_refusals() -> None:
    with pytest.raises(UsageError, match="sum to 1"):
        LearnedWeights((0.5, 0.6))
    with pytest.raises(UsageError, match="2 modalities; these weights are of 1"):
        LearnedWeights((1.0,)).predict(np.full((2, 1, 2), 0.5))
