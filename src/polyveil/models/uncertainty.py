# SPDX-License-Identifier: Apache-2.0
"""How uncertain each modality is of a record, and one prediction that trusts the others more.

For modality m with class probabilities p_m over C classes, record by record:

    H_m = -sum_y p_m(y) ln p_m(y) / ln C              undecided: 1, certain: 0
    d_m = KL(p_m || mean of the OTHER modalities' p)   in nats, 0 to infinity
    D_m = 1 - exp(-d_m)                               contradicts the others: 1, agrees: 0
    U_m = alpha H_m + (1 - alpha) D_m
    w   = softmax(-U / tau) over the modalities that the record has

What the paper leaves open. Its equations did not survive in the copy that we could read; the order
(entropy, divergence, both normalised, hybrid, weight, prediction) did.

- The divergence is from the mean of the others, without m itself. From the uniform distribution it
  would be ln C - entropy, so that H + D = 1 and alpha = 0.5 would be the plain mean in disguise.
- A divergence has no upper end, so that "normalised" needs a rule. 1 - exp(-d) needs no other
  record (a division by the batch's greatest would make a prediction depend on who else is in the
  batch), has no constant to choose, and means something: its root bounds how far the two
  distributions are apart in total variation.
- A modality without company contradicts nobody: D = 0, and its weight is 1.

With two modalities, D prefers the more undecided one wherever the two differ: KL(peak || flat) is
smaller than KL(flat || peak), but two that are certain of different classes tie. Weights by entropy
can lose to the plain mean, where a modality is certain and wrong; calibrate each modality first
(`models.calibration`), and report the mean beside.

Source: Sun et al., Applied Sciences 15(10):5229, 2025, https://doi.org/10.3390/app15105229,
section 3.2; the bound: Bretagnolle & Huber, Séminaire de probabilités XII, 1978;
one standard error: Breiman et al., Classification and Regression Trees, 1984, section 3.4.3
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polyveil.errors import UsageError
from polyveil.models.fusion import Floats, fuse
from polyveil.models.present import Mask, checked_labels, masked, mixed

ALPHAS = tuple(step / 10 for step in range(11))
TAUS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, math.inf)
"""Grid of `fit`; an infinite tau is the plain mean, so that the fit may also choose that."""

_TINY = 1e-12


def entropy(probabilities: NDArray[np.floating]) -> Floats:
    """Normalised entropy over the last axis: 0 for a certain prediction, 1 for the uniform one.

    With a single class there is nothing to be uncertain of: 0.
    """
    values = np.asarray(probabilities, dtype=np.float64)
    classes = values.shape[-1]
    if classes == 1:
        return np.zeros(values.shape[:-1])
    spread = -_x_log_x(values).sum(axis=-1)
    return np.asarray(np.clip(spread / math.log(classes), 0.0, 1.0))


def disagreement(probabilities: NDArray[np.floating], present: Mask | None = None) -> Floats:
    """1 - exp(-KL(p_m || mean of the other modalities that are present)), in [0, 1].

    | Where                                  | Value |
    |----------------------------------------|-------|
    | the others say exactly the same        | 0     |
    | m gives weight to what others rule out | 1     |
    | m is alone, or absent                  | 0     |

    Returns:
      [modalities, records].

    Raises:
      UsageError: shapes, or rows that are no probabilities.
    """
    values, there = masked(probabilities, present)
    kept = values * there[:, :, None]
    company = there.sum(axis=0) - there
    others = (kept.sum(axis=0) - kept) / np.maximum(company, 1)[:, :, None]
    # The sum minus one summand is 1e-17 where it should be 0: rounding must not become evidence.
    others = np.where(others < 1e-15, 0.0, others)
    with np.errstate(divide="ignore", invalid="ignore"):
        cross = np.where(values > 0, values * np.log(others), 0.0).sum(axis=2)
    divergence = np.maximum(_x_log_x(values).sum(axis=2) - cross, 0.0)
    return np.asarray(np.where(there & (company > 0), -np.expm1(-divergence), 0.0))


@dataclass(frozen=True, slots=True)
class HybridUncertainty:
    """Fusion by hybrid uncertainty. Fit on validation records, frozen afterwards.

    Attributes:
      alpha: share of the entropy in [0, 1]; 1 is entropy only, 0 divergence only.
      tau: temperature > 0 of the weights; small: the least uncertain modality takes all, infinite:
        the plain mean.
    """

    alpha: float = 0.5
    tau: float = 0.1

    def __post_init__(self) -> None:
        if not 0 <= self.alpha <= 1:
            raise UsageError(f"alpha: {self.alpha!r}; expected a share in [0, 1].")
        if not self.tau > 0:
            raise UsageError(f"tau: {self.tau!r}; expected a number > 0 (infinite: the mean).")

    def uncertainty(
        self, probabilities: NDArray[np.floating], present: Mask | None = None
    ) -> Floats:
        """U of each modality for each record, [modalities, records], in [0, 1]."""
        values, there = masked(probabilities, present)
        return _hybrid(entropy(values), disagreement(values, there), self.alpha)

    def weights(self, probabilities: NDArray[np.floating], present: Mask | None = None) -> Floats:
        """[modalities, records]: columns sum to 1, 0 where absent."""
        values, there = masked(probabilities, present)
        return _weights(self.uncertainty(values, there), self.tau, there)

    def predict(self, probabilities: NDArray[np.floating], present: Mask | None = None) -> Floats:
        """Class probabilities [records, classes] of the weighted modalities."""
        return mixed(probabilities, self.weights(probabilities, present), present)

    @classmethod
    def fit(
        cls,
        probabilities: NDArray[np.floating],
        labels: NDArray[np.integer[Any]],
        present: Mask | None = None,
        *,
        alphas: Sequence[float] = ALPHAS,
        taus: Sequence[float] = TAUS,
    ) -> HybridUncertainty:
        """Chooses alpha and tau on VALIDATION records, never on test ones.

        The pair of the least log loss, unless a greater tau, nearer the plain mean, is within one
        standard error of it: a few hundred records cannot tell neighbours on the grid apart, and
        weights that follow the validation records too closely lose on others. Log loss and not
        accuracy: it changes with every weight, while accuracy has many equal maxima.

        Reads labels: where these are private, this is a release that has to be charged.

        Args:
          probabilities: [modalities, records, classes], of models that were not trained on these.
          labels: [records].
          present: [modalities, records] or None for all.
          alphas, taus: the grid; `alphas=(1.0,)` fits entropy only, `(0.0,)` divergence only.

        Raises:
          UsageError: no records, labels that do not fit, or an empty grid.
        """
        values, there = masked(probabilities, present)
        right = checked_labels(labels, values.shape[1], values.shape[2])
        if not alphas or not taus:
            raise UsageError("fit: an empty grid; expected one alpha and one tau or more.")
        undecided, against = entropy(values), disagreement(values, there)
        tried = []
        for tau in sorted(taus, reverse=True):
            for alpha in alphas:
                shares = _weights(_hybrid(undecided, against, alpha), tau, there)
                tried.append((cls(alpha, tau), losses(fuse(values, shares), right)))
        least = min((loss for _, loss in tried), key=lambda loss: float(loss.mean()))
        return next(rule for rule, loss in _best_of_each_tau(tried) if _as_good(loss, least))


def log_loss(probabilities: Floats, labels: NDArray[np.integer[Any]]) -> float:
    """Mean negative log probability of the true class, in nats; finite: 1e-12 stands for 0."""
    return float(losses(probabilities, labels).mean())


def losses(probabilities: Floats, labels: NDArray[np.integer[Any]]) -> Floats:
    """Negative log probability of each record's class, in nats."""
    true = probabilities[np.arange(len(labels)), labels]
    return np.asarray(-np.log(np.maximum(true, _TINY)))


def _best_of_each_tau(
    tried: list[tuple[HybridUncertainty, Floats]],
) -> list[tuple[HybridUncertainty, Floats]]:
    """By falling tau, the alpha of the least loss for each."""
    best: dict[float, tuple[HybridUncertainty, Floats]] = {}
    for rule, loss in tried:
        if rule.tau not in best or loss.mean() < best[rule.tau][1].mean() - _TINY:
            best[rule.tau] = rule, loss
    return list(best.values())


def _as_good(loss: Floats, least: Floats) -> bool:
    """Within one standard error of the paired difference."""
    more = loss - least
    return bool(more.mean() <= more.std() / math.sqrt(len(more)) + _TINY)


def _hybrid(undecided: Floats, against: Floats, alpha: float) -> Floats:
    return np.asarray(alpha * undecided + (1 - alpha) * against)


def _weights(uncertainty: Floats, tau: float, there: Mask) -> Floats:
    scores = np.where(there, -uncertainty / tau, -np.inf)
    powers = np.exp(scores - scores.max(axis=0))
    return np.asarray(powers / powers.sum(axis=0))


def _x_log_x(values: Floats) -> Floats:
    """x ln x, 0 at 0."""
    return np.asarray(values * np.log(np.where(values > 0, values, 1.0)))
