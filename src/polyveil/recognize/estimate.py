# SPDX-License-Identifier: Apache-2.0
"""Figures with intervals over people, and the refusal where there are too few.

Trials are not independent: a person who is easily mistaken for others is in hundreds of them. The
bootstrap therefore draws people with replacement; a trial counts as often as its probe's person
was drawn, times the template's if that is somebody else.

Source: Bolle, Ratha & Pankanti, Error analysis of pattern recognition systems: the subsets
bootstrap, CVIU 93 (2004); Doddington et al., The NIST speaker recognition evaluation, Speech
Communication 31 (2000): the rule of 30.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from polyveil.errors import UsageError
from polyveil.interval import Interval, clopper_pearson
from polyveil.recognize.scheme import Floats
from polyveil.recognize.trials import Ids, Trials

RULE_OF = 30
"""Errors that must be expected before a rate is quoted: its true value is then, with 90 %
confidence, within 30 % of it."""

RESAMPLES = 500
CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class TooFew:
    """A rate that these trials cannot resolve.

    Attributes:
      rate: asked for.
      have, need: impostor trials or searches.
    """

    rate: float
    have: int
    need: int

    def __str__(self) -> str:
        return f"a rate of {self.rate:g} needs {self.need} comparisons, there are {self.have}."


def supports(rate: float, have: int) -> TooFew | None:
    """None if `have` trials are expected to show 30 errors at this rate; else why not.

    Raises:
      UsageError: the rate is not in (0, 1).
    """
    if not 0 < rate < 1:
        raise UsageError(f"expected a rate in (0, 1), got {rate}.")
    need = int(np.ceil(RULE_OF / rate * (1 - 1e-12)))
    return None if have >= need else TooFew(rate, have, need)


def over_people(
    trials: Trials,
    figure: Callable[[Floats], float],
    *,
    seed: int,
    resamples: int = RESAMPLES,
) -> Interval:
    """A figure of weighted trials, with its interval over people.

    Args:
      figure: of the weights of the trials, float64 (n,); NaN where a resample does not have it.

    Raises:
      UsageError: the figure does not exist for these trials.
    """
    people, inverse = np.unique(
        np.concatenate([trials.probes, trials.templates]), return_inverse=True
    )
    one, other = np.split(inverse, 2)
    same = one == other
    drawn = [
        figure(np.where(same, counts[one], counts[one] * counts[other]))
        for counts in _counts(len(people), resamples, seed)
    ]
    return _estimate(figure(np.ones(len(one))), np.array(drawn), len(people))


def over_probes(
    identities: Ids, figure: Callable[[Floats], float], *, seed: int, resamples: int = RESAMPLES
) -> Interval:
    """A figure of weighted searches, with its interval over the people who are searched for.

    Args:
      identities: (n,) whose probe each search is.
      figure: of the weights of the searches, float64 (n,); NaN where a resample does not have it.

    Raises:
      UsageError: the figure does not exist for these searches.
    """
    people, inverse = np.unique(identities, return_inverse=True)
    drawn = [figure(counts[inverse]) for counts in _counts(len(people), resamples, seed)]
    return _estimate(figure(np.ones(len(inverse))), np.array(drawn), len(people))


def _counts(people: int, resamples: int, seed: int) -> Iterator[Floats]:
    """How often each person is drawn, resample by resample."""
    draw = np.random.default_rng(seed)
    for _ in range(resamples):
        picks = draw.integers(0, people, people)
        yield np.bincount(picks, minlength=people).astype(np.float64)


def _estimate(value: float, drawn: Floats, people: int) -> Interval:
    drawn = drawn[np.isfinite(drawn)]
    if not np.isfinite(value) or drawn.size == 0:
        raise UsageError(
            "this figure does not exist for these trials; expected genuine and impostor trials."
        )
    if np.ptp(drawn) == 0.0 and value in (0.0, 1.0):
        # All resamples of no error at all are equal; that does not make the next person's certain.
        exact = clopper_pearson(int(value) * people, people, confidence=CONFIDENCE)
        return replace(exact, method=f"{exact.method}, a person a trial: no resample differs")
    tail = 50.0 * (1.0 - CONFIDENCE)
    low, high = np.percentile(drawn, [tail, 100.0 - tail])
    method = f"bootstrap over people, {100 * CONFIDENCE:g} %, {len(drawn)} resamples"
    return Interval(value, float(low), float(high), people, method)
