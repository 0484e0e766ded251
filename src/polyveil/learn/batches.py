# SPDX-License-Identifier: Apache-2.0
"""Batches for private training: a Poisson sample a step, in pieces that fit the memory.

A logical batch is what one step samples; its size is random, and may be 0. It is cut into equal
pieces of at most `physical` records. A step with an empty sample still gives one piece, of one
record, which does not count: noise is released at every step, or its absence would tell.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import default_collate

from polyveil.errors import NotPrivate


@dataclass(frozen=True, slots=True)
class Piece:
    """Part of one logical batch.

    Attributes:
      indices: positions of the records, int64.
      counts: False for the stand-in of an empty sample: its gradient is dropped.
      last: True for the piece that ends the logical batch.
    """

    indices: NDArray[np.int64]
    counts: bool
    last: bool


def pieces(sample: NDArray[np.int64], physical: int) -> Iterator[Piece]:
    """Cut one Poisson sample into equal pieces of at most `physical` records."""
    if not len(sample):
        yield Piece(np.zeros(1, np.int64), counts=False, last=True)
        return
    number = -(-len(sample) // physical)
    parts = np.array_split(sample, number)
    for position, part in enumerate(parts):
        yield Piece(part, counts=True, last=position == number - 1)


class Records:
    """Training data as something that gives the records at some positions.

    Args:
      data: a tuple of tensors with equal dimension 0 (fast), or any object with len() and
        indexing by integers, such as a torch Dataset, whose items are collated by torch's rules.
    """

    def __init__(self, data: Any) -> None:
        self._tensors = (
            tuple(data)
            if isinstance(data, (tuple, list)) and data and isinstance(data[0], Tensor)
            else None
        )
        self._data = data
        self.count = self._checked(data)

    def at(self, indices: NDArray[np.int64]) -> Any:
        """The records at these positions, collated."""
        if self._tensors is not None:
            rows = torch.from_numpy(indices)
            return tuple(one.index_select(0, rows.to(one.device)) for one in self._tensors)
        return default_collate([self._data[int(index)] for index in indices])

    def _checked(self, data: Any) -> int:
        if self._tensors is not None:
            lengths = {one.shape[0] for one in self._tensors}
            if len(lengths) > 1:
                raise NotPrivate(
                    f"expected tensors with one row a record, got {sorted(lengths)} rows."
                )
            count: int = lengths.pop()
        elif isinstance(data, Sequence) or (
            hasattr(data, "__len__") and hasattr(data, "__getitem__")
        ):
            count = len(data)
        else:
            raise NotPrivate(
                "expected data with len() and indexing by integers, or a tuple of tensors: "
                f"Poisson sampling needs access to any record. Got {type(data).__name__}; pass the "
                "data set, not a DataLoader or an iterable."
            )
        if count < 1:
            raise NotPrivate("expected at least one record, got none.")
        return count
