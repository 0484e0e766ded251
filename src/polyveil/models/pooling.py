# SPDX-License-Identifier: Apache-2.0
"""Where tokens lie in the picture, and how the sequence of tokens becomes shorter.

Between stages the sequence is max-pooled in ONE dimension, kernel 2 and stride 2: tokens 2i and
2i+1 become token i; an odd last token stays alone. Gated attention needs the place of every
token in the picture also after pooling, so a `Grid` keeps it: the centre of the patches that a
token stands for.

The order of the sequence decides which tokens are merged. "raster" (row by row, what the paper
draws) merges neighbours in a row, 1 x 2, then 1 x 4 patches, and where rows are odd the end of one
row with the start of the next. "z-curve" (Morton order) merges 1 x 2, then 2 x 2 patches, and keeps
tokens compact on any grid. With one pooling and even rows both merge the same patches.

Source: Pan et al., ICCV 2021, https://arxiv.org/abs/2103.10619 (one-dimensional pooling of
tokens, mean instead of a class token; it pools by 3 with stride 2, Yang 2024 does not say).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

ORDERS = ("raster", "z-curve")


def pool_tokens(tokens: Tensor) -> Tensor:
    """Half as many tokens, each the elementwise maximum of two neighbours in the sequence.

    Args:
      tokens: [records, T, width].

    Returns:
      [records, ceil(T / 2), width].
    """
    return functional.max_pool1d(tokens.transpose(1, 2), 2, 2, ceil_mode=True).transpose(1, 2)


@dataclass(frozen=True, slots=True)
class Grid:
    """Which patches every token of a sequence stands for.

    Attributes:
      members: one tuple of (row, column) patches a token, in the order of the sequence.
    """

    members: tuple[tuple[tuple[int, int], ...], ...]

    @classmethod
    def of(cls, rows: int, columns: int, order: str = "raster") -> Grid:
        """One token a patch, in "raster" or "z-curve" order."""
        cells = [(row, column) for row in range(rows) for column in range(columns)]
        if order == "z-curve":
            cells.sort(key=lambda cell: _interleaved(*cell))
        return cls(tuple((cell,) for cell in cells))

    def __len__(self) -> int:
        return len(self.members)

    def pooled(self) -> Grid:
        """The grid after `pool_tokens`."""
        pairs = range(0, len(self), 2)
        return Grid(tuple(sum(self.members[i : i + 2], ()) for i in pairs))

    def raster_indices(self, columns: int) -> Tensor:
        """int64 [T]: place of each token's first patch in row-by-row order."""
        return torch.tensor([row * columns + column for ((row, column), *_) in self.members])

    def places(self) -> Tensor:
        """float32 [T, 2]: centres (down, right), in units of the usual token's height and width.

        In these units the next token to the right is 1 away, also after pooling.
        """
        boxes = torch.tensor([_box(cells) for cells in self.members])
        spacing = (boxes[:, 2:] - boxes[:, :2] + 1).median(dim=0).values
        centres = torch.tensor(
            [[sum(axis) / len(axis) for axis in zip(*cells, strict=True)] for cells in self.members]
        )
        return centres / spacing


def _box(cells: tuple[tuple[int, int], ...]) -> tuple[int, int, int, int]:
    rows, columns = zip(*cells, strict=True)
    return min(rows), min(columns), max(rows), max(columns)


def _interleaved(row: int, column: int) -> int:
    """The bits of row and column in turn, the column's lowest first: the place on a Z-curve."""
    place = 0
    for bit in range(max(row.bit_length(), column.bit_length())):
        place |= (column >> bit & 1) << 2 * bit | (row >> bit & 1) << 2 * bit + 1
    return place
