# SPDX-License-Identifier: Apache-2.0
"""An estimate with its interval: no measured figure of polyveil is a bare number.

Counts get the exact binomial interval, which never promises more than it holds, also at 0 of n.
Everything else gets a percentile bootstrap over the units that were drawn (people, not pictures,
where a person has several).

Source: Clopper & Pearson, Biometrika 26 (1934); Efron & Tibshirani, An Introduction to the
Bootstrap (1993), chapter 13.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate, and where the true value lies with the confidence that `method` names.

    Attributes:
      estimate: the point estimate.
      low, high: ends of the interval, low <= high; both finite.
      n: how many independent units (people, records) it rests on.
      method: e.g. "Clopper-Pearson, 95 %".
    """

    estimate: float
    low: float
    high: float
    n: int
    method: str

    def __post_init__(self) -> None:
        if not all(math.isfinite(value) for value in (self.estimate, self.low, self.high)):
            raise ValueError(
                f"expected a finite interval, got {self.estimate} [{self.low}, {self.high}]."
            )
        if self.low > self.high or self.n < 0:
            raise ValueError(
                f"expected low <= high and n >= 0, got [{self.low}, {self.high}], n = {self.n}."
            )


def clopper_pearson(k: int, n: int, *, confidence: float = 0.95) -> Interval:
    """The exact interval of a share: k hits among n independent trials.

    Edge cases: k = 0 gives low = 0, k = n gives high = 1, n = 0 gives estimate 0 in [0, 1]: nothing
    was tried, so nothing is excluded.

    Raises:
      ValueError: k is not in [0, n], or confidence is not in (0, 1).
    """
    if not 0 <= k <= n:
        raise ValueError(f"expected 0 <= k <= n, got k = {k}, n = {n}.")
    _confidence(confidence)
    # Here and not at the top: it takes half a second, which only those who measure should pay.
    from scipy.special import betaincinv

    tail = (1.0 - confidence) / 2.0
    low = float(betaincinv(k, n - k + 1, tail)) if k > 0 else 0.0
    high = float(betaincinv(k + 1, n - k, 1.0 - tail)) if k < n else 1.0
    estimate = k / n if n else 0.0
    return Interval(estimate, low, high, n, f"Clopper-Pearson, {100 * confidence:g} %")


def bootstrap(
    units: Sequence[float] | NDArray[np.floating],
    statistic: Callable[[NDArray[np.float64]], float] | None = None,
    *,
    confidence: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> Interval:
    """The percentile bootstrap interval of a statistic over independent units.

    Args:
      units: one number for each independent unit; at least one.
      statistic: of a resample, shape (n,); None for the mean.
      resamples: how often to draw; 2,000 hold the ends steady to about a tenth of the width.
      seed: the draw is repeatable; no secret depends on it.

    Raises:
      ValueError: no units, a unit that is not finite, or confidence not in (0, 1).
    """
    values = np.asarray(units, dtype=np.float64)
    if values.ndim != 1 or values.size == 0 or not np.isfinite(values).all():
        raise ValueError(f"expected a list of finite numbers, got shape {values.shape}.")
    _confidence(confidence)
    measure = statistic or _mean
    draw = np.random.default_rng(seed)
    figures = [
        measure(values[draw.integers(0, values.size, values.size)]) for _ in range(resamples)
    ]
    tail = 50.0 * (1.0 - confidence)
    low, high = np.percentile(figures, [tail, 100.0 - tail])
    method = f"bootstrap, {100 * confidence:g} %, {resamples} resamples"
    return Interval(float(measure(values)), float(low), float(high), int(values.size), method)


def _mean(values: NDArray[np.float64]) -> float:
    return float(values.mean())


def _confidence(confidence: float) -> None:
    if not 0.0 < confidence < 1.0:
        raise ValueError(f"expected confidence in (0, 1), got {confidence}.")
