# SPDX-License-Identifier: Apache-2.0
"""The steps of one path: its own batches, engine and optimizer, stopped between gradient and step.

Between the two is where methods differ. What they find there is noised already, if anything is
promised, so whatever they make of it is post-processing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from polyveil.learn.multimodal.options import Options


class Engine(Protocol):
    """`PrivateTraining`, or `PlainTraining` in its shape."""

    steps_done: int

    @property
    def thresholds(self) -> dict[str, float]: ...

    def batches(self) -> Any: ...

    def backward(self, losses: Tensor) -> None: ...

    def detach(self) -> None: ...

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state: Mapping[str, Any]) -> None: ...


class Steps:
    """One path and what trains it.

    Args:
      path: the network part; a `probe` in it is measured, never changed.
      optimizer: over its other parameters.
      engine: over the path and the optimizer.
      losses: a batch of the engine's rows -> one loss a record.

    Attributes:
      listener: is called after every release, before anything is made of it.
    """

    def __init__(
        self,
        path: nn.Module,
        optimizer: torch.optim.Optimizer,
        engine: Engine,
        losses: Callable[..., Tensor],
    ) -> None:
        self.path = path
        self._optimizer, self._engine, self._losses = optimizer, engine, losses
        self._batches = engine.batches()
        self.listener: Callable[[], None] = lambda: None

    def gradient(self) -> None:
        """Puts the next step's gradient into `.grad`; noised, if anything is promised."""
        self.path.train()
        # Another path's step may have left a gradient in what both share.
        self.path.zero_grad(set_to_none=True)
        done = self._engine.steps_done
        while self._engine.steps_done == done:
            self._engine.backward(self._losses(*next(self._batches)))
        self._in_units_of_the_bound()
        self.listener()

    @property
    def told(self) -> Tensor | None:
        """Mean over the batch of what the path tells, float64 [width]; None if it tells nothing."""
        found = getattr(self.path, "probe", None)
        return None if found is None else found.weight.grad[0].double()

    def apply(self) -> None:
        """The optimizer's step."""
        self._optimizer.step()

    def detach(self) -> None:
        """Let go of the path."""
        self._engine.detach()

    def state_dict(self) -> dict[str, Any]:
        """Of optimizer and engine, the engine's secret included; to be taken between two steps."""
        return {"optimizer": self._optimizer.state_dict(), "engine": self._engine.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where `state_dict` was taken; the path's own weights are loaded elsewhere."""
        self._optimizer.load_state_dict(dict(state["optimizer"]))
        self._engine.load_state_dict(state["engine"])

    def _in_units_of_the_bound(self) -> None:
        """So that a step size means the same whatever the (released) thresholds are."""
        joint = math.hypot(*self._engine.thresholds.values())
        for group in self._optimizer.param_groups if joint else ():
            for value in group["params"]:
                if value.grad is not None:
                    value.grad.div_(joint)


def optimizer(path: nn.Module, options: Options) -> torch.optim.Optimizer:
    """Over everything that the path learns."""
    learned = [value for name, value in path.named_parameters() if not name.startswith("probe.")]
    if options.optimizer == "sgd":
        return torch.optim.SGD(
            learned, options.rate, options.momentum, weight_decay=options.weight_decay
        )
    return torch.optim.Adam(learned, options.rate, weight_decay=options.weight_decay)
