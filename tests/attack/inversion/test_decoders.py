# SPDX-License-Identifier: Apache-2.0
"""Decoders: agree with least squares, begin at the mean, and admit when they were stopped early."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from polyveil.attack.inversion.decoder import Pairs, Ridge
from polyveil.attack.inversion.network import Convolutional, Perceptron, Schedule, settled
from polyveil.attack.inversion.prior import Directions, total_variation

DRAW = torch.Generator().manual_seed(1)
SEEN = torch.randn(120, 5, generator=DRAW)
WAY = torch.randn(5, 12, generator=DRAW)
ALL = Pairs(SEEN, (SEEN @ WAY + 3).reshape(120, 3, 4))
KNOWN, HELD = ALL.at(torch.arange(90)), ALL.at(torch.arange(90, 120))


def test_ridge_agrees_with_least_squares() -> None:
    fresh = torch.randn(7, 5, generator=DRAW)
    ours = Ridge().fit(KNOWN, HELD, seed=0).reconstruct(fresh)
    design = np.column_stack([KNOWN.seen.numpy(), np.ones(90)])
    solved = np.linalg.lstsq(design, KNOWN.original.flatten(1).numpy(), rcond=None)[0]
    theirs = np.column_stack([fresh.numpy(), np.ones(7)]) @ solved
    np.testing.assert_allclose(ours.flatten(1).numpy(), theirs, atol=1e-3)


def test_ridge_falls_back_to_the_mean_when_nothing_is_there() -> None:
    deaf = Pairs(torch.randn(120, 5, generator=DRAW), ALL.original)
    found = Ridge().fit(deaf.at(torch.arange(90)), deaf.at(torch.arange(90, 120)), seed=0)
    mean = float((HELD.original - KNOWN.original.mean(0)).square().mean())
    assert found.error <= 1.01 * mean


def test_a_learned_decoder_begins_at_the_mean() -> None:
    slow = Perceptron(width=8, schedule=Schedule(epochs=1, rate=1e-9)).fit(KNOWN, HELD, seed=0)
    mean = float((HELD.original - KNOWN.original.mean(0)).square().mean())
    assert slow.error == pytest.approx(mean, rel=1e-4)


def test_two_epochs_do_not_count_as_converged() -> None:
    two = Perceptron(width=8, schedule=Schedule(epochs=2)).fit(KNOWN, HELD, seed=0)
    long = Perceptron(width=32, schedule=Schedule(epochs=120, patience=5, rate=1e-2))
    assert not two.converged
    enough = long.fit(KNOWN, HELD, seed=0)
    assert enough.converged and enough.error < 0.1 * two.error


@settings(deadline=None)
@given(st.lists(st.floats(0.1, 10), min_size=1, max_size=7))
def test_seven_epochs_are_never_enough_without_a_turn(errors: list[float]) -> None:
    assert not settled(sorted(errors, reverse=True), patience=12)


def test_a_flat_end_is_settled_and_a_falling_one_is_not() -> None:
    assert settled([5, 4, 3] + [2.0] * 10, patience=12)
    assert not settled([2.0**-at for at in range(20)], patience=12)
    assert settled([3, 1, 2, 2, 2], patience=2)


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 17, 9), (20, 30), (2, 50), (1, 5, 8)])
def test_the_grid_has_the_shape_of_the_original(shape: tuple[int, ...]) -> None:
    decoder = Convolutional(width=4, schedule=Schedule(epochs=1))
    pairs = Pairs(torch.randn(12, 5), torch.randn(12, *shape))
    assert decoder.suits(shape)
    found = decoder.fit(pairs, pairs, seed=0).reconstruct(torch.randn(3, 5))
    assert tuple(found.shape) == (3, *shape)


def test_no_decoder_touches_the_global_randomness() -> None:
    before = torch.random.get_rng_state()
    for one in (Perceptron(width=4, schedule=Schedule(epochs=1)), Ridge()):
        first = one.fit(KNOWN, HELD, seed=3).reconstruct(HELD.seen)
        assert torch.equal(first, one.fit(KNOWN, HELD, seed=3).reconstruct(HELD.seen))
    assert torch.equal(before, torch.random.get_rng_state())


@pytest.mark.parametrize("size", [(40, 6), (6, 40)])
def test_directions_agree_with_a_singular_value_decomposition(size: tuple[int, int]) -> None:
    rows = torch.randn(size, generator=DRAW)
    ours = Directions.of(rows, 3)
    _, scales, axes = np.linalg.svd((rows - rows.mean(0)).numpy(), full_matrices=False)
    np.testing.assert_allclose(ours.scales, scales[:3] / np.sqrt(len(rows)), rtol=1e-4)
    np.testing.assert_allclose(np.abs(ours.axes.numpy() @ axes[:3].T), np.eye(3), atol=1e-3)
    back = ours.record(ours.coordinates(rows))
    assert (back - rows).square().mean() < (rows - rows.mean(0)).square().mean()


def test_total_variation_is_zero_for_what_has_no_neighbours() -> None:
    assert total_variation(torch.randn(3, 9)) == 0
    assert total_variation(torch.ones(3, 1, 9, 9)) == 0
    step = torch.zeros(1, 1, 8, 8)
    step[..., 4:] = 1
    assert total_variation(step) == pytest.approx(1 / 7)
