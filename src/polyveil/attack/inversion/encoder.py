# SPDX-License-Identifier: Apache-2.0
"""An embedding under attack: any function from records to vectors, with whatever defends it inside.

The attacker sees the DEFENDED vectors, as a recipient of the release would: noise, rounding and
projection belong into the function.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import torch
from torch import Tensor

from polyveil.attack.examples import Inputs
from polyveil.errors import UsageError

Embed: TypeAlias = Callable[[Inputs], Tensor]
BATCH = 256


class Encoder:
    """A target that answers with one vector a record.

    Args:
      function: inputs (modality -> (n, ...)) to (n, ...); more axes are flattened. May be random.
      batch: records at once.

    Attributes:
      queries: records that went through so far.
    """

    def __init__(self, function: Embed, *, batch: int = BATCH) -> None:
        self._function, self._batch = function, batch
        self.queries = 0

    @torch.no_grad()
    def embed(self, inputs: Inputs, *, repeats: int = 1) -> Tensor:
        """float32 (n, d), averaged over `repeats` queries of each record.

        Raises:
          UsageError: not one vector a record, or a value that is not a number.
        """
        rounds = [self._once(inputs) for _ in range(repeats)]
        return torch.stack(rounds).mean(0) if repeats > 1 else rounds[0]

    def is_random(self, inputs: Inputs) -> bool:
        """Whether two queries of the same records differ."""
        few = {name: values[:8] for name, values in inputs.items()}
        return not torch.equal(self._once(few), self._once(few))

    @torch.no_grad()
    def _once(self, inputs: Inputs) -> Tensor:
        count = len(next(iter(inputs.values())))
        self.queries += count
        parts = [
            self._function({name: values[at : at + self._batch] for name, values in inputs.items()})
            for at in range(0, count, self._batch)
        ]
        found = torch.cat([part.detach().cpu() for part in parts]).flatten(1).to(torch.float32)
        if len(found) != count:
            raise UsageError(
                f"embedding: {len(found)} vectors for {count} records; expected one each."
            )
        if not bool(torch.isfinite(found).all()):
            raise UsageError("embedding: a value is not a finite number; nothing can be concluded.")
        return found
