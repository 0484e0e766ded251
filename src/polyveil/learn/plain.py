# SPDX-License-Identifier: Apache-2.0
"""Training without clipping and noise, in the shape of private training. It promises nothing.

For data that are nobody's secret, for the figure that a private model is compared with, and for
losses that compare records with each other, which no clipping of single records bounds.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from torch import Tensor, nn

from polyveil.learn.batches import Records
from polyveil.learn.schedule import Schedule

NO_GUARANTEE = (
    "mode none: trained without clipping and without noise, so nothing bounds what the weights "
    "tell about a single record"
)


class PlainTraining:
    """Shuffled passes over all records; see `PrivateTraining`, whose loop it fits.

    Args:
      model: in training mode.
      optimizer: over its parameters.
      data: a tuple of tensors with one row a record.
      schedule: how many steps, and records in each.
      secret: 32 bytes that the order follows from.
    """

    no_guarantee = NO_GUARANTEE

    def __init__(
        self,
        model: nn.Module,
        optimizer: Any,
        data: tuple[Tensor, ...],
        *,
        schedule: Schedule,
        secret: bytes,
    ) -> None:
        self.model, self.schedule, self.steps_done = model, schedule, 0
        self._optimizer, self._records = optimizer, Records(data)
        self._secret = secret

    @property
    def thresholds(self) -> dict[str, float]:
        """Nothing is clipped."""
        return {}

    def batches(self) -> Iterator[Any]:
        """One batch a step, of all steps that are left; the same for the same secret."""
        a_pass = max(1, round(1 / self.schedule.rate))
        while self.steps_done < self.schedule.steps:
            number, place = divmod(self.steps_done, a_pass)
            yield self._records.at(np.array_split(self._order(number), a_pass)[place])

    def backward(self, losses: Tensor) -> None:
        """The gradient of the mean of all losses, for the optimizer's step."""
        self._optimizer.zero_grad(set_to_none=True)
        losses.mean().backward()  # type: ignore[no-untyped-call]
        self.steps_done += 1

    def state_dict(self) -> dict[str, Any]:
        """What resuming needs beside the model's and the optimizer's own state."""
        return {"steps_done": self.steps_done, "secret": self._secret}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where `state_dict` was taken."""
        self.steps_done, self._secret = int(state["steps_done"]), bytes(state["secret"])

    def detach(self) -> None:
        """Nothing was attached."""

    def _order(self, number: int) -> np.ndarray[Any, np.dtype[np.int64]]:
        """Of all records, in the number-th pass."""
        digest = hashlib.blake2b(b"order %d" % number, key=self._secret, digest_size=8).digest()
        return np.random.default_rng(int.from_bytes(digest, "big")).permutation(self._records.count)
