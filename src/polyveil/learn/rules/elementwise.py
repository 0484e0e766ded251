# SPDX-License-Identifier: Apache-2.0
"""Pointwise operations with a parameter that every record shares: biases, scales, positions.

Such a parameter broadcasts along the rows. The rule puts a tap in its place: the same values, as
a view with one copy a row. Autograd's own reduction of broadcast gradients then stops at the
rows, and what arrives at the tap is every row's gradient; the rows of a record are added up.
That costs what autograd pays for plain training, less its last sum over the rows.

A rule returns NotImplemented where it does not cover the call, as Python's operators do: a
parameter without a data operand beside it, a parameter with an extent along the rows, or one that
is written to. The module then belongs to the fall-back (`fallback`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeGuard

import torch
from torch import Tensor, nn

from polyveil.learn.contribution import PerRecord
from polyveil.learn.use import Rule, Use


def trainable(value: object) -> TypeGuard[nn.Parameter]:
    """Whether a value is a parameter that training changes."""
    return isinstance(value, nn.Parameter) and value.requires_grad


class _Tap(torch.autograd.Function):
    """Parameters as views with one copy a row; their gradients become one contribution."""

    @staticmethod
    def forward(
        ctx: Any, anchor: Tensor, use: Use, parameters: tuple[nn.Parameter, ...], *values: Tensor
    ) -> tuple[Tensor, ...]:
        ctx.use, ctx.parameters = use, parameters
        # Saved as no tensor: a view alone, so that nothing is held beyond the pass.
        return tuple(value.detach() for value in values)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[None, ...]:
        records = ctx.use.records
        summed = tuple(
            gradient.reshape(records, -1, *parameter.shape).sum(1)
            if gradient.shape[0] != records
            else gradient.reshape(records, *parameter.shape)
            for gradient, parameter in zip(gradients, ctx.parameters, strict=True)
        )
        ctx.use.add(PerRecord(ctx.parameters, summed))
        return (None,) * (3 + len(gradients))


def tapped(use: Use, parameters: tuple[nn.Parameter, ...], values: list[Tensor]) -> list[Tensor]:
    """Stand-ins for parameters, [rows, ...] each, whose gradients are handed in as one use.

    Args:
      use: the use that they make up together.
      parameters: the trainable parameters, each once.
      values: for each, its detached value as a view [rows, ...] with rows = records * r and
        elements a row in the parameter's order and number.

    Returns:
      One tensor a parameter, equal to its value.
    """
    return list(_Tap.apply(use.anchor, use, parameters, *values))  # type: ignore[no-untyped-call]


def rows_of(value: Tensor, rows: int, dimensions: int) -> Tensor:
    """A detached view [rows, 1.., *shape] with that many dimensions; dimension 0 of 1 is opened."""
    padding = (1,) * (dimensions - value.dim())
    opened = value.detach().view(*padding, *value.shape)
    return opened.expand(rows, *opened.shape[1:])


def _broadcast(operands: list[Tensor]) -> torch.Size:
    shape: torch.Size = torch.broadcast_shapes(*(one.shape for one in operands))  # type: ignore[no-untyped-call]
    return shape


def _shared(parameter: Tensor, shape: torch.Size) -> bool:
    """Whether a parameter has no extent along dimension 0 of a broadcast shape."""
    return parameter.dim() < len(shape) or parameter.shape[0] == 1


def _rows(operands: list[Tensor], shape: torch.Size, records: int) -> bool:
    """Whether dimension 0 of the broadcast shape is the rows of a data operand."""
    if not shape or shape[0] == 0 or shape[0] % records:
        return False
    return any(one.dim() == len(shape) and one.shape[0] == shape[0] for one in operands)


def pointwise(
    use: Use, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """Any function with PyTorch's broadcasting of its tensor arguments, in place too."""
    operands = [one for one in (*args, *kwargs.values()) if isinstance(one, Tensor)]
    parameters = tuple(dict.fromkeys(one for one in operands if trainable(one)))
    data = [one for one in operands if not trainable(one)]
    shape = _broadcast(operands)
    name = func.__name__
    in_place = name.endswith("_") and (not name.endswith("__") or name.startswith("__i"))
    written = in_place and (not args or trainable(args[0]))
    if written or "out" in kwargs or not _rows(data, shape, use.records):
        return NotImplemented
    if not all(_shared(one, shape) for one in parameters):
        return NotImplemented
    values = [rows_of(one, shape[0], len(shape)) for one in parameters]
    stands = dict(zip(map(id, parameters), tapped(use, parameters, values), strict=True))
    return func(
        *(stands.get(id(one), one) for one in args),
        **{name: stands.get(id(one), one) for name, one in kwargs.items()},
    )


def prelu(use: Use, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """PReLU: one slope, or one a channel, channels along dimension 1."""
    x, weight = _named(args, kwargs, "input", "weight")
    if not trainable(weight) or trainable(x) or x.dim() == 0 or x.shape[0] % use.records:
        return NotImplemented
    value = weight.detach()
    if x.dim() > 1:
        value = value.view(-1, *(1,) * (x.dim() - 2))
    (slope,) = tapped(use, (weight,), [rows_of(value, x.shape[0], max(x.dim(), 1))])
    return torch.where(x > 0, x, slope.to(x.dtype) * x)


def _named(args: tuple[Any, ...], kwargs: dict[str, Any], *names: str) -> list[Any]:
    given = dict(zip(names, args, strict=False)) | kwargs
    return [given[name] for name in names]


# By the names under which torch and Tensor offer them; operators arrive as the Tensor's methods.
_POINTWISE = (
    "add sub subtract mul multiply div divide true_divide pow rsub where maximum minimum max min "
    "fmax fmin lerp addcmul addcdiv clamp clip hypot atan2 arctan2 logaddexp logaddexp2 xlogy "
    "float_power copysign fmod remainder add_ sub_ subtract_ mul_ multiply_ div_ divide_ "
    "true_divide_ pow_ lerp_ addcmul_ addcdiv_ clamp_ clip_ "
    "__pow__ __rpow__ __rsub__ __rtruediv__ __rmod__ __ipow__"
)


def _table(names: str, rule: Rule) -> dict[Callable[..., Any], Rule]:
    holders = (torch, torch.Tensor)
    found = (getattr(holder, name, None) for holder in holders for name in names.split())
    return {func: rule for func in found if func is not None}


RULES: dict[Callable[..., Any], Rule] = {
    **_table(_POINTWISE, pointwise),
    torch.prelu: prelu,
    torch.Tensor.prelu: prelu,
}
