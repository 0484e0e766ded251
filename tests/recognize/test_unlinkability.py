# SPDX-License-Identifier: Apache-2.0
"""D_sys against examples done by hand, and what chance alone gives."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polyveil.errors import UsageError
from polyveil.recognize.unlinkability import linkability


def test_by_hand() -> None:
    """Two bins. Mated 15 and 5 of 20, non-mated 5 and 15: LR = 3 and 1/3.

    D = 2 * 3/4 - 1 = 1/2 in the bin of LR 3, 0 in the other; D_sys = 15/20 * 1/2 = 3/8.
    """
    mated = np.array([1.0] * 15 + [0.0] * 5)
    others = np.array([1.0] * 5 + [0.0] * 15)
    found = linkability(mated, others, seed=0)
    assert found.local.tolist() == pytest.approx([0.0, 0.5])
    assert found.d_sys == pytest.approx(3 / 8)
    # Twice as many mated pairs expected: LR w = 6, D = 2 * 6/7 - 1 = 5/7; LR w = 2/3 stays 0.
    twice = linkability(mated, others, seed=0, prior_ratio=2.0)
    assert twice.d_sys == pytest.approx(15 / 20 * 5 / 7)


def test_three_bins_by_hand_with_an_empty_one() -> None:
    """Thirty mated: 10, 0, 20 in three bins; non-mated 20, 0, 20 of 40: LR = 2/3, none, 4/3."""
    mated = np.array([0.1] * 10 + [0.9] * 20)
    others = np.array([0.0] * 20 + [1.0] * 20)
    found = linkability(mated, others, seed=0)
    assert found.local.tolist() == pytest.approx([0.0, 0.0, 2 * (4 / 3) / (7 / 3) - 1])
    assert found.d_sys == pytest.approx(2 / 3 * 1 / 7)


def test_the_ends_of_the_scale() -> None:
    draw = np.random.default_rng(0)
    apart = linkability(draw.normal(5, 0.1, 300), draw.normal(0, 0.1, 300), seed=0)
    assert apart.d_sys == pytest.approx(1.0)
    assert apart.demonstrated
    same = linkability(draw.normal(size=1000), draw.normal(size=1000), seed=0)
    assert same.d_sys < same.chance_high + 0.05
    assert 0 < same.chance < same.chance_high < 0.25


def test_nothing_is_demonstrated_by_chance_too_often() -> None:
    draw = np.random.default_rng(1)
    alarms = sum(
        linkability(draw.normal(size=100), draw.normal(size=100), seed=seed).demonstrated
        for seed in range(60)
    )
    assert alarms <= 9  # 5 % of 60 are 3; 10 or more have a chance of 0.1 %


@given(st.integers(0, 2**32 - 1), st.floats(-2, 2), st.integers(20, 200))
@settings(max_examples=25, deadline=None)
def test_d_sys_stays_in_its_range(seed: int, shift: float, count: int) -> None:
    draw = np.random.default_rng(seed)
    found = linkability(draw.normal(size=count) + shift, draw.normal(size=2 * count), seed=0)
    assert 0 <= found.d_sys <= 1
    assert ((found.local >= 0) & (found.local <= 1)).all()
    assert len(found.edges) == len(found.local) + 1


def test_unfit_scores_are_refused() -> None:
    with pytest.raises(UsageError, match="at least 20 finite scores"):
        linkability(np.zeros(19), np.zeros(50), seed=0)
    with pytest.raises(UsageError, match="finite"):
        linkability(np.full(30, np.nan), np.zeros(50), seed=0)
    with pytest.raises(UsageError, match="prior_ratio > 0"):
        linkability(np.zeros(30), np.zeros(50), seed=0, prior_ratio=0.0)
