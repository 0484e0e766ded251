# SPDX-License-Identifier: Apache-2.0
"""Scores of many steps become one; guesses are counted as they are said."""

from __future__ import annotations

import numpy as np
import pytest

from polyveil.attack.canary.score import membership, right_guesses


def _scores(lift: float, seed: int, *, steps: int = 80, m: int = 400, rate: float = 0.1):
    draw = np.random.default_rng(seed)
    inside = draw.random(m) < 0.5
    sampled = (draw.random((steps, m)) < rate) & inside
    return lift * sampled + draw.standard_normal((steps, m)), inside


def _auc(scores: np.ndarray, inside: np.ndarray) -> float:
    ranks = scores.argsort().argsort() + 1
    ins = int(inside.sum())
    return float((ranks[inside].sum() - ins * (ins + 1) / 2) / (ins * (len(inside) - ins)))


def test_rare_and_loud_lifts_are_found_where_a_sum_drowns_them() -> None:
    scores, inside = _scores(6.0, 0, rate=0.05)
    assert _auc(membership(scores, rate=0.05), inside) > 0.95
    assert _auc(membership(scores, rate=0.05), inside) > _auc(scores.sum(0), inside) + 0.05


def test_faint_lifts_are_no_worse_than_a_sum() -> None:
    found, plain = [], []
    for seed in range(20):
        scores, inside = _scores(0.7, seed)
        found.append(_auc(membership(scores, rate=0.1), inside))
        plain.append(_auc(scores.sum(0), inside))
    assert np.mean(found) > np.mean(plain) - 0.01


def test_noise_alone_gives_chance() -> None:
    found = []
    for seed in range(20):
        scores, inside = _scores(0.0, seed)
        found.append(_auc(membership(scores, rate=0.1), inside))
    assert abs(np.mean(found) - 0.5) < 0.03


def test_differences_lift_and_lower() -> None:
    scores, inside = _scores(8.0, 1)
    common = np.random.default_rng(9).standard_normal(scores.shape[1]) * 50
    moved = np.diff(scores + common, axis=0) / np.sqrt(2)
    assert _auc(membership(moved, rate=0.18, signs=(1, -1)), inside) > 0.95


def test_guesses_are_counted_at_both_ends() -> None:
    scores = np.array([5.0, 4.0, 3.0, 2.0, 1.0, 0.0])
    inside = np.array([True, False, True, True, False, True])
    assert right_guesses(scores, inside, ins=2, outs=2) == 2
    assert right_guesses(scores, inside, ins=3, outs=0) == 2
    assert right_guesses(scores, inside, ins=0, outs=0) == 0


def test_what_cannot_be_guessed_is_refused() -> None:
    with pytest.raises(ValueError, match="at most 3"):
        right_guesses(np.zeros(3), np.zeros(3, bool), ins=2, outs=2)
    with pytest.raises(ValueError, match="numbers"):
        right_guesses(np.array([1.0, np.nan]), np.zeros(2, bool), ins=1, outs=1)
