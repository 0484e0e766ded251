# SPDX-License-Identifier: Apache-2.0
"""ROC: against naive twins and independent implementations, ties, and chance that is kept."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from polyveil.attack.roc import Hits, TooFew, area_under, curve, hits_at, midranks
from polyveil.errors import UsageError


def drawn(seed: int, members: int, others: int, *, gap: float = 0.0, ties: bool = False):
    draw = np.random.default_rng(seed)
    is_member = np.arange(members + others) < members
    scores = draw.normal(size=members + others) + gap * is_member
    return (np.round(scores, 1) if ties else scores), is_member


def naive_area(scores: NDArray[np.float64], is_member: NDArray[np.bool_]) -> float:
    members, others = scores[is_member][:, None], scores[~is_member][None]
    return float(((members > others) + 0.5 * (members == others)).mean())


@pytest.mark.parametrize("ties", [False, True])
def test_area_is_the_chance_that_a_member_scores_higher(ties: bool) -> None:
    scores, is_member = drawn(1, 80, 130, gap=0.4, ties=ties)
    found = area_under(scores, is_member)
    assert found.area.estimate == pytest.approx(naive_area(scores, is_member), abs=1e-12)


@pytest.mark.parametrize("ties", [False, True])
def test_area_and_p_value_agree_with_sklearn_and_scipy(ties: bool) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    stats = pytest.importorskip("scipy.stats")
    scores, is_member = drawn(2, 200, 300, gap=0.2, ties=ties)
    found = area_under(scores, is_member)
    assert found.area.estimate == pytest.approx(metrics.roc_auc_score(is_member, scores))
    theirs = stats.mannwhitneyu(
        scores[is_member], scores[~is_member], alternative="greater", method="asymptotic"
    )
    assert found.p_value == pytest.approx(theirs.pvalue, rel=1e-9)


def test_delong_interval_agrees_with_its_formula_written_out() -> None:
    scores, is_member = drawn(3, 40, 60, gap=0.7, ties=True)
    members, others = scores[is_member], scores[~is_member]
    wins = (members[:, None] > others) + 0.5 * (members[:, None] == others)
    variance = wins.mean(1).var(ddof=1) / 40 + wins.mean(0).var(ddof=1) / 60
    found = area_under(scores, is_member).area
    assert found.high - found.low == pytest.approx(2 * 1.959964 * math.sqrt(variance), rel=1e-6)


def test_delong_interval_holds_the_true_area_19_times_of_20() -> None:
    true = 0.5 * math.erfc(-1.0 / math.sqrt(2) / math.sqrt(2))
    found = [area_under(*drawn(seed, 60, 90, gap=1.0)).area for seed in range(300)]
    assert 0.91 <= np.mean([one.low <= true <= one.high for one in found]) <= 0.985


def test_chance_of_hits_is_exact_by_enumeration() -> None:
    """Every order of 4 members among 10 others, counted."""
    scores = np.arange(14.0)
    for rate in (0.1, 0.3):
        outcomes = []
        for chosen in combinations(range(14), 4):
            is_member = np.isin(np.arange(14), chosen)
            found = hits_at(scores, is_member, rate)
            assert isinstance(found, Hits)
            outcomes.append((round(found.hits.estimate * 4), found.p_value))
        for hits, p_value in set(outcomes):
            share = np.mean([other >= hits for other, _ in outcomes])
            assert p_value == pytest.approx(share, abs=1e-12)


def test_a_guesser_is_named_significant_as_seldom_as_stated() -> None:
    areas, hits = [], []
    for seed in range(600):
        scores, is_member = drawn(seed, 150, 150, ties=seed % 2 == 0)
        areas.append(area_under(scores, is_member).p_value)
        found = hits_at(scores, is_member, 0.01)
        assert isinstance(found, Hits)
        hits.append(found.p_value)
    for p_values in (areas, hits):
        assert np.mean(np.array(p_values) <= 0.05) <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 600)


def test_a_guesser_raises_and_hits_at_the_rate_asked_for() -> None:
    """The threshold holds for fresh others, not only for those that it was set on."""
    shares = []
    for seed in range(400):
        found = hits_at(*drawn(seed, 300, 150), 0.01)
        assert isinstance(found, Hits)
        shares.append(found.hits.estimate)
    assert np.mean(shares) == pytest.approx(1 / 151, rel=0.2)


def test_small_groups_are_permuted() -> None:
    scores = np.array([5.0, 4.0, 3.0, 2.0, 1.0, 0.0])
    is_member = np.array([True, True, True, False, False, False])
    assert area_under(scores, is_member).p_value == pytest.approx(1 / 20, abs=0.01)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4), st.booleans()), min_size=12, max_size=60))
def test_neither_order_nor_scale_matters(rows: list[tuple[int, bool]]) -> None:
    scores = np.array([float(score) for score, _ in rows])
    is_member = np.array([member for _, member in rows])
    if is_member.all() or not is_member.any():
        return
    order = np.random.default_rng(0).permutation(len(rows))
    first = hits_at(scores, is_member, 0.1)
    again = hits_at(np.exp(scores)[order], is_member[order], 0.1)
    if isinstance(first, TooFew):
        assert isinstance(again, TooFew)
    else:
        assert isinstance(again, Hits)
        assert (again.hits, again.p_value) == (first.hits, first.p_value)
    area, moved = (
        area_under(*one).area
        for one in ((scores, is_member), (np.exp(scores)[order], is_member[order]))
    )
    assert (moved.estimate, moved.low, moved.high) == pytest.approx(
        (area.estimate, area.low, area.high), abs=1e-9
    )


def test_equal_scores_give_nothing_away() -> None:
    is_member = np.arange(400) < 200
    found = hits_at(np.zeros(400), is_member, 0.01)
    assert isinstance(found, Hits)
    assert (found.hits.estimate, found.false_alarms, found.p_value) == (0.0, 0, 1.0)
    area = area_under(np.zeros(400), is_member)
    assert area.area.estimate == 0.5
    assert area.area.low < 0.5 < area.area.high
    assert area.p_value == 1.0


def test_groups_fully_apart_keep_an_interval() -> None:
    is_member = np.arange(100) < 40
    area = area_under(is_member.astype(float), is_member).area
    assert (area.estimate, area.high) == (1.0, 1.0)
    assert 0.85 < area.low < 1.0


def test_a_tenth_of_a_per_cent_is_refused_below_a_thousand_non_members() -> None:
    found = hits_at(*drawn(0, 50, 999), 0.001)
    assert isinstance(found, TooFew)
    assert "999" in found.reason and "1,000" in found.reason
    assert isinstance(hits_at(*drawn(0, 50, 1000), 0.001), Hits)


def test_the_curve_rises_and_is_drawn_on_log_axes() -> None:
    line = curve(*drawn(0, 500, 2000, gap=1.0), name="an attack")
    assert line.log and len(line.x) == len(line.y) == len(line.low) == len(line.chance)
    assert list(line.y) == sorted(line.y) and line.x[-1] == line.y[-1] == 1.0
    assert all(low <= y <= high for low, y, high in zip(line.low, line.y, line.high, strict=True))


def test_midranks_share() -> None:
    assert midranks(np.array([3.0, 1.0, 3.0, 2.0])).tolist() == [3.5, 1.0, 3.5, 2.0]


@pytest.mark.parametrize(
    ("scores", "is_member", "said"),
    [
        (np.array([0.0, np.nan]), np.array([True, False]), "1 scores are not finite"),
        (np.zeros(2), np.array([True, True]), "0 others"),
        (np.zeros(2), np.array([True]), "expected"),
    ],
)
def test_what_cannot_be_judged_is_refused(
    scores: NDArray[np.float64], is_member: NDArray[np.bool_], said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        area_under(scores, is_member)
