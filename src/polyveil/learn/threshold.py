# SPDX-License-Identifier: Apache-2.0
"""Thresholds at which gradients are clipped: fixed, or a private quantile of their norms.

The quantile gamma of the norms in group k follows noised counts: b_i = 1[norm_i <= C_k], released
is beta_k = sum_i (b_i - 1/2) + noise, and C_k moves by exp(-eta (beta_k / B + 1/2 - gamma)), to be
used at the NEXT step. With gamma = 1/2 that is the median of S5, at a price: the counts share the
budget with the gradients (`polyveil.privacy.accountant.split`). Centring by 1/2 halves their
sensitivity, to sqrt(K) / 2 for K groups.

Source: Andrew et al., NeurIPS 2021, https://arxiv.org/abs/1905.03871
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from polyveil import _validate


@dataclass(frozen=True, slots=True)
class PrivateQuantile:
    """Thresholds that follow a quantile of each group's gradient norms, for a share of the budget.

    Attributes:
      quantile: gamma in (0, 1), the share of records that is left unclipped.
      share: r in (0, 1), part of the privacy budget that the counts take; .01 costs .5 % more
        gradient noise.
      speed: eta > 0, the most that ln C_k moves in one step (for a gap of 1).
      start: first threshold of the whole gradient, > 0; K groups start at start / sqrt(K).
      floor: alpha >= 0, below which no threshold falls; without one, a layer whose gradients
        vanish would lose its noise and its gradient together, and never come back.
    """

    quantile: float = 0.5
    share: float = 0.01
    speed: float = 0.2
    start: float = 1.0
    floor: float = 1e-5

    def __post_init__(self) -> None:
        _validate.positive(quantile=self.quantile, share=self.share, speed=self.speed)
        _validate.positive(start=self.start, floor=self.floor)
        for name, value in (("quantile", self.quantile), ("share", self.share)):
            if value >= 1:
                raise ValueError(f"expected {name} < 1, got {value}.")


def start_values(start: float, groups: int) -> list[float]:
    """Equal thresholds whose joint norm is `start`."""
    return [start / math.sqrt(groups)] * groups


def moved(
    thresholds: Sequence[float],
    noised_counts: Sequence[float],
    *,
    rule: PrivateQuantile,
    expected_batch: float,
) -> list[float]:
    """Thresholds of the next step, from released counts alone (post-processing).

    Args:
      thresholds: C_k of this step.
      noised_counts: beta_k = sum_i (1[norm <= C_k] - 1/2) + noise.
      rule: quantile, speed and floor.
      expected_batch: B = rate x records, public; never the realised batch size.
    """
    return [
        _clamped(c * math.exp(_step(beta, rule, expected_batch)), rule.floor)
        for c, beta in zip(thresholds, noised_counts, strict=True)
    ]


def _step(beta: float, rule: PrivateQuantile, expected_batch: float) -> float:
    below = beta / expected_batch + 0.5
    # A fraction cannot leave [0, 1]; one draw of much noise must not throw the threshold away.
    return -rule.speed * (min(max(below, 0.0), 1.0) - rule.quantile)


def _clamped(value: float, floor: float) -> float:
    return min(max(value, floor), 1e6)
