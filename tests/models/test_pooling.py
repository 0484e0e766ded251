# SPDX-License-Identifier: Apache-2.0
"""One-dimensional pooling halves tokens, and the grid follows it."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from polyveil.models.pooling import ORDERS, Grid, pool_tokens

sides = st.integers(1, 9)
orders = st.sampled_from(ORDERS)


@given(st.integers(1, 40), st.integers(1, 5))
def test_pooling_halves_tokens_and_keeps_the_larger(count: int, width: int) -> None:
    tokens = torch.randn(2, count, width)
    pooled = pool_tokens(tokens)
    assert pooled.shape == (2, (count + 1) // 2, width)
    for i in range(pooled.shape[1]):
        assert torch.equal(pooled[:, i], tokens[:, 2 * i : 2 * i + 2].amax(1))


@given(sides, sides, orders)
def test_every_patch_belongs_to_one_token_at_every_stage(
    rows: int, columns: int, order: str
) -> None:
    grid, patches = Grid.of(rows, columns, order), rows * columns
    while True:
        cells = [cell for token in grid.members for cell in token]
        assert len(set(cells)) == len(cells) == patches
        if len(grid) == 1:
            break
        assert len(grid.pooled()) == (len(grid) + 1) // 2
        grid = grid.pooled()


@given(sides, sides, orders)
def test_raster_indices_are_a_permutation(rows: int, columns: int, order: str) -> None:
    indices = Grid.of(rows, columns, order).raster_indices(columns)
    assert sorted(indices.tolist()) == list(range(rows * columns))


def test_raster_merges_rows_and_z_curve_merges_squares() -> None:
    raster, curve = (Grid.of(4, 4, order).pooled().pooled() for order in ORDERS)
    assert raster.members[0] == ((0, 0), (0, 1), (0, 2), (0, 3))
    assert set(curve.members[0]) == {(0, 0), (0, 1), (1, 0), (1, 1)}


def test_only_the_z_curve_keeps_tokens_of_odd_rows_together() -> None:
    """7 x 7 patches, as of a 28 x 28 picture."""

    def torn(order: str) -> int:
        pairs = [pair for pair in Grid.of(7, 7, order).pooled().members if len(pair) == 2]
        return sum(abs(a[0] - b[0]) + abs(a[1] - b[1]) > 1 for a, b in pairs)

    assert torn("raster") == 3
    assert torn("z-curve") == 0


def test_once_pooled_both_orders_merge_the_same_patches() -> None:
    once = [{frozenset(m) for m in Grid.of(8, 8, order).pooled().members} for order in ORDERS]
    assert once[0] == once[1]


def test_neighbours_stay_one_step_apart() -> None:
    """After pooling a step is one token wide: rows of 4 x 4 patches become 4 x 2 tokens."""
    places = Grid.of(4, 4).pooled().places()
    torch.testing.assert_close(places[1] - places[0], torch.tensor([0.0, 1.0]))
    torch.testing.assert_close(places[2] - places[0], torch.tensor([1.0, 0.0]))
