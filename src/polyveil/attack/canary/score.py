# SPDX-License-Identifier: Apache-2.0
"""From what was watched to one score a canary, and from scores to guesses.

A canary that is in the data is in each step's sample with chance q, and then lifts its score of
that step by some mu. So step t speaks for it by ln(1 - q + q exp(mu y_t - mu^2 / 2)), and steps
add up. The lift is not taken from the claim, which may be wrong: it is the one under which all
scores together, of canaries half of which are in, are likeliest. No coin is looked at for that.

Source: Neyman & Pearson 1933; the mixture is that of DP-SGD, Abadi et al., CCS 2016,
https://arxiv.org/abs/1607.00133.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from polyveil import _validate

Floats: TypeAlias = NDArray[np.floating]

LIFTS = (0.1, 0.2, 0.35, 0.5, 0.7, 1.0, 1.4, 2.0, 3.0, 4.0, 6.0, 8.0)
"""Lifts mu that are tried, in standard deviations of a step's noise."""


def membership(scores: Floats, *, rate: float, signs: tuple[int, ...] = (1,)) -> Floats:
    """ln odds that each canary is in, up to a constant; float64 [m].

    Args:
      scores: [steps, m], of spread 1 where a canary is not.
      rate: q in (0, 1], of each lift.
      signs: (1,) where a sample lifts the score; (1, -1) for differences of successive steps,
        where a sample lifts one step and lowers the next.
    """
    _validate.positive(rate=rate)
    best: Floats = np.zeros(scores.shape[1])
    likeliest = -np.inf
    for lift in LIFTS:
        odds = _log_odds(scores.astype(np.float64), lift, rate, signs)
        likelihood = float(np.logaddexp(0.0, odds).sum())
        if likelihood > likeliest:
            best, likeliest = odds, likelihood
    return best


def _log_odds(scores: Floats, lift: float, rate: float, signs: tuple[int, ...]) -> Floats:
    share = min(rate, 1 - 1e-9) / len(signs)
    total: Floats = np.full(scores.shape, np.log1p(-share * len(signs)))
    for sign in signs:
        total = np.logaddexp(total, np.log(share) + sign * lift * scores - lift**2 / 2)
    found: Floats = total.sum(0)
    return found


def right_guesses(scores: Floats, included: NDArray[np.bool_], *, ins: int, outs: int) -> int:
    """How many of k+ guesses "in", for the highest scores, and k- "out", for the lowest, are right.

    Equal scores are taken in the order of their places, which knows no coin.

    Raises:
      ValueError: more guesses than canaries, or a score that is not a number.
    """
    if ins + outs > len(scores) or min(ins, outs) < 0:
        raise ValueError(
            f"expected at most {len(scores)} guesses, none negative, got {ins} and {outs}."
        )
    if np.isnan(scores).any():
        raise ValueError("expected scores that are numbers.")
    order = np.argsort(scores, kind="stable")
    said_in = included[order[len(order) - ins :]]
    said_out = included[order[:outs]]
    return int(said_in.sum()) + int((~said_out).sum())
