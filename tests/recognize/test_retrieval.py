# SPDX-License-Identifier: Apache-2.0
"""Cross-modal retrieval: a naive twin, silence at chance, and the alarm on a planted leak."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polyveil.errors import UsageError
from polyveil.recognize.retrieval import retrieval


def pairing(people: int, leak: float, seed: int) -> np.ndarray:
    """Cosines of unrelated faces and voices; `leak` is the share of a mark that both bear."""
    draw = np.random.default_rng(seed)
    mark, face, voice = (draw.normal(size=(people, 16)) for _ in range(3))
    one, other = (np.sqrt(leak) * mark + np.sqrt(1 - leak) * rows for rows in (face, voice))
    unit = [rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (one, other)]
    return np.asarray(unit[0] @ unit[1].T)


@settings(max_examples=20)
@given(st.integers(0, 10**6), st.integers(10, 25), st.sampled_from([1, 3, 50]))
def test_places_have_a_naive_twin(seed: int, people: int, levels: int) -> None:
    table = np.round(np.random.default_rng(seed).normal(size=(people, people)) * levels)
    firsts, places = [], []
    for row, own in zip(table, table.diagonal(), strict=True):
        higher, same = sum(row > own), sum(row == own) - 1
        places.append((higher + same / 2) / (people - 1))
        firsts.append(1 / (same + 1) if higher == 0 else 0)
    found = retrieval([table], seed=0, permutations=20)
    assert found.place.estimate == pytest.approx(np.mean(places))
    assert found.rank_1.estimate == pytest.approx(np.mean(firsts))
    assert found.rank_1_chance == pytest.approx(1 / people)
    assert found.queries == people


def test_unrelated_modalities_seldom_raise_the_alarm() -> None:
    alarms = [
        retrieval([pairing(20, 0.0, seed)], seed=seed, permutations=200).leaks
        for seed in range(200)
    ]
    assert sum(alarms) <= 20  # 10 expected, 21 or more in 1 of 1,000 runs


def test_a_planted_mark_is_found_and_many_pairings_find_less_of_it() -> None:
    strong = retrieval([pairing(30, 0.5, 1)], seed=0)
    assert strong.leaks and strong.place.high < 0.5
    assert strong.place.estimate < strong.place_chance[0]
    faint = [pairing(30, 0.08, seed) for seed in range(20)]
    assert not retrieval(faint[:1], seed=0).leaks
    assert retrieval(faint, seed=0).leaks


def test_a_perfect_and_a_reversed_pairing_both_leak() -> None:
    table = np.eye(12)
    right = retrieval([table], seed=0)
    assert (right.rank_1.estimate, right.place.estimate) == (1.0, 0.0)
    wrong = retrieval([-table], seed=0)
    assert wrong.place.estimate == 1.0 and wrong.leaks and right.leaks


def test_a_leak_of_a_few_people_alone_shows_in_first_places() -> None:
    tables = [pairing(30, 0.0, seed) for seed in range(10)]
    for table in tables:
        table[[0, 1, 2], [0, 1, 2]] = 2.0  # three are found at once, the rest by chance
    found = retrieval(tables, seed=0)
    assert found.p_rank_1 < 0.001 and found.leaks
    assert found.rank_1.low > found.rank_1_chance


def test_equal_scores_say_nothing() -> None:
    found = retrieval([np.zeros((10, 10))], seed=0)
    assert (found.place.estimate, found.p, found.p_rank_1) == (0.5, 1.0, 1.0)
    assert found.rank_1.estimate == pytest.approx(found.rank_1_chance)


def test_unfit_tables_are_refused() -> None:
    for tables in ([], [np.zeros((9, 9))], [np.zeros((12, 11))], [np.full((12, 12), np.nan)]):
        with pytest.raises(UsageError, match="retrieval: expected"):
            retrieval(tables, seed=0)
