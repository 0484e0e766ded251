# SPDX-License-Identifier: Apache-2.0
"""Clipping: every record's gradient made at most C_k long in each group, then summed.

Guarantee, repeated by tests: whatever a record holds, also infinities and NaN, its part of group
k's sum is at most C_k long.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor, nn

from polyveil.learn.contribution import Contribution

# Norms are float32 sums over up to millions of squares: this much they may be off.
_ROUNDING = 1.0 + 4e-6


class GroupClipper:
    """Sums clipped gradients of a logical batch, group by group, as they come.

    Attributes:
      thresholds: C_k by group; public.
      sums: parameter -> float32 sum of clipped gradients, in the parameter's shape. Secret.
      below: float32 [groups], sum over records of 1[norm <= C_k] - 1/2. Secret.
    """

    def __init__(self, thresholds: Sequence[float]) -> None:
        self.thresholds = list(thresholds)
        self.sums: dict[nn.Parameter, Tensor] = {}
        self.below = torch.zeros(len(self.thresholds))

    def group(self, index: int, contributions: list[Contribution]) -> None:
        """Clip one group whose contributions are complete, and add it to the sums."""
        rule = partial(clip_weights, threshold=self.thresholds[index])
        if len(contributions) == 1:
            squared_norms, totals = contributions[0].clipped(rule)
            add_to(self.sums, contributions[0], totals)
        else:
            squared_norms = torch.stack([one.squared_norms() for one in contributions]).sum(0)
            weights = rule(squared_norms)
            for one in contributions:
                add_to(self.sums, one, one.weighted_sum(weights))
        below = squared_norms <= self.thresholds[index] ** 2
        self.below[index] += float(below.sum()) - squared_norms.shape[0] / 2

    def clear(self) -> None:
        """Forget the logical batch."""
        self.sums.clear()
        self.below.zero_()


def add_to(
    sums: dict[nn.Parameter, Tensor], contribution: Contribution, totals: tuple[Tensor, ...]
) -> None:
    """Add one contribution's weighted sums to those of its parameters."""
    for parameter, total in zip(contribution.parameters, totals, strict=True):
        known = sums.get(parameter)
        sums[parameter] = total if known is None else known.add_(total)


def clip_weights(squared_norms: Tensor, threshold: float) -> Tensor:
    """Weights min(1, C / norm); float32 [records].

    | norm | weight |
    |---|---|
    | 0 | 1 |
    | C | 1 - 4e-6 |
    | infinity or NaN | 0 |
    """
    # 1 / sqrt(0) is infinite and becomes 1; that of infinity is 0; NaN stays until it is made 0.
    weights = squared_norms.rsqrt().mul_(threshold / _ROUNDING).clamp_(max=1.0)
    return weights.nan_to_num_(nan=0.0)
