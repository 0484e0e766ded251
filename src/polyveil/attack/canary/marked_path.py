# SPDX-License-Identifier: Apache-2.0
"""A path through a network of several modalities, with marks: see `polyveil.attack.canary.marks`.

A record is one unit with all its modalities, so a canary goes through every path that its record
would go through, and pulls in each. A layer that two paths share has one set of marks.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from polyveil.attack.canary.marks import add_marks, marks_of, pull
from polyveil.attack.canary.observer import Losses


class MarkedPath(nn.Module):
    """A path whose losses are those of its records, and of canaries their pull; train it instead.

    Args:
      path: gets marks in every layer.
      losses: rows of a batch -> one loss a record, through the path's own forward.
      canaries: how many there are.
    """

    def __init__(self, path: nn.Module, losses: Callable[..., Tensor], canaries: int) -> None:
        super().__init__()
        # First, so that it keeps its name: what a path tells is measured, never stepped.
        self.probe = getattr(path, "probe", None)
        self.path = path
        self._losses = losses
        self._owners = add_marks(path, canaries)
        self._sampled = np.zeros(canaries, dtype=np.int64)

    @property
    def marks(self) -> tuple[nn.Parameter, ...]:
        """One parameter [canaries, 1] a layer."""
        return marks_of(self._owners)

    def forward(self, which: Tensor, *rows: Tensor) -> Tensor:
        """One loss a record. Args: which: int64 [records], place of each canary, -1 for others."""
        return torch.where(which >= 0, pull(self.marks, which), self._losses(*rows))

    def losses(self, *rows: Tensor) -> Tensor:
        """As the path's own losses, of rows whose last says which canary each is."""
        *own, which = rows
        np.add.at(self._sampled, which[which >= 0].cpu().numpy(), 1)
        found: Tensor = self(which, *own)
        return found

    def signs(self, losses: Losses) -> NDArray[np.float32]:
        """See `Pulling`: a canary's loss is its pull, whatever the records' losses are."""
        return np.ones(len(self._sampled), dtype=np.float32)

    def sampled(self) -> NDArray[np.int64]:
        """See `Pulling`."""
        found, self._sampled = self._sampled, np.zeros_like(self._sampled)
        return found
