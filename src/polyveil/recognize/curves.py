# SPDX-License-Identifier: Apache-2.0
"""How often strangers are accepted and the right people rejected: DET, EER, TAR at a FAR.

Taken on evaluation trials alone. A trial is accepted if its score is greater than the threshold; a
score of NaN (every modality missing) is never accepted and counts, so that missing data shows as
false rejects instead of vanishing.

Source: ISO/IEC 19795-1:2021; Martin et al., The DET curve, Eurospeech 1997.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from polyveil.errors import UsageError
from polyveil.interval import Interval
from polyveil.recognize.estimate import TooFew, over_people, supports
from polyveil.recognize.scheme import Floats
from polyveil.recognize.threshold import Threshold
from polyveil.recognize.trials import Bools, Trials


@dataclass(frozen=True, slots=True, eq=False)
class Det:
    """Every operating point, from the strictest threshold to the laxest.

    Attributes:
      thresholds: (points,) descending; the first is +inf, nobody is accepted.
      far: (points,) share of impostor trials accepted, rising from 0 to 1.
      frr: (points,) share of genuine trials rejected, falling from 1 to 0.
    """

    thresholds: Floats
    far: Floats
    frr: Floats

    def probits(self) -> tuple[Floats, Floats]:
        """FAR and FRR on the normal-deviate axes of a DET plot; points at 0 or 1 left out."""
        from scipy.special import ndtri

        inner = (self.far > 0) & (self.far < 1) & (self.frr > 0) & (self.frr < 1)
        return np.asarray(ndtri(self.far[inner])), np.asarray(ndtri(self.frr[inner]))

    def equal_error(self) -> float:
        """Where FAR and FRR are equal, on the straight line between operating points.

        A bare number, to compare many curves; `equal_error_rate` tells its interval too. NaN where
        one kind of trial has no weight.
        """
        gap = self.frr - self.far
        if np.isnan(gap).any():
            return float("nan")
        after = int(np.argmax(gap <= 0))  # starts at 1, ends at -1
        step = gap[after - 1] / (gap[after - 1] - gap[after])
        return float(self.far[after - 1] + step * (self.far[after] - self.far[after - 1]))

    def true_accepts(self, far: float) -> float:
        """Share of genuine trials accepted at the laxest threshold whose FAR is at most `far`.

        A bare number, as `equal_error`; whether these trials resolve such a rate is not asked.
        """
        if np.isnan(self.frr).any() or np.isnan(self.far).any():
            return float("nan")
        last = int(np.searchsorted(self.far, far * (1 + 1e-12), side="right")) - 1
        return float(1.0 - self.frr[last])


@dataclass(frozen=True, slots=True)
class Rates:
    """What a threshold does to people it has never seen.

    Attributes:
      far: false accepts among impostor trials.
      frr: false rejects among genuine trials.
      threshold: chosen on development people.
    """

    far: Interval
    frr: Interval
    threshold: Threshold


def det(trials: Trials, scores: Floats) -> Det:
    """The DET curve of evaluation trials.

    Args:
      scores: float64 (trials,), larger is more alike; fused or of one modality.

    Raises:
      UsageError: development trials, scores of another length, or one kind of trial is missing.
    """
    return _Sorted(trials, scores).det(np.ones(len(scores)))


def equal_error_rate(trials: Trials, scores: Floats, *, seed: int) -> Interval:
    """Where FAR and FRR are equal, on the straight line between operating points.

    Raises:
      UsageError: as `det`.
    """
    ordered = _Sorted(trials, scores)
    return over_people(trials, lambda weights: ordered.det(weights).equal_error(), seed=seed)


def true_accept_rate(trials: Trials, scores: Floats, *, far: float, seed: int) -> Interval | TooFew:
    """Share of genuine trials accepted at the laxest threshold whose FAR is at most `far`.

    The threshold is redrawn with every resample, so the interval holds its uncertainty too.

    Raises:
      UsageError: as `det`.
    """
    ordered = _Sorted(trials, scores)
    refusal = supports(far, int((~trials.genuine).sum()))
    if refusal is not None:
        return refusal
    return over_people(trials, lambda weights: ordered.det(weights).true_accepts(far), seed=seed)


def rates_at(trials: Trials, scores: Floats, threshold: Threshold, *, seed: int) -> Rates:
    """FAR and FRR at a frozen threshold.

    Raises:
      UsageError: as `det`, or somebody whom the threshold was chosen on is in these trials.
    """
    _checked(trials, scores)
    never_seen(trials, threshold)
    accepted = scores > threshold.value  # NaN is not greater than anything
    genuine = trials.genuine
    far = over_people(trials, lambda weights: _share(accepted, weights * ~genuine), seed=seed)
    frr = over_people(trials, lambda weights: _share(~accepted, weights * genuine), seed=seed)
    return Rates(far, frr, threshold)


def never_seen(trials: Trials, threshold: Threshold) -> None:
    """Raises UsageError if the threshold was chosen on anybody in these trials."""
    shared = len(trials.identities & threshold.development)
    if shared:
        raise UsageError(
            f"figures: the threshold was chosen on {shared} of these people; expected people it "
            "has never seen."
        )


class _Sorted:
    """Trials sorted once, so that each resample costs two cumulative sums."""

    def __init__(self, trials: Trials, scores: Floats) -> None:
        _checked(trials, scores)
        usable = np.where(np.isnan(scores), -np.inf, scores)
        self._order = np.argsort(-usable, kind="stable")
        descending = usable[self._order]
        # One operating point behind each group of equal scores.
        self._ends = np.flatnonzero(np.append(descending[1:] != descending[:-1], True))
        self._genuine = trials.genuine[self._order]
        next_lower = np.append(descending[self._ends][1:], -np.inf)
        self._thresholds = np.concatenate([[np.inf], next_lower])

    def det(self, weights: Floats) -> Det:
        ordered = weights[self._order]
        accepted = self._shares(ordered * ~self._genuine)
        found = self._shares(ordered * self._genuine)
        return Det(self._thresholds, accepted, 1.0 - found)

    def _shares(self, weights: Floats) -> Floats:
        sums = np.cumsum(weights)
        with np.errstate(invalid="ignore"):  # a resample without genuine trials has no curve
            return np.concatenate([[0.0], sums[self._ends] / sums[-1]])


def _share(hits: Bools, weights: Floats) -> float:
    total = float(weights.sum())
    return float((weights * hits).sum()) / total if total > 0 else float("nan")


def _checked(trials: Trials, scores: Floats) -> None:
    trials.must_be("evaluation", "figures")
    genuine = int(trials.genuine.sum())
    if scores.shape != trials.probes.shape:
        raise UsageError(
            f"figures: expected one score for each of {len(trials.probes)} trials, got shape "
            f"{scores.shape}."
        )
    if not 0 < genuine < len(scores):
        raise UsageError(
            f"figures: expected genuine and impostor trials, got {genuine} genuine of {len(scores)}"
        )
