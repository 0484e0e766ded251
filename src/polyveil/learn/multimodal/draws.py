# SPDX-License-Identifier: Apache-2.0
"""Numbers that a method draws for itself, from a seed on, in an order that a kill does not change.

They protect nobody: what hides records is `polyveil.learn.noise`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor


class Draws:
    """Standard normal numbers that follow from a seed. Args: seed: public."""

    def __init__(self, seed: int) -> None:
        self._generator = torch.Generator().manual_seed(seed)

    def normal(self, shape: Sequence[int], dtype: torch.dtype = torch.float32) -> Tensor:
        """The next ones, on the processor."""
        return torch.randn(tuple(shape), generator=self._generator, dtype=dtype)

    def state_dict(self) -> dict[str, Any]:
        """How far it got."""
        return {"generator": self._generator.get_state()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from there."""
        self._generator.set_state(state["generator"])
