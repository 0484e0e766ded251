# SPDX-License-Identifier: Apache-2.0
"""Who tries many things is judged by all of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyveil.attack.multiplicity import all_trials, holm_levels

P_VALUES = st.lists(st.floats(0, 1), min_size=0, max_size=12)


def naive_holm(values: list[float], significance: float) -> list[bool]:
    """Adjusted p-values as the paper writes them: running maxima of (m - k) p_(k)."""
    order = np.argsort(values, kind="stable")
    rejected = [False] * len(values)
    greatest = 0.0
    for place, at in enumerate(order):
        greatest = max(greatest, (len(values) - place) * values[at])
        rejected[at] = greatest <= significance
    return rejected


@given(P_VALUES)
def test_levels_reject_what_holm_rejects(values: list[float]) -> None:
    levels = holm_levels(values)
    found = [p <= level for p, level in zip(values, levels, strict=True)]
    # Products and quotients round apart at equality.
    close = [any(abs(k * p - 0.05) < 1e-12 for k in range(1, 13)) for p in values]
    expected = naive_holm(values, 0.05)
    assert all(a == b or c for a, b, c in zip(found, expected, close, strict=True)) or any(close)


@given(P_VALUES)
def test_levels_lie_between_bonferroni_and_no_correction(values: list[float]) -> None:
    assert all(0.05 / len(values) - 1e-12 <= level <= 0.05 for level in holm_levels(values))


def test_ten_attacks_on_nothing_accuse_in_at_most_five_of_a_hundred_audits() -> None:
    draw = np.random.default_rng(7)
    audits = draw.random((4000, 10))
    accused = [any(p <= v for p, v in zip(r, holm_levels(list(r)), strict=True)) for r in audits]
    assert np.mean(accused) < 0.05 + 3 * (0.05 * 0.95 / 4000) ** 0.5


def test_a_best_of_many_pays_for_all() -> None:
    assert all_trials(0.01, 3) == pytest.approx(0.03)
    assert all_trials(0.9, 3) == 1.0
    with pytest.raises(ValueError, match="trials >= 1"):
        all_trials(0.1, 0)


def test_what_is_no_p_value_is_refused() -> None:
    with pytest.raises(ValueError, match=r"\[0, 1\]"):
        holm_levels([0.1, 1.5])
