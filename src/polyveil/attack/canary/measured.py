# SPDX-License-Identifier: Apache-2.0
"""Noise, rate and independence of releases as they were seen, beside those that were stated.

The auditor, unlike the attacker, knows which canary was in which sample. So he can measure what the
accountant was told: how often a record is sampled, whether every release draws a sample and noise
of its own, and how far a sampled one stands out of the noise. That needs far fewer canaries than an
attack, and sees noise that is too small by a tenth; but it believes that the mechanism is the one
that the accountant knows. The attack believes nothing.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from polyveil.attack.canary.claim import TrainingFacts
from polyveil.interval import Interval, clopper_pearson

Floats: TypeAlias = NDArray[np.floating]

CONFIDENCE = 0.998
"""Of each interval: a right training is contradicted by one once in a thousand."""
_DEVIATIONS = 3.09
_MOST = 1e6
_BY_CHANCE = 1e-3
_AT_ONCE = 500
"""Releases that are compared with all others at once: memory stays bounded."""
_SAME = 0.9
"""Correlation above which two releases have one noise: copies have 1, fresh noise about 0."""
_FEWEST = 30
"""Canaries that are out, without which chance could correlate so far."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What was seen.

    Attributes:
      rate: share of steps whose sample a canary was in that was in the data.
      noise_multiplier: noise standard deviation / length of a canary's part; None where too few
        were sampled to say. At most the true one if canaries are clipped, so never below it by
        more than chance.
      sharing: most releases that were made of one and the same sample; 1 where each draws its own,
        as a sum of sampled releases takes for granted.
      same_noise: most releases under one and the same noise; 1 where each has its own. From any
        two of them it can be taken off.
    """

    rate: Interval
    noise_multiplier: Interval | None
    sharing: int = 1
    same_noise: int = 1

    def facts(self, stated: TrainingFacts) -> TrainingFacts:
        """The stated facts; where what was seen contradicts them for the worse, the mildest that
        it leaves possible."""
        rate = max(stated.rate, self.rate.low)
        noise = stated.noise_multiplier
        if self.noise_multiplier is not None:
            noise = min(noise, self.noise_multiplier.high)
        if self.same_noise > 1:
            noise = 0.0
        # Releases of one sample are one release, as loud as all of them together.
        return replace(
            stated,
            rate=rate,
            noise_multiplier=noise / math.sqrt(self.sharing),
            steps=self.samples(stated.steps),
        )

    def samples(self, releases: int) -> int:
        """How many samples so many releases are made of."""
        return math.ceil(releases / self.sharing)


def measure(scores: Floats, sampled: NDArray[np.integer], included: NDArray[np.bool_]) -> Measured:
    """Rate and noise from scores of marks.

    Args:
      scores: [steps, m], of released gradients.
      sampled: [steps, m], how often each canary was in each step's sample.
      included: bool (m,).
    """
    inside = sampled[:, included]
    tries, met = inside.size, int(np.minimum(inside, 1).sum())
    return Measured(
        rate=clopper_pearson(met, tries, confidence=CONFIDENCE),
        noise_multiplier=_noise(scores, sampled),
        sharing=_sharing(inside > 0),
        same_noise=_same_noise(scores[:, ~included].astype(np.float32)),
    )


def _sharing(drawn: NDArray[np.bool_]) -> int:
    """Most releases of one sample: those that have far more canaries in common than chance gives.

    Args:
      drawn: bool [releases, canaries that are in].
    """
    releases, canaries = drawn.shape
    share = float(drawn.mean()) if drawn.size else 0.0
    if releases < 2 or not 0 < share < 1:
        return 1
    from scipy.stats import binom

    pairs = releases * (releases - 1) / 2
    # Where chance alone gives nearly as much as equal samples do, nothing can be told.
    most = max(float(binom.isf(_BY_CHANCE / pairs, canaries, share**2)), 0.5 * share * canaries)
    return _largest_group(drawn.astype(np.float32), most)


def _same_noise(idle: NDArray[np.float32]) -> int:
    """Most releases under one noise: those that say the same of canaries that are in no sample.

    Args:
      idle: [releases, canaries that are out].
    """
    if idle.shape[1] < _FEWEST:
        return 1
    centred = idle - idle.mean(1, keepdims=True)
    lengths = np.linalg.norm(centred, axis=1, keepdims=True)
    # Without any noise there is nothing to be the same.
    directions = np.divide(centred, lengths, out=np.zeros_like(centred), where=lengths > 0)
    return _largest_group(directions, _SAME)


def _largest_group(rows: NDArray[np.float32], most: float) -> int:
    """How many rows belong together, at most: each with the first whose product with it is more
    than `most`."""
    group = np.arange(len(rows))
    for start in range(0, len(rows), _AT_ONCE):
        together = rows[start : start + _AT_ONCE] @ rows.T > most
        for row, others in enumerate(together, start=start):
            others[row] = True
            group[row] = group[others.argmax()]
    return max(Counter(group.tolist()).values(), default=1)


def _noise(scores: Floats, sampled: NDArray[np.integer]) -> Interval | None:
    """Noise deviation over lift, from canaries that were in a sample once and that were not."""
    lifted = scores[sampled == 1].astype(np.float64)
    idle = scores[sampled == 0].astype(np.float64)
    if len(lifted) < 20 or len(idle) < 20:
        return None
    lift, deviation = float(lifted.mean() - idle.mean()), float(idle.std())
    if lift <= 0:
        return None
    if deviation <= lift / _MOST:
        return Interval(0.0, 0.0, 0.0, len(lifted), "noise measured, 99.8 %")
    ratio = lift / deviation
    error = math.sqrt(1 / len(lifted) + 1 / len(idle) + ratio**2 / (2 * len(idle)))
    low, high = ratio - _DEVIATIONS * error, ratio + _DEVIATIONS * error
    if low <= 1 / _MOST:
        return None
    return Interval(1 / ratio, 1 / high, 1 / low, len(lifted), "noise measured, 99.8 %")
