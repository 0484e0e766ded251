# SPDX-License-Identifier: Apache-2.0
"""Signals keep apart what probabilities would round together."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polyveil.attack.membership.signal import signals, stacked
from polyveil.errors import UsageError


@settings(deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 7))
def test_signals_are_what_their_formulas_say(seed: int, classes: int) -> None:
    draw = np.random.default_rng(seed)
    logits, labels = draw.normal(0, 2, (5, classes)), draw.integers(0, classes, 5)
    found = signals(logits, labels)
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    own = p[np.arange(5), labels]
    assert found.margin == pytest.approx(np.log(own / (1 - own)))
    assert found.loss == pytest.approx(-np.log(own))
    assert found.entropy == pytest.approx(-(p * np.log(p)).sum(1))
    assert (found.correct == (p.argmax(1) == labels)).all()
    assert found.top[:, 0] == pytest.approx(np.log(p.max(1)))
    assert found.features().shape == (5, 6)


def test_sure_answers_are_still_told_apart() -> None:
    found = signals(np.array([[60.0, 0.0], [80.0, 0.0]]), np.array([0, 0]))
    assert found.margin.tolist() == [60.0, 80.0]
    assert np.exp(found.likelihood).tolist() == [1.0, 1.0]


def test_models_stack() -> None:
    one = signals(np.eye(3), np.array([0, 1, 2]))
    both = stacked([one, one])
    assert both.margin.shape == (2, 3) and both[1].top.shape == (3, 3)


@pytest.mark.parametrize(
    ("logits", "labels", "said"),
    [
        (np.zeros((2, 1)), np.zeros(2, dtype=int), "expected \\(n, classes\\)"),
        (np.zeros((2, 3)), np.array([0, 3]), "expected 0 to 2"),
        (np.zeros((2, 3)), np.zeros(3, dtype=int), "expected \\(n, classes\\)"),
    ],
)
def test_what_does_not_fit_is_refused(logits: np.ndarray, labels: np.ndarray, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        signals(logits, labels)
