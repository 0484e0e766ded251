# SPDX-License-Identifier: Apache-2.0
"""Figures of a reconstruction: what is exact, what chance does, and how often chance accuses."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polyveil.attack.inversion import reconstruction
from polyveil.attack.inversion.reconstruction import (
    assigned,
    errors,
    found_p,
    nearest,
    pairing_p,
    psnr,
    r_squared,
)

RNG = np.random.default_rng(3)
X = RNG.normal(size=(30, 4, 5))


def test_a_copy_explains_all_and_the_mean_nothing() -> None:
    mean = np.broadcast_to(X.mean(0), X.shape)
    without, people = errors(X, mean), np.arange(30)
    assert r_squared(errors(X, X), without, people).estimate == 1.0
    assert r_squared(without, without, people).estimate == 0.0
    assert psnr(errors(X, X), span=1.0).tolist() == [100.0] * 30


def test_the_interval_is_over_people_not_pictures() -> None:
    people = np.repeat(np.arange(3), 10)
    found = r_squared(errors(X, 0 * X), errors(X, X + 2), people)
    assert found.n == 3


@settings(deadline=None)
@given(st.lists(st.integers(0, 5), min_size=6, max_size=6), st.integers(0, 6))
def test_chance_never_exceeds_its_bound(nominated: list[int], hits: int) -> None:
    """Every way in which 6 originals could belong to 6 nominations, whatever these are."""
    ways = [sum(a == b for a, b in zip(nominated, way, strict=True)) >= hits
            for way in permutations(range(6))]  # fmt: skip
    assert np.mean(ways) <= found_p(hits, 6, 6) + 1e-12


@settings(deadline=None)
@given(st.lists(st.integers(0, 5), min_size=4, max_size=4), st.integers(0, 4))
def test_chance_never_exceeds_its_bound_in_batches(nominated: list[int], hits: int) -> None:
    """Two batches of two from a gallery of six; a nomination is right if it is in its batch."""
    sides = set(nominated[:2]), set(nominated[2:])
    ways = [len(sides[0] & set(way[:2])) + len(sides[1] & set(way[2:])) >= hits
            for way in permutations(range(6), 4)]  # fmt: skip
    assert np.mean(ways) <= found_p(hits, 4, 6, batch=2) + 1e-12


def test_more_hits_than_nominations_are_refused() -> None:
    with pytest.raises(ValueError, match="hits"):
        found_p(5, 4, 6)


def test_order_inside_a_batch_is_the_best_of_all_orders() -> None:
    rebuilt = X[:8] + 0.8 * RNG.normal(size=(8, 4, 5))
    ours = errors(X[:8], assigned(X[:8], rebuilt, 4))
    for start in (0, 4):
        tried = [errors(X[start : start + 4], rebuilt[start : start + 4][list(way)]).sum()
                 for way in permutations(range(4))]  # fmt: skip
        assert ours[start : start + 4].sum() == pytest.approx(min(tried))


def test_pairing_finds_what_is_there_and_accuses_rarely(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconstruction, "PERMUTATIONS", 99)
    assert pairing_p(X, X + RNG.normal(size=X.shape)) == 0.01
    assert pairing_p(X, X[[*range(15, 30), *range(15)]], batch=30) == 1.0
    chance = [pairing_p(X, RNG.normal(size=X.shape), seed=seed) for seed in range(200)]
    # 5 % of 200 with four standard deviations of room.
    assert sum(p <= 0.05 for p in chance) <= 22


def test_strata_are_what_the_attacker_knew_anyway(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconstruction, "PERMUTATIONS", 99)
    classes = np.repeat(np.arange(3), 10)
    values = X + 5 * classes[:, None, None]
    by_class = np.stack([values[classes == one].mean(0) for one in range(3)])[classes]
    assert pairing_p(values, by_class) == 0.01
    assert pairing_p(values, by_class, within=classes) > 0.05


@pytest.mark.parametrize("piece", [512, 7])
def test_a_pale_copy_still_points_at_its_original(
    piece: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconstruction, "PIECE", piece)
    mean = X.mean(0)
    pale = mean + 0.05 * (X - mean)
    assert nearest(pale, X, mean).tolist() == list(range(30))
    assert (nearest(pale, X, mean, apart=True) != np.arange(30)).all()
