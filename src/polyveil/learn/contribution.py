# SPDX-License-Identifier: Apache-2.0
"""What one use of parameters in the forward pass adds to every record's gradient.

A linear layer's gradient for record i is a product of two factors, the layer's inputs and the
gradients of its outputs, both of which the backward pass holds anyway. A contribution keeps such
factors, not the product: it can say how long every record's gradient is, and sum the gradients
with one weight a record, mostly without ever holding one gradient a record. That is what makes
clipping nearly free.

Why a protocol: every operation has its own cheapest way (`rules/`), and whoever clips
(`clipping`) needs to know none of them.

Source: Goodfellow 2015, https://arxiv.org/abs/1510.01799 (norms from factors);
Bu et al., ICML 2023, https://arxiv.org/abs/2210.00038 (one backward pass).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias

import torch
from torch import Tensor, nn

# Squared norms, float32 [n] -> weight of each record's gradient, float32 [n]; pure, so that it may
# be asked for a few records at a time, and again.
ClipRule: TypeAlias = Callable[[Tensor], Tensor]


class Contribution(Protocol):
    """One use of one or several parameters: what it adds to each record's gradient.

    Tensors returned are float32, whatever the precision of the pass. A record whose factors hold
    an infinity or a NaN has squared norm inf or NaN, and weight 0 takes it out exactly: 0 x NaN
    is 0 here.

    Attributes:
      parameters: the trainable parameters used, each once.
      records: number of records in the physical batch.
    """

    @property
    def parameters(self) -> tuple[nn.Parameter, ...]: ...

    @property
    def records(self) -> int: ...

    def squared_norms(self) -> Tensor:
        """Squared L2 norm of each record's gradient over all `parameters`; float32 [records]."""
        ...

    def weighted_sum(self, weights: Tensor) -> tuple[Tensor, ...]:
        """sum_i weights[i] * gradient_i, a new float32 tensor a parameter, in its shape."""
        ...

    def clipped(self, rule: ClipRule) -> tuple[Tensor, tuple[Tensor, ...]]:
        """(squared norms, weighted sum with rule(squared norms)), where possible in one pass."""
        ...

    def per_record(self) -> tuple[Tensor, ...]:
        """Every record's gradient, float32 [records, *parameter.shape]; costs memory."""
        ...

    def joined(self, other: Contribution) -> Contribution:
        """The contribution of both uses together, for a parameter that is used more than once."""
        ...


class PerRecord:
    """Gradients held one a record: for small parameters, and the naive twin of every rule."""

    def __init__(self, parameters: tuple[nn.Parameter, ...], gradients: tuple[Tensor, ...]) -> None:
        self.parameters = parameters
        self._gradients = tuple(gradient.float() for gradient in gradients)

    @property
    def records(self) -> int:
        return self._gradients[0].shape[0]

    def squared_norms(self) -> Tensor:
        flat = [gradient.reshape(gradient.shape[0], -1) for gradient in self._gradients]
        return torch.stack([(one * one).sum(1) for one in flat]).sum(0)

    def weighted_sum(self, weights: Tensor) -> tuple[Tensor, ...]:
        return tuple(_weighted(gradient, weights) for gradient in self._gradients)

    def clipped(self, rule: ClipRule) -> tuple[Tensor, tuple[Tensor, ...]]:
        norms = self.squared_norms()
        return norms, self.weighted_sum(rule(norms))

    def per_record(self) -> tuple[Tensor, ...]:
        return self._gradients

    def joined(self, other: Contribution) -> Contribution:
        return joined_per_record(self, other)


def joined_per_record(first: Contribution, second: Contribution) -> PerRecord:
    """Two uses as one, by adding gradients record by record; parameters may partly differ."""
    gradients = dict(zip(first.parameters, first.per_record(), strict=True))
    for parameter, gradient in zip(second.parameters, second.per_record(), strict=True):
        known = gradients.get(parameter)
        gradients[parameter] = gradient if known is None else known + gradient
    return PerRecord(tuple(gradients), tuple(gradients.values()))


def _weighted(gradients: Tensor, weights: Tensor) -> Tensor:
    flat = gradients.reshape(gradients.shape[0], -1)
    total = weights @ flat
    if not torch.isfinite(total).all():
        # 0 x inf is NaN in IEEE 754; a record of weight 0 must leave no trace.
        total = weights @ torch.where(weights[:, None] == 0, torch.zeros_like(flat), flat)
    return total.view(gradients.shape[1:])
