# SPDX-License-Identifier: Apache-2.0
"""Watching a forward pass: every operation that reads a trainable parameter is run by a rule.

Watching operations rather than modules covers weights that are tied, used twice, or read by a
module that does not own them, and leaves nothing uncovered unnoticed: an operation that has no
rule and whose result still depends on a trainable parameter is an error, `Uncovered`, never a
gradient without noise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from polyveil.learn.forward_pass import ForwardPass
from polyveil.learn.use import Rule


class Uncovered(Exception):
    """An operation without a rule read trainable parameters."""

    def __init__(self, function: str, parameters: tuple[nn.Parameter, ...]) -> None:
        super().__init__(function)
        self.function = function
        self.parameters = parameters


class Watch(TorchFunctionMode):
    """While active, runs operations on trainable parameters by their rules."""

    def __init__(
        self,
        rules: Mapping[Callable[..., Any], Rule],
        trainable: Iterable[nn.Parameter],
        watched: ForwardPass,
    ) -> None:
        super().__init__()
        self._rules = rules
        self._trainable = {id(parameter): parameter for parameter in trainable}
        self._pass = watched

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        used = self._used(args, kwargs)
        if not used or not torch.is_grad_enabled():
            return func(*args, **kwargs)
        rule = self._rules.get(func)
        if rule is not None:
            use = self._pass.use(used)
            result = rule(use, func, args, kwargs)
            if result is not NotImplemented:
                return result
            self._pass.withdraw(use)
        result = func(*args, **kwargs)
        if _requires_grad(result):
            raise Uncovered(getattr(func, "__name__", str(func)), used)
        return result

    def _used(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[nn.Parameter, ...]:
        trainable = self._trainable
        found: list[nn.Parameter] = []
        for value in (*args, *kwargs.values()) if kwargs else args:
            if id(value) in trainable:
                found.append(value)
            elif value.__class__ is list or value.__class__ is tuple:
                found.extend(one for one in value if id(one) in trainable)
        return tuple(dict.fromkeys(found)) if len(found) > 1 else tuple(found)


def _requires_grad(result: Any) -> bool:
    if isinstance(result, Tensor):
        return result.requires_grad
    if isinstance(result, (tuple, list)):
        return any(_requires_grad(one) for one in result)
    return False
