# SPDX-License-Identifier: Apache-2.0
"""Fusion: weights are shares, equal variances give the mean, the order of models is nothing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from polyveil.errors import UsageError
from polyveil.models.fusion import Floats, fuse, inverse_error_weights, variance_weights


@st.composite
def predictions(draw: st.DrawFn) -> Floats:
    shape = draw(st.tuples(st.integers(1, 4), st.integers(1, 5), st.integers(1, 6)))
    scores = draw(arrays(np.float64, shape, elements=st.floats(-8, 8)))
    raised = np.exp(scores)
    return np.asarray(raised / raised.sum(2, keepdims=True))


@given(predictions())
def test_weights_are_shares_and_fusion_is_a_distribution(probabilities: Floats) -> None:
    weights = variance_weights(probabilities)
    assert np.all(weights >= 0)
    np.testing.assert_allclose(weights.sum(0), 1)
    for fused in (fuse(probabilities), fuse(probabilities, weights)):
        np.testing.assert_allclose(fused.sum(1), 1)
        assert np.all(fused <= probabilities.max(0) + 1e-12)
        assert np.all(fused >= probabilities.min(0) - 1e-12)


@given(predictions(), st.randoms())
def test_the_order_of_models_and_classes_is_nothing(probabilities: Floats, random) -> None:  # type: ignore[no-untyped-def]
    models = random.sample(range(len(probabilities)), len(probabilities))
    classes = random.sample(range(probabilities.shape[2]), probabilities.shape[2])
    weights = variance_weights(probabilities)
    np.testing.assert_allclose(variance_weights(probabilities[models]), weights[models], atol=1e-9)
    fused, turned = fuse(probabilities, weights), probabilities[models][:, :, classes]
    again = fuse(turned, variance_weights(turned))
    np.testing.assert_allclose(again, fused[:, classes], atol=1e-9)


@given(predictions())
def test_equal_variances_give_the_mean(probabilities: Floats) -> None:
    turned = np.stack([probabilities[0], np.roll(probabilities[0], 1, axis=1)])
    np.testing.assert_allclose(fuse(turned, variance_weights(turned)), fuse(turned), atol=1e-9)


def test_the_papers_formula_by_hand() -> None:
    """N1 = ((.9-.5)² + (.1-.5)²) / 2 = .16, N2 = .01; q1 = 16 / 17."""
    probabilities = np.array([[[0.9, 0.1]], [[0.4, 0.6]]])
    np.testing.assert_allclose(variance_weights(probabilities)[:, 0], [16 / 17, 1 / 17])
    fused = fuse(probabilities, variance_weights(probabilities))
    np.testing.assert_allclose(fused, [[(16 * 0.9 + 0.4) / 17, (1.6 + 0.6) / 17]])


def test_undecided_models_share_equally() -> None:
    np.testing.assert_allclose(variance_weights(np.full((3, 2, 4), 0.25)), 1 / 3)


def test_fewer_mistakes_weigh_more_and_none_does_not_take_all() -> None:
    weights = inverse_error_weights([0, 9, 19], of=100)
    np.testing.assert_allclose(weights, np.array([20, 2, 1]) / 23)
    probabilities = np.eye(3)[:, None, :]
    np.testing.assert_allclose(fuse(probabilities, weights)[0], weights)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        (np.zeros((2, 3)), "expected \\(models, records, classes\\)"),
        (np.zeros((0, 1, 2)), "shape"),
        (np.array([[[2.0, -1.0]]]), "not logits"),
        (np.array([[[np.nan, 1.0]]]), "not logits"),
    ],
)
def test_what_is_no_probability_is_refused(values: Floats, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        variance_weights(values)


@pytest.mark.parametrize("weights", [np.ones(3) / 3, np.array([0.7, 0.7]), np.array([1.5, -0.5])])
def test_weights_that_are_no_shares_are_refused(weights: Floats) -> None:
    with pytest.raises(UsageError, match="weights"):
        fuse(np.full((2, 1, 2), 0.5), weights)


def test_counts_out_of_range_are_refused() -> None:
    for wrong in ([], [-1], [11]):
        with pytest.raises(UsageError, match="wrong"):
            inverse_error_weights(wrong, of=10)
