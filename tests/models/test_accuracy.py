# SPDX-License-Identifier: Apache-2.0
"""Top-1 and top-5, with ties and NaN against the model."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import top_k_accuracy_score

from polyveil.errors import UsageError
from polyveil.models.accuracy import Accuracy, accuracy


@given(st.integers(0, 10_000))
def test_agrees_with_scikit_learn(seed: int) -> None:
    drawn = np.random.default_rng(seed)
    scores, labels = drawn.normal(size=(20, 10)), drawn.integers(0, 10, 20)
    found = accuracy(scores, labels)
    for k, value in ((1, found.top1), (5, found.top5)):
        assert value == pytest.approx(
            top_k_accuracy_score(labels, scores, k=k, labels=np.arange(10))
        )


def test_a_constant_score_is_no_knowledge() -> None:
    found = accuracy(np.zeros((4, 10)), np.zeros(4, dtype=int))
    assert found == Accuracy(top1=0.0, top5=0.0, records=4)


def test_nan_never_helps() -> None:
    scores = np.array([[np.nan, 0.0], [np.nan, 1.0]])
    assert accuracy(scores, np.array([0, 1])).top1 == 0.0
    assert accuracy(scores, np.array([0, 1])).top5 == 0.5


@pytest.mark.parametrize(
    ("shape", "labels"),
    [((0, 3), []), ((2, 3), [0]), ((2,), [0, 1]), ((1, 3), [3]), ((1, 3), [-1])],
)
def test_what_does_not_fit_is_refused(shape: tuple[int, ...], labels: list[int]) -> None:
    with pytest.raises(UsageError, match="expected"):
        accuracy(np.zeros(shape), np.array(labels, dtype=int))
