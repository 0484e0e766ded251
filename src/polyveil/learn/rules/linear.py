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
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F  # noqa: N812

from polyveil.errors import NotPrivate
from polyveil.learn import choice, streaming
from polyveil.learn.contribution import ClipRule, Contribution, PerRecord, joined_per_record
from polyveil.learn.use import Rule, Use


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
        a, b = self._inputs, self._gradients
        ways = {
            "streamed": lambda: streaming.streamed_norms(a, b),
            "gram": lambda: streaming.gram_norms(a, b),
        }
        norms = self._single() if a.shape[1] == 1 else ways[self._choose("norms", ways)]()
        extra = self._bias_norms()
        return norms if extra is None else norms + extra

    def weighted_sum(self, weights: Tensor) -> tuple[Tensor, ...]:
        total = self._weighted(self._inputs, self._gradients, weights)
        if not torch.isfinite(torch.stack([one.sum() for one in total])).all():
            # 0 x inf is NaN in IEEE 754; a record of weight 0 must leave no trace.
            out = (weights == 0)[:, None, None]
            a, b = self._inputs.masked_fill(out, 0), self._gradients.masked_fill(out, 0)
            total = self._weighted(a, b, weights)
        return total

    def clipped(self, rule: ClipRule) -> tuple[Tensor, tuple[Tensor, ...]]:
        ways: dict[str, Callable[[ClipRule], tuple[Tensor, tuple[Tensor, ...]]]] = {
            "streamed": self._streamed,
            "gram": self._gram,
        }
        if self._inputs.shape[1] == 1:
            return self._gram(rule)
        timed = {name: lambda way=way: way(_trial_rule) for name, way in ways.items()}
        norms, total = ways[self._choose("clip", timed)](rule)
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

    def _choose(self, purpose: str, ways: Mapping[str, Callable[[], object]]) -> str:
        shapes = (*self._inputs.shape, self._gradients.shape[2])
        return choice.fastest(("linear", purpose, shapes), ways, device=self._inputs.device.type)

    def _streamed(self, rule: ClipRule) -> tuple[Tensor, tuple[Tensor, ...]]:
        a, b = self._inputs, self._gradients
        norms, weight = streaming.clipped_in_one_pass(a, b, self._bias_norms(), rule)
        return norms, (weight,) if self._bias is None else (weight, rule(norms) @ self._bias)

    def _gram(self, rule: ClipRule) -> tuple[Tensor, tuple[Tensor, ...]]:
        with choice.pinned("gram"):
            norms = self.squared_norms()
        return norms, self.weighted_sum(rule(norms))

    def _single(self) -> Tensor:
        return self._inputs.square().sum((1, 2)) * self._gradients.square().sum((1, 2))

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
        if bias is None:
            raise NotPrivate("linear: neither weight nor bias is trainable.")
        return PerRecord((bias,), (gradients.float().sum(1),))
    factor = inputs.reshape(use.records, -1, inputs.shape[-1])
    return LinearContribution((weight,) if bias is None else (weight, bias), factor, gradients)


def linear(
    use: Use, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """The rule for `torch.nn.functional.linear`."""
    inputs, weight, bias = _bound(*args, **kwargs)
    if inputs.dim() < 2 or weight.dim() != 2 or inputs.shape[0] % use.records:
        raise NotPrivate(
            f"linear: inputs {tuple(inputs.shape)}, weight {tuple(weight.shape)}; expected "
            f"dimension 0 to hold the {use.records} records and a weight of 2 dimensions. "
            "Keep records in dimension 0."
        )
    if isinstance(inputs, nn.Parameter) and inputs.requires_grad:
        raise NotPrivate(
            "linear: the inputs are a trainable parameter; expected data. Multiply parameters "
            "outside of the records' path, or freeze one of them."
        )
    trainable = (_trainable("weight", weight), _trainable("bias", bias))
    value = None if bias is None else bias.detach()
    return _Linear.apply(inputs, weight.detach(), value, use.anchor, use, trainable)  # type: ignore[no-untyped-call]


def _bound(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
) -> tuple[Tensor, Tensor, Tensor | None]:
    return input, weight, bias


def _trainable(name: str, tensor: Tensor | None) -> nn.Parameter | None:
    if tensor is None or not tensor.requires_grad:
        return None
    if not isinstance(tensor, nn.Parameter):
        raise NotPrivate(
            f"linear: {name} is computed from trainable parameters; expected a parameter itself. "
            "Apply its factors one after the other, or freeze them."
        )
    return tensor


def _trial_rule(norms: Tensor) -> Tensor:
    """Costs what a real rule costs, so that timing does not call the real one."""
    return norms.rsqrt().clamp_(max=1.0).nan_to_num_(0.0)


RULES: dict[Callable[..., Any], Rule] = {F.linear: linear}
