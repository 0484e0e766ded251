# SPDX-License-Identifier: Apache-2.0
"""LayerNorm, GroupNorm and RMSNorm: normalisation within a record, with a trainable scale.

The statistics that the forward pass computed are kept and used again; the input gradient comes
from torch's own kernel. A record's gradient of the scale is the token sum of gradient times
normalised input, that of the shift the token sum of the gradient: vectors, held one a record.

Normalisation over the batch mixes records and has no rule here.

Source: Ba et al. 2016, https://arxiv.org/abs/1607.06450; Wu & He 2018,
https://arxiv.org/abs/1803.08494; Zhang & Sennrich 2019, https://arxiv.org/abs/1910.07467
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias, cast

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F  # noqa: N812

from polyveil.learn import streaming
from polyveil.learn.contribution import PerRecord
from polyveil.learn.rules.operands import is_computed, is_trainable
from polyveil.learn.use import Rule, Use

Trainable: TypeAlias = tuple[nn.Parameter | None, nn.Parameter | None]


class _LayerNorm(torch.autograd.Function):
    """y = (x - mean) * rstd * weight + bias over the last dimensions."""

    @staticmethod
    def forward(
        ctx: Any,
        inputs: Tensor,
        weight: Tensor | None,
        bias: Tensor | None,
        anchor: Tensor,
        use: Use,
        trainable: Trainable,
        setting: tuple[Sequence[int], float],
    ) -> Tensor:
        shape, eps = setting
        output, mean, rstd = torch.native_layer_norm(inputs, shape, weight, bias, eps)
        ctx.use, ctx.trainable, ctx.shape = use, trainable, shape
        ctx.save_for_backward(inputs, weight, bias, mean, rstd)
        return output

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        inputs, weight, bias, mean, rstd = ctx.saved_tensors
        with torch.autocast(gradient.device.type, enabled=False):
            back = None
            if ctx.needs_input_grad[0]:
                back = torch.ops.aten.native_layer_norm_backward(
                    gradient, inputs, ctx.shape, mean, rstd, weight, bias, [True, False, False]
                )[0]
            rows = (ctx.use.records, -1, math.prod(ctx.shape))
            wide = gradient.reshape(rows).float()
            mean, rstd = (one.reshape(ctx.use.records, -1, 1).float() for one in (mean, rstd))
            scale = (
                _scales(inputs.reshape(rows), wide, mean, rstd)
                if ctx.trainable[0] is not None
                else None
            )
            _add(ctx.use, ctx.trainable, scale, wide.sum(1))
        return back, None, None, None, None, None, None


class _RMSNorm(torch.autograd.Function):
    """y = x / sqrt(mean(x^2) + eps) * weight over the last dimensions, computed in float32."""

    @staticmethod
    def forward(
        ctx: Any,
        inputs: Tensor,
        weight: Tensor,
        anchor: Tensor,
        use: Use,
        trainable: Trainable,
        setting: tuple[Sequence[int], float],
    ) -> Tensor:
        shape, eps = setting
        over = list(range(-len(shape), 0))
        wide = inputs.float()
        rrms = (wide.square().mean(over, keepdim=True) + eps).rsqrt_()
        ctx.use, ctx.trainable, ctx.shape, ctx.over = use, trainable, shape, over
        ctx.save_for_backward(inputs, weight, rrms)
        return (wide * rrms * weight).to(inputs.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        inputs, weight, rrms = ctx.saved_tensors
        with torch.autocast(gradient.device.type, enabled=False):
            normalised, wide = inputs.float() * rrms, gradient.float()
            back = None
            if ctx.needs_input_grad[0]:
                scaled = wide * weight
                along = (scaled * normalised).mean(ctx.over, keepdim=True)
                back = ((scaled - normalised * along) * rrms).to(inputs.dtype)
            rows = (ctx.use.records, -1, math.prod(ctx.shape))
            _add(ctx.use, ctx.trainable, normalised.mul_(wide).reshape(rows).sum(1), None)
        return back, None, None, None, None, None


class _GroupNorm(torch.autograd.Function):
    """Normalisation over groups of channels and all positions of x [N, C, ...]."""

    @staticmethod
    def forward(
        ctx: Any,
        inputs: Tensor,
        weight: Tensor | None,
        bias: Tensor | None,
        anchor: Tensor,
        use: Use,
        trainable: Trainable,
        setting: tuple[int, float],
    ) -> Tensor:
        groups, eps = setting
        inputs = inputs.contiguous()
        ctx.sizes = (*inputs.shape[:2], math.prod(inputs.shape[2:]), groups)
        output, mean, rstd = torch.ops.aten.native_group_norm(inputs, weight, bias, *ctx.sizes, eps)
        ctx.use, ctx.trainable = use, trainable
        ctx.save_for_backward(inputs, weight, mean, rstd)
        return cast(Tensor, output)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        inputs, weight, mean, rstd = ctx.saved_tensors
        gradient = gradient.contiguous()
        with torch.autocast(gradient.device.type, enabled=False):
            full = inputs.dtype in (torch.float32, torch.float64)
            of_groups = _group_sums if full else _group_sums_widened
            back, scale, shift = of_groups(
                gradient, inputs, mean, rstd, weight, ctx.sizes, ctx.needs_input_grad[0]
            )
            parts = (ctx.use.records, -1, ctx.sizes[1])
            _add(ctx.use, ctx.trainable, scale.view(parts).sum(1), shift.view(parts).sum(1))
        return back, None, None, None, None, None, None


def _group_sums(
    gradient: Tensor,
    inputs: Tensor,
    mean: Tensor,
    rstd: Tensor,
    weight: Tensor | None,
    sizes: tuple[int, int, int, int],
    wanted: bool,
) -> tuple[Tensor | None, Tensor, Tensor]:
    """Input gradient, and every row's own sums for scale and shift, each [N * C].

    The rows of a batch are groups of one wide row: torch then gives in one pass, channel by
    channel, what it would otherwise have added up over the batch.
    """
    n, channels, positions, groups = sizes
    widened = weight if weight is None else weight.to(inputs.dtype).repeat(n)
    back, scale, shift = torch.ops.aten.native_group_norm_backward(
        gradient.view(1, n * channels, -1),
        inputs.view(1, n * channels, -1),
        mean.view(1, -1),
        rstd.view(1, -1),
        widened,
        1,
        n * channels,
        positions,
        n * groups,
        [wanted, True, True],
    )
    return (back.view(inputs.shape) if wanted else None), scale, shift


def _group_sums_widened(
    gradient: Tensor,
    inputs: Tensor,
    mean: Tensor,
    rstd: Tensor,
    weight: Tensor | None,
    sizes: tuple[int, int, int, int],
    wanted: bool,
) -> tuple[Tensor | None, Tensor, Tensor]:
    """The same in mixed precision, with the sums in float32."""
    n, channels, positions, groups = sizes
    back = None
    if wanted:
        back = torch.ops.aten.native_group_norm_backward(
            gradient, inputs, mean, rstd, weight, *sizes, [True, False, False]
        )[0]
    shape = (n, groups, channels // groups, positions)
    wide, data = gradient.reshape(shape).float(), inputs.reshape(shape).float()
    shift = wide.sum(3)
    scale = (wide * data).sum(3) - shift * mean.float().view(n, groups, 1)
    scale *= rstd.float().view(n, groups, 1)
    return back, scale.flatten(), shift.flatten()


def layer_norm(
    use: Use, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """The rule for `torch.nn.functional.layer_norm` and `torch.layer_norm`; see `_covered`."""
    inputs, shape, weight, bias, eps = _bound_layer(*args, **kwargs)
    if not _covered(use, inputs, len(shape), (weight, bias)):
        return NotImplemented
    inputs, trainable = _widened(inputs), _trainable(weight, bias)
    return _LayerNorm.apply(  # type: ignore[no-untyped-call]
        inputs, _value(weight), _value(bias), use.anchor, use, trainable, (shape, eps)
    )


def rms_norm(
    use: Use, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """The rule for `torch.nn.functional.rms_norm` and `torch.rms_norm`; see `_covered`."""
    inputs, shape, weight, eps = _bound_rms(*args, **kwargs)
    if not _covered(use, inputs, len(shape), (weight,)):
        return NotImplemented
    eps = torch.finfo(inputs.dtype).eps if eps is None else eps
    trainable = _trainable(weight, None)
    return _RMSNorm.apply(inputs, _value(weight), use.anchor, use, trainable, (shape, eps))  # type: ignore[no-untyped-call]


def group_norm(
    use: Use, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """The rule for `torch.nn.functional.group_norm` and `torch.group_norm`; see `_covered`."""
    inputs, groups, weight, bias, eps = _bound_group(*args, **kwargs)
    if not _covered(use, inputs, 1, (weight, bias)):
        return NotImplemented
    inputs, trainable = _widened(inputs), _trainable(weight, bias)
    return _GroupNorm.apply(  # type: ignore[no-untyped-call]
        inputs, _value(weight), _value(bias), use.anchor, use, trainable, (groups, eps)
    )


def _bound_layer(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
    cudnn_enable: bool = True,
) -> tuple[Tensor, Sequence[int], Tensor | None, Tensor | None, float]:
    return input, tuple(normalized_shape), weight, bias, eps


def _bound_rms(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    eps: float | None = None,
) -> tuple[Tensor, Sequence[int], Tensor | None, float | None]:
    return input, tuple(normalized_shape), weight, eps


def _bound_group(
    input: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
    cudnn_enabled: bool = True,
) -> tuple[Tensor, int, Tensor | None, Tensor | None, float]:
    return input, num_groups, weight, bias, eps


def _scales(inputs: Tensor, gradient: Tensor, mean: Tensor, rstd: Tensor) -> Tensor:
    """Token sums of gradient times normalised input, [records, tokens, size] -> [records, size].

    A few records at a time: the product of all would go through memory.
    """
    count = streaming.records_at_once(gradient[0].numel(), len(gradient), gradient.device)
    sums = []
    for some, theirs, own_mean, own_rstd in zip(
        *(torch.split(one, count) for one in (inputs, gradient, mean, rstd)), strict=True
    ):
        sums.append((some.float() - own_mean).mul_(own_rstd).mul_(theirs).sum(1))
    return sums[0] if len(sums) == 1 else torch.cat(sums)


def _add(use: Use, trainable: Trainable, scale: Tensor | None, shift: Tensor | None) -> None:
    known = [
        (parameter, value.reshape(use.records, *parameter.shape))
        for parameter, value in zip(trainable, (scale, shift), strict=True)
        if parameter is not None and value is not None
    ]
    use.add(PerRecord(tuple(one for one, _ in known), tuple(value for _, value in known)))


def _covered(
    use: Use, inputs: Tensor, own_dimensions: int, weights: Sequence[Tensor | None]
) -> bool:
    """Records in dimension 0, not normalised over, and nothing computed from parameters."""
    apart = inputs.dim() > own_dimensions and inputs.shape[0] % use.records == 0
    return apart and not is_trainable(inputs) and not any(map(is_computed, weights))


def _trainable(*weights: Tensor | None) -> tuple[Tensor | None, ...]:
    return tuple(one if is_trainable(one) else None for one in weights)


def _value(tensor: Tensor | None) -> Tensor | None:
    return None if tensor is None else tensor.detach()


def _widened(inputs: Tensor) -> Tensor:
    """What autocast does for these operations: float32 on accelerators, as it is on the CPU."""
    kind = inputs.device.type
    return inputs.float() if kind != "cpu" and torch.is_autocast_enabled(kind) else inputs


RULES: dict[Callable[..., Any], Rule] = {
    F.layer_norm: layer_norm,
    torch.layer_norm: layer_norm,
    F.rms_norm: rms_norm,
    torch.rms_norm: rms_norm,
    F.group_norm: group_norm,
    torch.group_norm: group_norm,
}
