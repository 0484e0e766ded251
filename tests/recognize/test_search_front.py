# SPDX-License-Identifier: Apache-2.0
"""What strangers reach in galleries of any size: against a naive twin, and at the stated rate."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyveil.errors import UsageError
from polyveil.recognize.search_front import SearchFront
from polyveil.recognize.threshold import Strangers


@given(st.integers(1, 6), st.integers(1, 9), st.integers(0, 99), st.integers(1, 12))
def test_the_best_of_the_first_templates(searches: int, others: int, seed: int, n: int) -> None:
    scores = np.random.default_rng(seed).normal(size=(searches, others)).round(1)
    names = np.repeat(np.arange(searches).astype(np.str_), others)
    front = SearchFront.of(names, scores.ravel(), seed=seed)
    drawn = np.random.default_rng(seed).random(searches * others).reshape(searches, others)
    order = np.argsort(drawn, axis=1)
    naive = np.take_along_axis(scores, order, axis=1)[:, :n].max(axis=1)
    assert np.array_equal(front.best(n), np.sort(naive))
    assert front.count == searches and front.others == others
    assert np.array_equal(front.best(others), np.sort(scores.max(axis=1)))


def test_a_threshold_for_a_small_gallery_is_laxer_and_keeps_its_rate() -> None:
    """Strangers with an offset of their own, as people have: the rate holds, and is not far off."""
    draw, rate, gallery = np.random.default_rng(0), 0.05, 10
    alarms, strict = [], []
    for _ in range(60):
        found = draw.normal(size=(200, 1)) + draw.normal(size=(200, 100))
        names = np.repeat(np.arange(200).astype(np.str_), 100)
        front = SearchFront.of(names, found.ravel())
        strangers = Strangers(("face",), np.sort(found.ravel()), front, frozenset(), found.size)
        fresh = (draw.normal(size=(400, 1)) + draw.normal(size=(400, gallery))).max(axis=1)
        for size, rates in ((gallery, alarms), (100, strict)):
            threshold = strangers.for_search(rate, gallery=size)
            rates.append(float((fresh > threshold.value).mean()))
    assert 0.04 < np.mean(alarms) < 0.055
    assert np.mean(strict) < 0.5 * np.mean(alarms)


@pytest.mark.parametrize(
    "columns",
    [
        ([0, 0], [1, 1], [1.0, 2.0]),
        ([0, 0], [1, 2], [2.0, 1.0]),
        ([0, 2], [1, 1], [1.0, 1.0]),
        ([1], [1], [1.0]),
        ([0], [2], [1.0]),
        ([], [], []),
        ([0], [1], [np.nan]),
    ],
)
def test_what_no_searches_give_is_refused(columns: tuple[list[float], ...]) -> None:
    search, place, score = columns
    with pytest.raises(UsageError):
        SearchFront(np.array(search, np.int64), np.array(place, np.int64), np.array(score), 3)
