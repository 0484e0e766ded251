# SPDX-License-Identifier: Apache-2.0
"""Ranks, ties and p-values against twins that count one by one."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from polyveil.attack.people.judging import beyond
from polyveil.attack.people.ranks import RANKS, Ranked, first_places, rank, share_of_people, within
from polyveil.interval import clopper_pearson

tables = arrays(np.int8, st.tuples(*[st.shared(st.integers(2, 8))] * 2), elements=st.integers(0, 3))


@given(tables)
def test_ties_are_shared(table: np.ndarray) -> None:
    table = table.astype(float)
    places = first_places(table)
    assert np.allclose(places.sum(axis=1), 1)
    found = within(table, np.arange(len(table)))
    assert np.allclose(found[:, 0], np.diag(places))
    for row, own in enumerate(np.diag(table)):
        ahead, tied = int((table[row] > own).sum()), int((table[row] == own).sum())
        # Every order of the tied ones is as likely: count those in which the own is early enough.
        for at, k in enumerate(RANKS):
            early = sum(ahead + place < k for place in range(tied)) / tied
            assert np.isclose(found[row, at], early)


def test_the_permutation_test_is_exact_enough() -> None:
    """With nobody told apart p is 1; with everybody named right it is as small as it can be; and
    under the null it is at most alpha in about alpha of cases."""
    gallery = np.zeros(20, np.intp)
    right = Ranked(np.eye(20), np.ones((20, 3)), gallery)
    assert right.p_value() == 1e-4
    flat = Ranked(np.full((20, 20), 0.05), np.full((20, 3), 0.05), gallery)
    assert flat.p_value() == 1.0
    draw = np.random.default_rng(1)
    small = 0
    for seed in range(200):
        named = np.eye(20)[draw.integers(0, 20, 20)]
        hits = np.repeat(np.diag(named)[:, None], 3, axis=1)
        ranked = Ranked(named, hits, gallery)
        small += ranked.p_value(seed=seed) <= 0.05
    assert small <= 20


def test_strata_take_away_what_is_kept_on_purpose() -> None:
    kinds = np.arange(40) % 2
    named = (kinds[:, None] == kinds[None]) / 20
    ranked = Ranked(named, np.full((40, 3), 1 / 20), np.zeros(40, np.intp))
    assert ranked.p_value() < 0.001 and ranked.p_value(strata=kinds) == 1.0


def test_chance_is_k_over_the_gallery() -> None:
    ranked = Ranked(np.eye(12), np.ones((12, 3)), np.arange(12) % 2)
    assert np.allclose([ranked.chance(k) for k in RANKS], [1 / 6, 5 / 6, 1])


def test_intervals_are_exact_where_everybody_was_tried_once() -> None:
    hits = np.array([1.0] * 3 + [0.0] * 27)
    assert share_of_people(hits) == clopper_pearson(3, 30)
    some = share_of_people(np.array([0.5] + [0.0] * 29))
    assert some.high >= clopper_pearson(1, 30).high and some.estimate == 0.5 / 30


def test_people_who_look_alike_in_no_picture_are_at_chance() -> None:
    draw = np.random.default_rng(0)
    who = np.repeat(np.arange(50), 3)
    likeness = draw.normal(size=(150, 150))
    found = rank(likeness, who, np.zeros(50, np.intp), draws=200)
    assert abs(found.rate().estimate - 0.02) < 0.015 and found.p_value() > 0.01
    other = rank((who[:, None] == who[None]).astype(float), who, np.zeros(50, np.intp), draws=5)
    assert other.rate().estimate == 1.0


def test_the_same_picture_is_held_only_where_there_is_no_other() -> None:
    who = np.repeat(np.arange(30), 2)
    only_itself = np.eye(60)
    across = rank(only_itself, who, np.zeros(30, np.intp), draws=20)
    same = rank(only_itself, who, np.zeros(30, np.intp), across=False)
    assert across.rate().estimate < 0.1 and same.rate().estimate == 1.0


def test_beyond_a_bar() -> None:
    assert beyond(np.zeros(10), 0.1) == 1.0 and beyond(np.ones(50), 0.1) < 1e-9
    assert np.isclose(beyond(np.array([1.0, 0.0]), 0.5), 0.75)  # P[Bin(2, 1/2) >= 1]
    assert beyond(np.full(40, 0.4), 0.3) < 0.001 < 0.9 < beyond(np.full(40, 0.2), 0.3)
