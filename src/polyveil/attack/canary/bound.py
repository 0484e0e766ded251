# SPDX-License-Identifier: Apache-2.0
"""A lower bound on epsilon from one training run: how much better than a coin the guesses were.

Each of m canaries was put in or left out by a fair coin of its own. An attacker says "in" of k+ of
them and "out" of k-, so r = k+ + k- guesses, of which v are right. Were the training (epsilon,
delta) private, each guess would be right with chance at most q = e^epsilon / (1 + e^epsilon), given
all others, but for what delta allows. So

    P[v or more right] <= beta + 2 m delta alpha,
    beta  = P[Bin(r, q) >= v],    alpha = max over i of P[v - i <= Bin(r, q) < v] / i,

and every epsilon at which the right side is at most 5 % is refuted at a confidence of 95 %. The
bound holds for k+ and k- that were fixed before the scores were seen, or whose choice is paid for
by `trials`. It says nothing from above: a bound of 0 is what a bad attacker gets from any training.

Source: Steinke, Nasr & Jagielski, NeurIPS 2023, https://arxiv.org/abs/2305.08846, theorem 5.2.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from polyveil import _validate

_WIDTH = 1e-9
"""Bisection ends at a bracket of this width, in nats, and returns its lower end."""
_MOST = 60.0
"""No bound is looked for above: e^60 exceeds any number of canaries."""
_PARTS = 24
"""Numbers of guesses among which `default_guesses` chooses; denser where they are few."""
_FARTHEST = 12.0
"""Scores this many standard deviations apart are told apart without error."""


@dataclass(frozen=True, slots=True)
class OneRunBound:
    """What one run has shown about epsilon.

    Attributes:
      epsilon: the training's epsilon at `delta` is at least this, with `confidence`; >= 0, nats.
      delta: of the claim under attack.
      confidence: chance that such a bound holds.
      canaries: m, all that had a coin, guessed or not.
      guesses: r, of which `correct` were right.
      correct: v.
      ceiling: the bound if every guess had been right; no attacker gets beyond it.
      trials: scores or numbers of guesses that were tried; each pays a share of 1 - confidence.
    """

    epsilon: float
    delta: float
    confidence: float
    canaries: int
    guesses: int
    correct: int
    ceiling: float
    trials: int = 1

    def contradicts(self, claim: float) -> bool:
        """Whether a claimed epsilon at this delta is below what was shown."""
        return self.epsilon > claim

    @property
    def share(self) -> float:
        """Right guesses / guesses; 0 where none was made."""
        return self.correct / self.guesses if self.guesses else 0.0

    @property
    def sentence(self) -> str:
        """The bound in plain words; never a promise."""
        return (
            f"Of {self.guesses:,} guesses about {self.canaries:,} canaries {self.correct:,} were "
            f"right: epsilon is at least {self.epsilon:.2f} at delta {self.delta:g} "
            f"({100 * self.confidence:g} % confidence); {self.ceiling:.2f} is the most that this "
            "audit could have shown."
        )


def one_run_bound(
    canaries: int,
    guesses: int,
    correct: int,
    *,
    delta: float,
    confidence: float = 0.95,
    trials: int = 1,
) -> OneRunBound:
    """The bound for v right among r guesses about m canaries.

    | case                         | epsilon |
    |------------------------------|---------|
    | no guess                     | 0       |
    | no better than coins         | 0       |
    | 2 m delta above 1, roughly   | 0       |
    | all right                    | ceiling |

    Args:
      canaries: m >= 1, all that had a fair, independent coin.
      guesses: r in [0, m], fixed before the scores were seen.
      correct: v in [0, r].
      delta: in [0, 1).
      confidence: in (0, 1).
      trials: K >= 1 choices of score or r, of which the best is reported.

    Raises:
      ValueError: naming the argument that is out of range.
    """
    _validate.at_least(1, canaries=canaries, trials=trials)
    if not 0 <= correct <= guesses <= canaries:
        raise ValueError(
            f"expected 0 <= correct <= guesses <= canaries, got {correct}, {guesses}, {canaries}."
        )
    if not 0 < confidence < 1:
        raise ValueError(f"expected 0 < confidence < 1, got {confidence}.")
    if not 0 <= delta < 1:
        raise ValueError(f"expected 0 <= delta < 1, got {delta}.")
    significance = (1 - confidence) / trials
    return OneRunBound(
        epsilon=_largest_refuted(canaries, guesses, correct, delta, significance),
        delta=delta,
        confidence=confidence,
        canaries=canaries,
        guesses=guesses,
        correct=correct,
        ceiling=_largest_refuted(canaries, guesses, guesses, delta, significance),
        trials=trials,
    )


def p_value(canaries: int, guesses: int, correct: int, *, epsilon: float, delta: float) -> float:
    """Chance, at most, of so many right guesses if the training were (epsilon, delta) private."""
    _validate.not_negative(epsilon=epsilon)
    if not guesses:
        return 1.0
    # Here and not at the top: it takes half a second, which only those who audit should pay.
    from scipy.special import bdtrc, expit, gammaln, log_expit

    beta = float(bdtrc(correct - 1, guesses, expit(epsilon))) if correct else 1.0
    if not delta or not correct:
        return min(1.0, beta)
    # P[Bin = k] for k = v - 1, v - 2, ..., 0, in logs: factorials of 10^5 are no doubles. Summing
    # them keeps the digits that a difference of two tails would lose.
    below = np.arange(correct - 1, -1, -1, dtype=np.float64)
    log_ways = gammaln(guesses + 1) - gammaln(below + 1) - gammaln(guesses - below + 1)
    log_chance = below * log_expit(epsilon) + (guesses - below) * log_expit(-epsilon)
    masses = np.exp(log_ways + log_chance)
    alpha = float((np.cumsum(masses) / np.arange(1, correct + 1)).max())
    return min(1.0, beta + 2 * canaries * delta * alpha)


def least_right(
    canaries: int, guesses: int, claim: float, *, delta: float, confidence: float, trials: int = 1
) -> int | None:
    """The fewest right guesses that contradict a claim; None where not even all of them do."""
    low, high = 0, guesses
    significance = (1 - confidence) / trials

    def enough(correct: int) -> bool:
        return _largest_refuted(canaries, guesses, correct, delta, significance) > claim

    if not enough(guesses):
        return None
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle + 1, high)
    return low


@lru_cache(maxsize=65536)
def _largest_refuted(m: int, r: int, v: int, delta: float, significance: float) -> float:
    """The largest epsilon with p <= significance, from below; 0 where none is refuted."""

    def refuted(epsilon: float) -> bool:
        return p_value(m, r, v, epsilon=epsilon, delta=delta) <= significance

    return _last(refuted)


def _last(holds: Callable[[float], bool]) -> float:
    """The largest x in [0, _MOST] up to which a property holds."""
    if not holds(0.0):
        return 0.0
    low, high = 0.0, 1.0
    while high < _MOST and holds(high):
        low, high = high, 2 * high
    while high - low > _WIDTH:
        middle = 0.5 * (low + high)
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low


@lru_cache(maxsize=256)
def default_guesses(
    canaries: int, claim: float, *, delta: float, confidence: float = 0.95, trials: int = 1
) -> tuple[int, int]:
    """(k+, k-), from public facts alone: those that notice the smallest excess over the claim.

    Few guesses are surer, but their ceiling is low; many are the other way round. For each number
    of guesses it is asked how far apart Gaussian scores of canaries that are in and that are out
    must lie for the claim to be refuted in five of six runs, and the number that asks least is
    taken. Half of the guesses say "in", the other half "out". Where no number can refute the claim,
    all canaries are guessed, which has the highest ceiling.

    Args:
      claim: the epsilon that will be tested, > 0.
    """
    _validate.positive(claim=claim)
    _validate.at_least(2, canaries=canaries)
    best, least = canaries // 2, math.inf
    for part in range(1, _PARTS + 1):
        each = max(1, round(canaries / 2 * (part / _PARTS) ** 2))
        needed = least_right(
            canaries, 2 * each, claim, delta=delta, confidence=confidence, trials=trials
        )
        if needed is not None:
            shift = _shift_for(needed, each, canaries)
            best, least = (each, shift) if shift < least else (best, least)
    return best, min(best, canaries - best)


def _shift_for(needed: int, each: int, canaries: int) -> float:
    """How far apart scores must lie for `needed` of 2 x `each` guesses to be right, less luck."""

    def spare(shift: float) -> float:
        share = _right_share(each / canaries, shift)
        luck = math.sqrt(share * (1 - share) / (2 * each))
        return 2 * each * (share - luck) - needed

    low, high = 0.0, _FARTHEST
    if spare(high) < 0:
        return math.inf
    while high - low > 1e-3:
        middle = 0.5 * (low + high)
        low, high = (low, middle) if spare(middle) >= 0 else (middle, high)
    return high


def _right_share(part: float, shift: float) -> float:
    """Members among the top `part` <= 1/2 of scores that are half N(0, 1), half N(shift, 1)."""
    from scipy.special import ndtr

    low, high = -10.0, shift + 10.0
    for _ in range(40):
        cut = 0.5 * (low + high)
        inside = ndtr(-cut) + ndtr(shift - cut)
        low, high = (cut, high) if inside > 2 * part else (low, cut)
    return float(ndtr(shift - high) / (ndtr(-high) + ndtr(shift - high)))
