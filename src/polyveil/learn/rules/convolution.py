# SPDX-License-Identifier: Apache-2.0
"""Convolutions, plain and transposed, in one, two and three dimensions.

The convolution itself and the gradient of its input are the backend's own calls, so that only
the weight gradient differs from training without privacy. That one is left out of the backward
pass and handed in as a contribution, which takes it record by record.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor
from torch.nn import functional

from polyveil.learn.contribution import PerRecord
from polyveil.learn.rules.convolution_contribution import Convolution
from polyveil.learn.rules.convolution_factors import Factors, Geometry
from polyveil.learn.rules.operands import is_computed, is_trainable
from polyveil.learn.use import Rule, Use

_PLAIN = ("input", "weight", "bias", "stride", "padding", "dilation", "groups")
_TRANSPOSED = ("input", "weight", "bias", "stride", "padding", "output_padding", "groups")
_DEFAULTS = {"bias": None, "stride": 1, "padding": 0, "output_padding": 0, "dilation": 1}


@dataclass(frozen=True)
class _Settings:
    """A call's settings as the backend takes them; public facts."""

    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]
    transposed: bool
    output_padding: tuple[int, ...]
    groups: int

    def forward(self, data: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        return torch.convolution(
            data,
            weight,
            bias,
            self.stride,
            self.padding,
            self.dilation,
            self.transposed,
            self.output_padding,
            self.groups,
        )

    def input_gradient(self, gradient: Tensor, data: Tensor, weight: Tensor) -> Tensor:
        result: Tensor = torch.ops.aten.convolution_backward(
            gradient,
            data,
            weight,
            None,
            self.stride,
            self.padding,
            self.dilation,
            self.transposed,
            self.output_padding,
            self.groups,
            [True, False, False],
        )[0]
        return result

    def factors(self, gradient: Tensor, data: Tensor, weight: Tensor, records: int) -> Factors:
        image, signal = (gradient, data) if self.transposed else (data, gradient)
        geometry = Geometry(
            tuple(weight.shape), self.stride, self.padding, self.dilation, self.groups
        )
        return Factors.of(image.detach(), signal.detach(), geometry, records)


class _Convolve(torch.autograd.Function):
    """The convolution by a weight that autograd does not see."""

    @staticmethod
    def forward(
        ctx: Any,
        data: Tensor,
        anchor: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        settings: _Settings,
        hand_in: Callable[[Tensor, Tensor], None],
    ) -> Tensor:
        ctx.save_for_backward(data, weight)
        ctx.settings, ctx.hand_in = settings, hand_in
        return settings.forward(data, weight, bias)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        data, weight = ctx.saved_tensors
        (gradient,) = gradients
        to_input = None
        if ctx.needs_input_grad[0]:
            to_input = ctx.settings.input_gradient(gradient, data, weight)
        ctx.hand_in(gradient, data)
        return to_input, None, None, None, None, None


def _rule(use: Use, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Run one call of a torch convolution and hand in what its parameters contribute.

    NotImplemented where the data has no records in dimension 0, is itself a parameter, or a
    weight is computed from parameters.
    """
    transposed = "transpose" in func.__name__
    names = (*_TRANSPOSED, "dilation") if transposed else _PLAIN
    call = {**_DEFAULTS, "groups": 1, **dict(zip(names, args, strict=False)), **kwargs}
    data, weight, bias = call["input"], call["weight"], call["bias"]
    dimensions = weight.dim() - 2
    if not _covered(use, data, weight, bias):
        return NotImplemented
    data, settings = _settings(call, data, weight, dimensions, transposed)
    device = data.device.type
    value, offset = weight.detach(), None if bias is None else bias.detach()
    if torch.is_autocast_enabled(device) and data.dtype != torch.float64:
        dtype = torch.get_autocast_dtype(device)
        data, value = data.to(dtype), value.to(dtype)
        offset = None if offset is None else offset.to(dtype)

    def hand_in(gradient: Tensor, inputs: Tensor) -> None:
        offsets = None
        if bias is not None and bias.requires_grad:
            offsets = _offsets(gradient, use.records)
        if weight.requires_grad:
            trained = bias if offsets is not None else None
            factors = settings.factors(gradient, inputs, value, use.records)
            use.add(Convolution(weight, trained, (factors,), offsets))
        elif offsets is not None:
            use.add(PerRecord((bias,), (offsets,)))

    with torch.autocast(device, enabled=False):
        return cast(
            Tensor,
            _Convolve.apply(data, use.anchor, value, offset, settings, hand_in),  # type: ignore[no-untyped-call]
        )


def _offsets(gradient: Tensor, records: int) -> Tensor:
    """Each record's gradient of the bias, float32 [records, channels]."""
    space = list(range(2, gradient.dim()))
    rows = gradient.detach().sum(space, dtype=torch.float32)
    return rows.view(records, -1, rows.shape[1]).sum(1)


def _covered(use: Use, data: Tensor, weight: Tensor, bias: Tensor | None) -> bool:
    """Whether this is a convolution of a batch of records by parameters themselves."""
    batched = data.dim() == weight.dim() and data.shape[0] % use.records == 0
    return batched and not (is_trainable(data) or is_computed(weight) or is_computed(bias))


def _settings(
    call: dict[str, Any], data: Tensor, weight: Tensor, dimensions: int, transposed: bool
) -> tuple[Tensor, _Settings]:
    """The settings in full, and the data with what padding the backend cannot do itself."""
    stride, dilation = _each(call["stride"], dimensions), _each(call["dilation"], dimensions)
    padding = call["padding"]
    if padding == "same":
        totals = [d * (k - 1) for d, k in zip(dilation, weight.shape[2:], strict=True)]
        padding = tuple(total // 2 for total in totals)
        extra = [side for total in reversed(totals) for side in (0, total % 2)]
        data = functional.pad(data, extra) if any(extra) else data
    elif padding == "valid":
        padding = 0
    return data, _Settings(
        stride,
        _each(padding, dimensions),
        dilation,
        transposed,
        _each(call["output_padding"], dimensions),
        call["groups"],
    )


def _each(value: int | tuple[int, ...], dimensions: int) -> tuple[int, ...]:
    """One number a dimension, where one for all may be given."""
    values = (value,) if isinstance(value, int) else tuple(value)
    return values * dimensions if len(values) == 1 else values


RULES: dict[Callable[..., Any], Rule] = {
    torch.conv1d: _rule,
    torch.conv2d: _rule,
    torch.conv3d: _rule,
    torch.conv_transpose1d: _rule,
    torch.conv_transpose2d: _rule,
    torch.conv_transpose3d: _rule,
}
