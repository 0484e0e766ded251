# SPDX-License-Identifier: Apache-2.0
"""The Gaussian mechanism: how much normal noise an (ε, δ) promise costs.

Calibrated exactly. The textbook sqrt(2 ln(1.25/δ))/ε is proven only for ε < 1 and adds noise that
no one asked for.

    noise multiplier      epsilon        smallest delta
    -> 0                  any            -> 1
    -> infinity           any            -> 0
    any                   0              erf(1 / (2 sqrt(2) multiplier)), the total variation
    any                   -> infinity    -> 0 (below 1e-308 it underflows to 0)

Source: Balle & Wang, ICML 2018, Theorem 8, https://arxiv.org/abs/1805.06530
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

from scipy.special import erfcx, log_ndtr

from polyveil import _validate

_LEAST, _MOST = 1e-9, 1e18
"""Multipliers between which a calibration looks; outside, doubles say nothing any more."""
_HALF_LOG_2PI: Final = 0.5 * math.log(2 * math.pi)


def delta_for(noise_multiplier: float, *, epsilon: float) -> float:
    """The smallest δ at which this much noise keeps its promise for ε.

    Args:
      noise_multiplier: noise standard deviation / L2 sensitivity; no unit, > 0.
      epsilon: bound on the privacy loss, in nats, >= 0.

    Returns:
      δ in [0, 1], for one release, neighbours differing by one unit.

    Raises:
      ValueError: naming the argument that is out of range.
    """
    _validate.positive(noise_multiplier=noise_multiplier)
    _validate.not_negative(epsilon=epsilon)
    return math.exp(_log_delta(noise_multiplier, epsilon))


def epsilon_for(noise_multiplier: float, *, delta: float) -> float:
    """The smallest ε, in nats, at which this much noise keeps its promise for δ in (0, 1).

    0 where the total variation distance is at most δ already. Rounded up, never down.

    Raises:
      ValueError: naming the argument that is out of range.
    """
    _validate.positive(noise_multiplier=noise_multiplier)
    target = _log_of(delta)
    if _log_delta(noise_multiplier, 0.0) <= target:
        return 0.0
    # A Gaussian loss has mean m = 1/(2z^2) and deviation 1/z; beyond 39 deviations delta < 1e-308.
    most = 0.5 / noise_multiplier**2 + 40.0 / noise_multiplier
    return _smallest(lambda epsilon: _log_delta(noise_multiplier, epsilon) <= target, 0.0, most)


def noise_multiplier_for(*, epsilon: float, delta: float) -> float:
    """The smallest noise multiplier that keeps (ε, δ), ε > 0, δ in (0, 1), for one release.

    Rounded up, never down, by about 1 part in 10^11.

    Raises:
      ValueError: naming the argument that is out of range.
    """
    _validate.positive(epsilon=epsilon)
    target = _log_of(delta)
    log_multiplier = _smallest(
        lambda log_z: _log_delta(math.exp(log_z), epsilon) <= target,
        math.log(_LEAST),
        math.log(_MOST),
    )
    return math.exp(log_multiplier)


def _log_delta(noise_multiplier: float, epsilon: float) -> float:
    """ln δ = ln[ Φ(a) - e^ε Φ(b) ] with a = 1/(2z) - εz, b = -1/(2z) - εz; -inf on underflow."""
    half, tilt = 0.5 / noise_multiplier, epsilon * noise_multiplier
    upper, lower = half - tilt, -half - tilt
    if upper > 0:
        # In logs: e^ε alone overflows from ε ≈ 710 on.
        gain = float(log_ndtr(upper))
        drop = epsilon + float(log_ndtr(lower)) - gain
        return gain + math.log(-math.expm1(drop)) if drop < 0 else -math.inf
    # Since e^ε φ(b) = φ(a), δ = φ(a) (R(-a) - R(-b)), R Mills' ratio: no large parts cancel.
    difference = _mills_difference(-upper, 2 * half)
    if difference <= 0:
        return -math.inf
    return -0.5 * upper * upper - _HALF_LOG_2PI + math.log(difference)


def _mills_difference(near: float, width: float) -> float:
    """R(near) - R(near + width), near >= 0, R(x) = (1 - Φ(x)) / φ(x), to full precision."""
    if width > 0.1 * (1 + near):
        return _mills(near) - _mills(near + width)
    # R' = x R - 1: integrate -R' over the short stretch, by Gauss-Legendre with five nodes.
    middle, half = near + 0.5 * width, 0.5 * width
    return half * sum(weight * _slope(middle + half * node) for node, weight in _NODES)


def _mills(x: float) -> float:
    return math.sqrt(math.pi / 2) * float(erfcx(x / math.sqrt(2)))


def _slope(x: float) -> float:
    """-R'(x) = 1 - x R(x) > 0; by its continued fraction where the difference would cancel."""
    if x < 5:
        return 1 - x * _mills(x)
    # R(x) = 1/(x + 1/(x + 2/(x + 3/...))), so 1 - x R = t / (x + t), t = 1/(x + 2/(x + ...)).
    tail = x
    for k in range(60, 1, -1):
        tail = x + k / tail
    return 1 / (x * tail + 1)


def _log_of(delta: float) -> float:
    if not 0 < delta < 1:
        raise ValueError(f"expected 0 < delta < 1, got {delta}.")
    # Lowered by more than the rounding of _log_delta, so that what is returned holds in truth.
    return math.log(delta) - 2e-12


def _smallest(holds: Callable[[float], bool], low: float, high: float) -> float:
    """The least x in [low, high] with holds(x), which is monotone; from above, by bisection."""
    while True:
        middle = 0.5 * (low + high)
        if middle in (low, high) or high - low <= 1e-13 * abs(high):
            return high
        if holds(middle):
            high = middle
        else:
            low = middle


_NODES: Final = (
    (0.0, 128 / 225),
    (0.5384693101056831, 0.47862867049936647),
    (-0.5384693101056831, 0.47862867049936647),
    (0.906179845938664, 0.23692688505618908),
    (-0.906179845938664, 0.23692688505618908),
)
