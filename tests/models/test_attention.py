# SPDX-License-Identifier: Apache-2.0
"""Gated attention starts as a convolution, and mixes two maps by its gate."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from polyveil.models.attention import (
    GatedAttention,
    GlobalAttention,
    kernel_cells,
    split_heads,
)
from polyveil.models.pooling import Grid

SIDE, WIDTH = 6, 24


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


def maps_of(attention: GatedAttention, tokens: Tensor) -> Tensor:
    query, key, _ = split_heads(attention.query_key_value(tokens), attention.heads)
    return attention.maps(query, key)


@pytest.mark.parametrize(
    ("heads", "kernel"),
    [(1, (1, 1)), (4, (2, 2)), (5, (1, 5)), (8, (2, 4)), (9, (3, 3)), (12, (3, 4))],
)
def test_heads_are_the_cells_of_a_kernel(heads: int, kernel: tuple[int, int]) -> None:
    down, right = zip(*kernel_cells(heads), strict=True)
    assert (len(set(down)), len(set(right))) == kernel
    assert len(set(kernel_cells(heads))) == heads
    assert (0, 0) in kernel_cells(heads)


@pytest.mark.parametrize("heads", [4, 8, 12])
@pytest.mark.parametrize("order", ["raster", "z-curve"])
def test_at_the_start_each_head_looks_at_its_offset(heads: int, order: str) -> None:
    grid = Grid.of(SIDE, SIDE, order)
    maps = maps_of(GatedAttention(WIDTH, heads, grid), torch.randn(2, SIDE * SIDE, WIDTH))
    torch.testing.assert_close(maps.sum(-1), torch.ones(2, heads, SIDE * SIDE))
    cells = [token[0] for token in grid.members]
    for head, (down, right) in enumerate(kernel_cells(heads)):
        for i, (row, column) in enumerate(cells):
            goal = (row + down, column + right)
            if goal in cells:
                assert cells[int(maps[0, head, i].argmax())] == goal


def test_after_pooling_it_looks_one_token_further() -> None:
    """4 x 4 patches pooled once by rows: 4 x 2 tokens; the head that looks left finds its one."""
    grid = Grid.of(4, 4).pooled()
    maps = maps_of(GatedAttention(WIDTH, 4, grid), torch.randn(1, 8, WIDTH))
    left = kernel_cells(4).index((0, -1))
    assert [int(maps[0, left, i].argmax()) for i in (1, 3, 5, 7)] == [0, 2, 4, 6]


def test_strong_locality_and_an_open_gate_are_exactly_a_convolution() -> None:
    """Cordonnier's theorem for one head: a shifted copy of the values, as conv2d computes it."""
    attention = GatedAttention(WIDTH, 1, Grid.of(SIDE, SIDE))
    with torch.no_grad():
        attention.gate.fill_(50.0)
        attention.position.weight.copy_(200 * torch.tensor([[-1.0, 2.0, 0.0]]))
        attention.query_key_value.bias.zero_()
        attention.output.bias.zero_()
        tokens = torch.randn(2, SIDE * SIDE, WIDTH)
        picture = tokens.transpose(1, 2).unflatten(2, (SIDE, SIDE))
        kernel = F.pad(attention.output.weight[:, :, None, None], (1, 1, 2, 0))
        expected = F.conv2d(picture, kernel, padding=1)[:, :, :-1].flatten(2).transpose(1, 2)
        found = attention(tokens)
    # The lowest row has nobody below it and looks at itself.
    inside = SIDE * (SIDE - 1)
    torch.testing.assert_close(found[:, :inside], expected[:, :inside], rtol=1e-4, atol=1e-4)


def test_a_closed_gate_is_plain_attention() -> None:
    gated = GatedAttention(WIDTH, 4, Grid.of(SIDE, SIDE))
    plain = GlobalAttention(WIDTH, 4)
    plain.load_state_dict(
        {
            name: value
            for name, value in gated.state_dict().items()
            if name[:5] in ("query", "outpu")
        }
    )
    tokens = torch.randn(2, SIDE * SIDE, WIDTH)
    with torch.no_grad():
        gated.gate.fill_(-50.0)
        torch.testing.assert_close(gated(tokens), plain(tokens), rtol=1e-4, atol=1e-5)


def test_the_gate_mixes_the_two_maps_of_the_formula() -> None:
    """A naive twin: token by token, head by head."""
    grid = Grid.of(3, 2)
    attention = GatedAttention(8, 4, grid)
    with torch.no_grad():
        attention.gate.copy_(torch.randn(4, 1, 1))
        query, key = torch.randn(2, 1, 4, 6, 2).unbind(0)
        maps = attention.maps(query, key)
        cells = [token[0] for token in grid.members]
        for head in range(4):
            share = torch.sigmoid(attention.gate[head, 0, 0])
            weights = attention.position.weight[head]
            for i, (row, column) in enumerate(cells):
                content = (query[0, head, i] * key[0, head]).sum(-1) / 2**0.5
                steps = [(r - row, c - column) for r, c in cells]
                scores = torch.stack(
                    [(weights * torch.tensor([d * d + s * s, d, s])).sum() for d, s in steps]
                )
                row_map = (1 - share) * content.softmax(0) + share * scores.softmax(0)
                torch.testing.assert_close(maps[0, head, i], row_map)
