# SPDX-License-Identifier: Apache-2.0
"""Linear layers: y = x W^T + b on the last dimension, any number of tokens a record.

The backward pass computes the input gradient as usual. The weight gradient is left to a
`LinearContribution`, which sums the records' products already clipped, so that the work stays
that of plain training. It picks, once for each shape, the fastest of: streamed products
(`streaming`), Gram norms followed by one weighted product, and plain factor lengths where a
record has one token.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F  # noqa: N812

from polyveil.learn import choice, streaming
from polyveil.learn.contribution import ClipRule, Contribution, PerRecord, joined_per_record
from polyveil.learn.rules.operands import is_computed, is_trainable
from polyveil.learn.use import Rule, Use

# A way with this many times the multiplications of another is not even timed.
_HOPELESS = 4


class LinearContribution:
    """One use of a weight [p, d] and perhaps a bias [p], as its two factors.

    Args:
      parameters: (weight,) or (weight, bias).
      inputs: [records, tokens, d], any floating precision.
      gradients: of the outputs, [records, tokens, p].
    """

    def __init__(
        self, parameters: tuple[nn.Parameter, ...], inputs: Tensor, gradients: Tensor
    ) -> None:
        self.parameters = parameters
        self._inputs = inputs.detach().float()
        self._gradients = gradients.detach().float()
        self._bias = self._gradients.sum(1) if len(parameters) == 2 else None

    @property
    def records(self) -> int:
        return self._inputs.shape[0]

    def squared_norms(self) -> Tensor:
        timed = {way: partial(self._norms, way) for way in self._ways()}
        return self._norms(self._fastest("norms", timed))

    def weighted_sum(self, weights: Tensor) -> tuple[Tensor, ...]:
        total = self._weighted(self._inputs, self._gradients, weights)
        if not torch.isfinite(torch.stack([one.sum() for one in total])).all():
            # 0 x inf is NaN in IEEE 754; a record of weight 0 must leave no trace.
            out = (weights == 0)[:, None, None]
            a, b = self._inputs.masked_fill(out, 0), self._gradients.masked_fill(out, 0)
            total = self._weighted(a, b, weights)
        return total

    def clipped(self, rule: ClipRule) -> tuple[Tensor, tuple[Tensor, ...]]:
        timed = {way: partial(self._clipped, way, _trial_rule) for way in self._ways()}
        norms, total = self._clipped(self._fastest("clip", timed), rule)
        if not torch.isfinite(norms.sum()):
            total = self.weighted_sum(rule(norms))
        return norms, total

    def per_record(self) -> tuple[Tensor, ...]:
        weight = torch.bmm(self._gradients.mT, self._inputs)
        return (weight,) if self._bias is None else (weight, self._bias)

    def joined(self, other: Contribution) -> Contribution:
        if not isinstance(other, LinearContribution) or not _same(self, other):
            return joined_per_record(self, other)
        inputs = torch.cat([self._inputs, other._inputs], 1)
        gradients = torch.cat([self._gradients, other._gradients], 1)
        return LinearContribution(self.parameters, inputs, gradients)

    def _ways(self) -> tuple[str, ...]:
        """The ways to the norms that can be the fastest, by their multiplications."""
        tokens, d, p = *self._inputs.shape[1:], self._gradients.shape[2]
        if tokens == 1:
            return ("one token",)
        streamed, gram = d * p, tokens * (d + p)
        if gram > _HOPELESS * streamed:
            return ("streamed",)
        return ("gram",) if streamed > _HOPELESS * gram else ("streamed", "gram")

    def _fastest(self, purpose: str, ways: Mapping[str, Callable[[], object]]) -> str:
        if len(ways) == 1:
            return next(iter(ways))
        records, *shape = *self._inputs.shape, self._gradients.shape[2]
        # Poisson samples differ in size; what is fastest hardly does.
        key = ("linear", purpose, records.bit_length(), *shape)
        return choice.fastest(key, ways, device=self._inputs.device.type)

    def _norms(self, way: str) -> Tensor:
        a, b = self._inputs, self._gradients
        if way == "one token":
            norms = a.square().sum((1, 2)) * b.square().sum((1, 2))
        else:
            norms = {"streamed": streaming.streamed_norms, "gram": streaming.gram_norms}[way](a, b)
        extra = self._bias_norms()
        return norms if extra is None else norms.add_(extra)

    def _clipped(self, way: str, rule: ClipRule) -> tuple[Tensor, tuple[Tensor, ...]]:
        if way != "streamed":
            norms = self._norms(way)
            return norms, self._weighted(self._inputs, self._gradients, rule(norms))
        a, b = self._inputs, self._gradients
        norms, weight = streaming.clipped_in_one_pass(a, b, self._bias_norms(), rule)
        return norms, (weight,) if self._bias is None else (weight, rule(norms) @ self._bias)

    def _bias_norms(self) -> Tensor | None:
        return None if self._bias is None else self._bias.square().sum(1)

    def _weighted(self, a: Tensor, b: Tensor, weights: Tensor) -> tuple[Tensor, ...]:
        weight = streaming.weighted_sum(a, b, weights)
        return (weight,) if self._bias is None else (weight, weights @ b.sum(1))


def _same(one: Contribution, other: Contribution) -> bool:
    return [id(each) for each in one.parameters] == [id(each) for each in other.parameters]


class _Linear(torch.autograd.Function):
    """Forward and input gradient of a linear layer; hands the rest to `use`."""

    @staticmethod
    def forward(
        ctx: Any,
        inputs: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        anchor: Tensor,
        use: Use,
        trainable: tuple[nn.Parameter | None, nn.Parameter | None],
    ) -> Tensor:
        kind = inputs.device.type
        ctx.given = inputs.dtype
        if torch.is_autocast_enabled(kind):
            lower = torch.get_autocast_dtype(kind)
            inputs, weight = inputs.to(lower), weight.to(lower)
        ctx.use, ctx.trainable = use, trainable
        ctx.save_for_backward(inputs if trainable[0] is not None else None, weight)
        return F.linear(inputs, weight, bias)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        inputs, weight = ctx.saved_tensors
        with torch.autocast(gradient.device.type, enabled=False):
            rows = gradient.reshape(-1, gradient.shape[-1])
            back = None
            if ctx.needs_input_grad[0]:
                back = torch.mm(rows, weight).view(*gradient.shape[:-1], weight.shape[1])
                back = back.to(ctx.given)
            ctx.use.add(_contribution(ctx.use, ctx.trainable, inputs, rows))
        return back, None, None, None, None, None


def _contribution(
    use: Use,
    trainable: tuple[nn.Parameter | None, nn.Parameter | None],
    inputs: Tensor | None,
    rows: Tensor,
) -> Contribution:
    weight, bias = trainable
    gradients = rows.view(use.records, -1, rows.shape[-1])
    if weight is None or inputs is None:
        return PerRecord(() if bias is None else (bias,), (gradients.float().sum(1),))
    factor = inputs.reshape(use.records, -1, inputs.shape[-1])
    return LinearContribution((weight,) if bias is None else (weight, bias), factor, gradients)


def linear(
    use: Use, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """The rule for `torch.nn.functional.linear`.

    NotImplemented where the data has no records in dimension 0, is itself a parameter, or a
    weight is computed from parameters.
    """
    inputs, weight, bias = _bound(*args, **kwargs)
    if inputs.dim() < 2 or weight.dim() != 2 or inputs.shape[0] % use.records:
        return NotImplemented
    if is_trainable(inputs) or is_computed(weight) or is_computed(bias):
        return NotImplemented
    trainable = tuple(one if is_trainable(one) else None for one in (weight, bias))
    value = None if bias is None else bias.detach()
    return _Linear.apply(  # type: ignore[no-untyped-call]
        inputs, weight.detach(), value, use.anchor, use, trainable
    )


def _bound(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
) -> tuple[Tensor, Tensor, Tensor | None]:
    return input, weight, bias


def _trial_rule(norms: Tensor) -> Tensor:
    """Costs what a real rule costs; timing must not ask the real one."""
    return norms.rsqrt().clamp_(max=1.0).nan_to_num_(0.0)


RULES: dict[Callable[..., Any], Rule] = {F.linear: linear}
