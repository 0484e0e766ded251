# SPDX-License-Identifier: Apache-2.0
"""Discrete Gaussian noise for integers: exact, where floating-point noise has telling gaps.

A float64 "Gaussian" reaches only some numbers, and which ones depends on the value it hides, so
that the last bits can give the value away (Mironov 2012). Integers plus integer noise have no such
bits. The sampler uses integers, rational numbers and the operating system's generator only.

Source: Canonne, Kamath, Steinke, NeurIPS 2020, https://arxiv.org/abs/2004.00010, Algorithms 1 to 3,
Theorem 4 (concentrated) and Theorem 7 (approximate differential privacy).
"""

from __future__ import annotations

import math
import secrets
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import logsumexp

from polyveil import _validate

_LARGEST_SUMMED = 1e5
"""Noise up to which tail sums are added term by term, in units; beyond, rho stands in."""
_REACH = 40.0
"""Deviations beyond which a tail is below 1e-340."""


@dataclass(frozen=True, slots=True)
class DiscreteGaussian:
    """Adds integer noise with P(Y = y) proportional to exp(-y^2 / (2 sigma^2)) to integers.

    Attributes:
      sensitivity: L2 distance by which one unit can change the released integers, >= 1.
      noise_multiplier: sigma / sensitivity, > 0.
    """

    sensitivity: int
    noise_multiplier: float

    def __post_init__(self) -> None:
        _validate.at_least(1, sensitivity=self.sensitivity)
        _validate.positive(noise_multiplier=self.noise_multiplier)

    @property
    def sigma(self) -> float:
        """Scale of the noise, in units of the statistic; hardly above its standard deviation."""
        return self.sensitivity * self.noise_multiplier

    @property
    def rho(self) -> float:
        """The release of one or many integers is rho-zero-concentrated differentially private."""
        return 0.5 / self.noise_multiplier**2

    def release(self, values: int | ArrayLike) -> NDArray[np.int64]:
        """Integers plus fresh, independent noise each; int64, in the shape that came.

        Raises:
          ValueError: a value is not an integer.
        """
        given = np.asarray(values)
        if given.dtype.kind not in "iu":
            raise ValueError(f"expected integers, got {given.dtype}. Round or count first.")
        variance = (self.sensitivity * Fraction(self.noise_multiplier)) ** 2
        noise = [sample(variance) for _ in range(given.size)]
        return given.astype(np.int64) + np.array(noise, dtype=np.int64).reshape(given.shape)

    def delta_for(self, *, epsilon: float, statistics: int = 1) -> float:
        """δ in [0, 1] of one release of so many integers, ε >= 0.

        For one integer and a sigma up to 1e5 the smallest δ there is; else an upper bound by rho.
        """
        _validate.not_negative(epsilon=epsilon)
        _validate.at_least(1, statistics=statistics)
        if statistics > 1 or self.sigma > _LARGEST_SUMMED:
            return delta_of_rho(self.rho, epsilon=epsilon)
        return self._delta(epsilon)

    def epsilon_for(self, *, delta: float, statistics: int = 1) -> float:
        """ε in nats of one release of so many integers, for δ in (0, 1); rounded up."""
        if not 0 < delta < 1:
            raise ValueError(f"expected 0 < delta < 1, got {delta}.")
        low, high = 0.0, 1.0
        if self.delta_for(epsilon=0.0, statistics=statistics) <= delta:
            return 0.0
        while self.delta_for(epsilon=high, statistics=statistics) > delta:
            low, high = high, 2 * high
        while high - low > 1e-9 * high:
            middle = 0.5 * (low + high)
            enough = self.delta_for(epsilon=middle, statistics=statistics) <= delta
            low, high = (low, middle) if enough else (middle, high)
        return high

    def probability(self, noise: ArrayLike) -> NDArray[np.float64]:
        """P(Y = noise), for integers."""
        values: Any = np.asarray(noise, dtype=np.float64)
        weights: NDArray[np.float64] = np.exp(-0.5 * (values / self.sigma) ** 2 - self._log_total())
        return weights

    def _delta(self, epsilon: float) -> float:
        """Theorem 7: P(Y > ε σ²/c - c/2) - e^ε P(Y > ε σ²/c + c/2), c the sensitivity.

        A smaller change costs less: the best event is a half-line, as the noise is log-concave, so
        δ(c) = sup over t of P(Y <= t) - e^ε P(Y <= t - c), which grows with c.
        """
        change, total = self.sensitivity, self._log_total()
        middle = epsilon * self.sigma**2 / change
        gain = self._log_tail(math.floor(middle - change / 2) + 1) - total
        loss = self._log_tail(math.floor(middle + change / 2) + 1) - total + epsilon
        return math.exp(gain) * -math.expm1(min(loss - gain, 0.0)) if gain > -745 else 0.0

    def _log_total(self) -> float:
        return float(np.logaddexp(self._log_tail(0), self._log_tail(1)))

    def _log_tail(self, first: int) -> float:
        """ln of the sum of exp(-y²/2σ²) over integers y >= first."""
        if first < 0:
            both = np.logaddexp(self._log_tail(0), self._log_tail(1))
            rest = self._log_tail(1 - first)
            return float(both + np.log1p(-np.exp(rest - both)))
        count = int(_REACH * self.sigma) + 2
        values = np.arange(count, dtype=np.float64)
        # y² = f² + 2 f (y - f) + (y - f)²: the first part leaves the sum, so nothing underflows.
        terms = -(values * (values + 2.0 * first)) / (2 * self.sigma**2)
        return float(logsumexp(terms)) - 0.5 * (first / self.sigma) ** 2


def delta_of_rho(rho: float, *, epsilon: float) -> float:
    """A δ in [0, 1] for which rho-zCDP implies (ε, δ): Proposition 12, the best order by search."""
    _validate.positive(rho=rho)
    _validate.not_negative(epsilon=epsilon)

    def log_delta(log_excess: float) -> float:
        excess = math.exp(log_excess)  # the Rényi order less 1
        order = 1 + excess
        spared = order * math.log1p(-1 / order)
        return excess * (order * rho - epsilon) + spared - log_excess

    # Convex enough in ln(order - 1) for a golden section; any order gives a valid delta.
    low, high, golden = -12.0, 14.0, (math.sqrt(5) - 1) / 2
    for _ in range(80):
        left, right = high - golden * (high - low), low + golden * (high - low)
        low, high = (low, right) if log_delta(left) < log_delta(right) else (left, high)
    return math.exp(min(log_delta(0.5 * (low + high)), 0.0))


def sample(variance: Fraction) -> int:
    """One draw of discrete Gaussian noise with this sigma^2 > 0, exactly (Algorithm 3)."""
    if variance <= 0:
        raise ValueError(f"expected variance > 0, got {variance}.")
    scale = math.isqrt(variance.numerator // variance.denominator) + 1
    shift = variance / scale
    while True:
        noise = _laplace(scale)
        off = abs(noise) - shift
        if _coin_exp(off * off / (2 * variance)):
            return noise


def _laplace(scale: int) -> int:
    """P(Y = y) proportional to exp(-|y| / scale) (Algorithm 2)."""
    while True:
        rest = secrets.randbelow(scale)
        if not _coin_exp_small(rest, scale):
            continue
        whole = 0
        while _coin_exp_small(1, 1):
            whole += 1
        size = rest + scale * whole
        negative = secrets.randbelow(2)
        if size or not negative:  # zero must not count twice
            return -size if negative else size


def _coin_exp(exponent: Fraction) -> bool:
    """True with probability exp(-exponent), exponent >= 0 (Algorithm 1)."""
    whole, rest = divmod(exponent.numerator, exponent.denominator)
    for _ in range(whole):
        if not _coin_exp_small(1, 1):
            return False
    return _coin_exp_small(rest, exponent.denominator)


def _coin_exp_small(part: int, whole: int) -> bool:
    """True with probability exp(-part / whole), 0 <= part <= whole: von Neumann's series."""
    turns = 1
    while secrets.randbelow(whole * turns) < part:
        turns += 1
    return turns % 2 == 1
