# SPDX-License-Identifier: Apache-2.0
"""Open-set rates against a naive twin, search by search."""

from __future__ import annotations

import numpy as np
import pytest
from synthetic_people import drawn, halves

from polyveil.errors import UsageError
from polyveil.interval import Interval
from polyveil.recognize.decision import Decider
from polyveil.recognize.estimate import TooFew
from polyveil.recognize.open_set import identification_rate, open_set_at
from polyveil.recognize.trials import Trials

SPLIT = halves(40)


def naive(trials: Trials, threshold: float) -> tuple[float, float]:
    """(DIR, FPIR) one search at a time."""
    hits, alarms = [], []
    by_search: dict[str, list[tuple[float, bool]]] = {}
    for score, own, name in zip(
        trials.scores["face"].tolist(), trials.genuine, trials.searches.tolist(), strict=True
    ):
        by_search.setdefault(name, []).append((score, own))
    for rows in by_search.values():
        [own_score] = [score for score, own in rows if own]
        others = max(score for score, own in rows if not own)
        hits.append(own_score > threshold and own_score > others)
        alarms.append(others > threshold)
    return float(np.mean(hits)), float(np.mean(alarms))


def test_dir_at_fpir_has_a_naive_twin() -> None:
    trials = drawn(SPLIT, "evaluation", probes=8, gap=3.0, levels=3)
    scores = trials.scores["face"]
    found = identification_rate(trials, scores, fpir=0.2, seed=0)
    assert isinstance(found, Interval)
    points = [naive(trials, threshold) for threshold in sorted(set(scores.tolist()))]
    assert found.estimate == pytest.approx(max(hit for hit, alarm in points if alarm <= 0.2))
    assert found.n == 20


def test_a_frozen_threshold() -> None:
    fitted = Decider.fit(drawn(SPLIT, "development", probes=8, gap=3.0, seed=1))
    fresh = drawn(SPLIT, "evaluation", probes=8, gap=3.0, seed=2)
    scores = fitted.fusion.fuse(fresh.scores)
    threshold = fitted.strangers[("face",)].for_search(0.1, gallery=20)
    found = open_set_at(fresh, scores, threshold, seed=0)
    evidence = fitted.fusion.evidence["face"]
    expected = naive(fresh, threshold.value / evidence.slope + evidence.middle)
    assert (found.dir.estimate, found.fpir.estimate) == pytest.approx(expected)
    assert found.gallery == 20
    smaller = fitted.strangers[("face",)].for_search(0.1, gallery=19)
    with pytest.raises(UsageError, match="Choose it with gallery = 20"):
        open_set_at(fresh, scores, smaller, seed=0)
    with pytest.raises(UsageError, match="chosen on 10 of these people"):
        open_set_at(drawn(halves(20), "evaluation", gap=3.0), np.zeros(400), threshold, seed=0)


def test_too_few_searches_are_refused() -> None:
    trials = drawn(SPLIT, "evaluation", probes=8)
    refused = identification_rate(trials, trials.scores["face"], fpir=0.01, seed=0)
    assert refused == TooFew(0.01, 160, 3000)


def test_searches_must_be_whole() -> None:
    trials = drawn(SPLIT, "evaluation", probes=8)
    keep = ~trials.genuine
    part = Trials(
        "evaluation",
        trials.searches[keep],
        trials.probes[keep],
        trials.templates[keep],
        {"face": trials.scores["face"][keep]},
    )
    with pytest.raises(UsageError, match="own person once"):
        identification_rate(part, part.scores["face"], fpir=0.2, seed=0)
    with pytest.raises(UsageError, match="one score a trial"):
        identification_rate(trials, np.zeros(2), fpir=0.2, seed=0)
    development = drawn(SPLIT, "development", probes=8)
    with pytest.raises(UsageError, match="expected evaluation trials"):
        identification_rate(development, development.scores["face"], fpir=0.2, seed=0)
