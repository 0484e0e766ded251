# SPDX-License-Identifier: Apache-2.0
"""Error rates against a naive twin and sklearn; refusals where the count is too small."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.stats import norm
from sklearn.metrics import roc_curve
from synthetic_people import drawn, halves

from polyveil.errors import UsageError
from polyveil.interval import Interval
from polyveil.recognize.curves import det, equal_error_rate, rates_at, true_accept_rate
from polyveil.recognize.decision import Decider
from polyveil.recognize.estimate import TooFew, over_people, supports
from polyveil.recognize.trials import Trials

SPLIT = halves(40)


def of(probes: list[str], templates: list[str], scores: list[float]) -> Trials:
    return SPLIT.trials(
        "evaluation",
        searches=probes,
        probes=probes,
        templates=templates,
        scores={"face": scores},
    )


def from_labels(genuine: list[bool], scores: list[float]) -> Trials:
    return of(["p020"] * len(genuine), ["p020" if own else "p021" for own in genuine], scores)


mixed = st.lists(
    st.tuples(st.booleans(), st.integers(-6, 6).map(float)), min_size=4, max_size=40
).filter(lambda rows: len({own for own, _ in rows}) == 2)


@given(mixed)
@settings(max_examples=100, deadline=None)
def test_every_operating_point_has_a_naive_twin(rows: list[tuple[bool, float]]) -> None:
    genuine, scores = map(list, zip(*rows, strict=True))
    trials = from_labels(genuine, scores)
    curve = det(trials, trials.scores["face"])
    for threshold, far, frr in zip(curve.thresholds, curve.far, curve.frr, strict=True):
        if np.isposinf(threshold):
            assert (far, frr) == (0, 1)
            continue
        others = [score > threshold for own, score in rows if not own]
        own_ones = [score > threshold for own, score in rows if own]
        assert far == pytest.approx(sum(others) / len(others))
        assert frr == pytest.approx(1 - sum(own_ones) / len(own_ones))


@given(mixed)
@settings(max_examples=60, deadline=None)
def test_eer_agrees_with_sklearn(rows: list[tuple[bool, float]]) -> None:
    genuine, scores = map(list, zip(*rows, strict=True))
    trials = from_labels(genuine, scores)
    far, tar, _ = roc_curve(genuine, scores, drop_intermediate=False)
    ours = det(trials, trials.scores["face"])
    assert np.allclose(ours.far, far)
    assert np.allclose(1 - ours.frr, tar)
    gap = 1 - tar - far
    after = int(np.argmax(gap <= 0))
    expected = far[after - 1] + (far[after] - far[after - 1]) * gap[after - 1] / (
        gap[after - 1] - gap[after]
    )
    assert ours.equal_error() == pytest.approx(expected)


def test_eer_of_normal_scores() -> None:
    """Two normals a gap apart: the true EER is known, sklearn's and ours agree to 1e-9."""
    trials = drawn(SPLIT, "evaluation", probes=20, gap=2.0, seed=3)
    scores = trials.scores["face"]
    ours = equal_error_rate(trials, scores, seed=0)
    far, tar, _ = roc_curve(trials.genuine, scores, drop_intermediate=False)
    theirs = brentq(lambda x: 1.0 - x - np.interp(x, far, tar), 0, 1, xtol=1e-14)
    assert ours.estimate == pytest.approx(theirs, abs=1e-9)
    assert ours.low < norm.cdf(-1.0) < ours.high
    assert ours.n == 20


def test_tar_at_far_has_a_naive_twin() -> None:
    trials = drawn(SPLIT, "evaluation", probes=10, gap=2.0, seed=4, levels=4)
    scores, genuine = trials.scores["face"], trials.genuine
    found = true_accept_rate(trials, scores, far=0.01, seed=0)
    assert isinstance(found, Interval)
    best = max(
        (scores[genuine] > threshold).mean()
        for threshold in [*scores, -np.inf]
        if (scores[~genuine] > threshold).mean() <= 0.01
    )
    assert found.estimate == pytest.approx(best)
    assert found.low <= found.estimate <= found.high


def test_rates_that_the_count_cannot_support_are_refused() -> None:
    trials = drawn(SPLIT, "evaluation", probes=10)  # 3,800 impostor trials
    refused = true_accept_rate(trials, trials.scores["face"], far=0.001, seed=0)
    assert refused == TooFew(0.001, 3800, 30000)
    assert str(refused) == "a rate of 0.001 needs 30000 comparisons, there are 3800."
    assert supports(0.01, 3000) is None
    assert supports(0.01, 2999) == TooFew(0.01, 2999, 3000)
    with pytest.raises(UsageError, match=r"rate in \(0, 1\)"):
        supports(0.0, 10)


def test_missing_scores_count_as_rejected() -> None:
    genuine, scores = [True, True, False, False], [1.0, float("nan"), 0.0, float("nan")]
    trials = from_labels(genuine, scores)
    curve = det(trials, trials.scores["face"])
    strictest = curve.far == 0
    assert curve.frr[strictest].min() == pytest.approx(0.5)
    assert curve.far[-1] == 1


def test_a_frozen_threshold_on_people_it_has_never_seen() -> None:
    fitted = Decider.fit(drawn(SPLIT, "development", seed=5))
    threshold = fitted.strangers[("face",)].for_pair(0.05)
    fresh = drawn(SPLIT, "evaluation", seed=6)
    scores = fitted.fusion.fuse(fresh.scores)
    rates = rates_at(fresh, scores, threshold, seed=0)
    accepted = scores > threshold.value
    assert rates.far.estimate == pytest.approx(accepted[~fresh.genuine].mean())
    assert rates.frr.estimate == pytest.approx(1 - accepted[fresh.genuine].mean())
    assert rates.far.low < 0.05 < rates.far.high
    other = halves(60)  # its evaluation people are p030.., its development p000..p029
    seen = drawn(other, "evaluation", seed=7)
    mixed_up = Decider.fit(drawn(halves(80), "development")).strangers[("face",)].for_pair(0.05)
    with pytest.raises(UsageError, match="chosen on 10 of these people"):
        rates_at(seen, seen.scores["face"], mixed_up, seed=0)


def test_development_trials_give_no_figures() -> None:
    trials = drawn(SPLIT, "development")
    with pytest.raises(UsageError, match="expected evaluation trials"):
        det(trials, trials.scores["face"])
    fresh = drawn(SPLIT, "evaluation")
    with pytest.raises(UsageError, match="one score for each"):
        det(fresh, np.zeros(3))
    with pytest.raises(UsageError, match="genuine and impostor"):
        one_kind = from_labels([True, True], [0.0, 1.0])
        det(one_kind, one_kind.scores["face"])


def test_the_bootstrap_draws_people_not_trials() -> None:
    """One person fails always: the interval must be as wide as a draw of 20 people makes it."""
    trials = drawn(SPLIT, "evaluation", probes=50)
    fails = (trials.probes == "p020") & trials.genuine
    found = over_people(
        trials,
        lambda weights: float((weights * fails).sum() / (weights * trials.genuine).sum()),
        seed=0,
    )
    assert found.estimate == pytest.approx(0.05)
    assert found.low == 0.0
    assert found.high >= 0.15
    with pytest.raises(UsageError, match="does not exist"):
        over_people(trials, lambda _: float("nan"), seed=0)


def test_a_trial_counts_as_often_as_its_people_were_drawn() -> None:
    trials = drawn(SPLIT, "evaluation", probes=1)
    seen: list[np.ndarray] = []
    over_people(trials, lambda weights: float(seen.append(weights) or 1), seed=0, resamples=5)
    assert (seen[-1] == 1).all()  # the figure itself
    for weights in seen[:-1]:
        drawn_people = dict(
            zip(trials.probes[trials.genuine], weights[trials.genuine], strict=True)
        )
        assert sum(drawn_people.values()) == 20
        twin = [
            drawn_people[one] if one == other else drawn_people[one] * drawn_people[other]
            for one, other in zip(trials.probes, trials.templates, strict=True)
        ]
        assert weights.tolist() == twin


def test_probits_leave_the_ends_out() -> None:
    trials = drawn(SPLIT, "evaluation", probes=10, gap=2.0)
    x, y = det(trials, trials.scores["face"]).probits()
    assert np.isfinite(x).all()
    slope, at_zero = np.polyfit(x, y, 1)
    # Two normals of one spread: a straight line of slope -1, their distance below the origin.
    assert slope == pytest.approx(-1.0, abs=0.15)
    assert at_zero == pytest.approx(-2.0, abs=0.25)
