# SPDX-License-Identifier: Apache-2.0
"""A use of parameters outside of the engine: keeps the contributions that a rule hands in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from polyveil.learn.contribution import Contribution
from polyveil.learn.use import Rule


class Recorder:
    """A `Use` whose contributions can be looked at afterwards."""

    def __init__(self, records: int) -> None:
        self.records = records
        self.anchor = torch.zeros((), requires_grad=True)
        self.contributions: list[Contribution] = []

    def add(self, contribution: Contribution) -> None:
        self.contributions.append(contribution)

    def of(self, parameter: nn.Parameter) -> Tensor:
        """One parameter's gradient, [records, *shape], summed over its uses."""
        found = [
            gradient
            for contribution in self.contributions
            for known, gradient in zip(
                contribution.parameters, contribution.per_record(), strict=True
            )
            if known is parameter
        ]
        return torch.stack(found).sum(0)


class Watched(TorchFunctionMode):
    """Runs every operation on a trainable parameter by its rule; the rest stays as it is."""

    def __init__(self, rules: dict[Callable[..., Any], Rule], use: Recorder) -> None:
        super().__init__()
        self._rules, self._use = rules, use
        self.uncovered: list[str] = []

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        values = (*args, *kwargs.values())
        if any(isinstance(one, nn.Parameter) and one.requires_grad for one in values):
            rule = self._rules.get(func)
            result = rule(self._use, func, args, kwargs) if rule else NotImplemented
            if result is not NotImplemented:
                return result
            self.uncovered.append(func.__name__)
        return func(*args, **kwargs)
