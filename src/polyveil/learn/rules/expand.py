# SPDX-License-Identifier: Apache-2.0
"""A parameter copied once a record: class tokens, mask tokens, learned queries.

`token.expand(B, -1, -1)` gives every record the same values and its own gradient, which is just
what clipping needs: the copy is a tap (`elementwise`), and whatever is done with it afterwards
(concatenation, attention) is ordinary autograd.

A shape that does not open dimension 0 to the rows is not covered: NotImplemented.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from polyveil.learn.rules.elementwise import rows_of, tapped, trainable
from polyveil.learn.use import Rule, Use


def _sizes(values: tuple[Any, ...]) -> tuple[int, ...]:
    """Sizes given one by one or as one sequence."""
    if len(values) == 1 and not isinstance(values[0], int):
        return tuple(values[0])
    return tuple(values)


def _opens(parameter: Tensor, dimensions: int, rows: int, records: int) -> bool:
    """Whether a result with so many dimensions and rows repeats the parameter along its rows."""
    absent = parameter.dim() < dimensions or (parameter.dim() > 0 and parameter.shape[0] == 1)
    return dimensions > 0 and absent and rows > 0 and rows % records == 0


def _copies(use: Use, parameter: nn.Parameter, rows: int, dimensions: int) -> Tensor:
    return tapped(use, (parameter,), [rows_of(parameter, rows, dimensions)])[0]


def _expanded(use: Use, parameter: nn.Parameter, sizes: tuple[int, ...]) -> Any:
    if not _opens(parameter, len(sizes), sizes[0] if sizes else 0, use.records):
        return NotImplemented
    return _copies(use, parameter, sizes[0], len(sizes)).expand(-1, *sizes[1:])


def _repeated(use: Use, parameter: nn.Parameter, times: tuple[int, ...]) -> Any:
    if not _opens(parameter, len(times), times[0] if times else 0, use.records):
        return NotImplemented
    return _copies(use, parameter, times[0], len(times)).repeat(1, *times[1:])


def expand(
    use: Use, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """Tensor.expand and broadcast_to; sizes one by one, as a sequence, or by keyword."""
    if not trainable(args[0]):
        return NotImplemented
    return _expanded(use, args[0], _sizes(args[1:] or tuple(kwargs.values())))


def expand_as(
    use: Use, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """Tensor.expand_as: the shape of another tensor."""
    parameter, other = args[0], args[1] if len(args) > 1 else kwargs["other"]
    if not trainable(parameter):
        # The parameter only lends its shape.
        return func(parameter, other.detach())
    return _expanded(use, parameter, tuple(other.shape))


def repeat(
    use: Use, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """Tensor.repeat and tile: how often, a dimension."""
    if not trainable(args[0]):
        return NotImplemented
    parameter, times = args[0], _sizes(args[1:] or tuple(kwargs.values()))
    if len(times) < parameter.dim():  # tile alone allows it: the missing ones are 1
        times = (1,) * (parameter.dim() - len(times)) + times
    return _repeated(use, parameter, times)


def repeat_interleave(
    use: Use, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """repeat_interleave of a parameter with dimension 0 of 1 along that dimension."""
    given = dict(zip(("input", "repeats", "dim"), args, strict=False)) | kwargs
    parameter: Any = given.get("input")
    times, along = given.get("repeats"), given.get("dim")
    if not trainable(parameter) or not isinstance(times, int) or along != 0:
        return NotImplemented
    if parameter.shape[0] != 1:
        return NotImplemented
    return _repeated(use, parameter, (times,) + (1,) * (parameter.dim() - 1))


RULES: dict[Callable[..., Any], Rule] = {
    torch.Tensor.expand: expand,
    torch.Tensor.broadcast_to: expand,
    torch.broadcast_to: expand,
    torch.Tensor.expand_as: expand_as,
    torch.Tensor.repeat: repeat,
    torch.Tensor.tile: repeat,
    torch.tile: repeat,
    torch.repeat_interleave: repeat_interleave,
    torch.Tensor.repeat_interleave: repeat_interleave,
}
