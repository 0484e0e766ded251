# SPDX-License-Identifier: Apache-2.0
"""How the noise is shared out over groups of parameters.

Group k is clipped at C_k and gets N(0, s_k^2 I). All groups together are one Gaussian mechanism of
noise multiplier z if and only if sum_k C_k^2 / s_k^2 = 1 / z^2: scale every group by 1 / s_k, then
the sensitivity of the whole is sqrt(sum C_k^2 / s_k^2) and its noise is standard normal. With
s_k = z C_k / sqrt(w_k) this reads sum_k w_k = 1, whatever the shares w_k are.

The total power sum_k d_k s_k^2 = z^2 sum_k d_k C_k^2 / w_k is least for w_k proportional to
C_k sqrt(d_k) (Cauchy-Schwarz). Shares may depend on thresholds, because those are functions of
earlier releases.

Source: the joint Gaussian mechanism, e.g. McMahan et al. 2018, https://arxiv.org/abs/1812.06210
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from polyveil import _validate


def least_power(
    noise_multiplier: float, *, thresholds: Sequence[float], sizes: Sequence[int]
) -> list[float]:
    """Noise standard deviations s_k of least total power for groups clipped at `thresholds`.

    Args:
      noise_multiplier: z of the joint release; no unit, >= 0.
      thresholds: C_k > 0, in units of the gradient.
      sizes: d_k >= 1, number of coordinates of each group.

    Returns:
      s_k, in units of the gradient, with sum C_k^2 / s_k^2 = 1 / z^2.
    """
    _validate.not_negative(noise_multiplier=noise_multiplier)
    pull = [c * math.sqrt(d) for c, d in zip(thresholds, sizes, strict=True)]
    total = math.fsum(pull)
    return [
        noise_multiplier * c * math.sqrt(total / one)
        for c, one in zip(thresholds, pull, strict=True)
    ]


def power(deviations: Sequence[float], sizes: Sequence[int]) -> float:
    """Expected squared norm of the noise: sum_k d_k s_k^2."""
    return math.fsum(d * s * s for s, d in zip(deviations, sizes, strict=True))
