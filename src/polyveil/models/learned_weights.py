# SPDX-License-Identifier: Apache-2.0
"""One weight a modality, the same for every record, learned on validation records (stacking).

The weights are the ones of a mixture: >= 0, summing to 1, with the least log loss. That loss is
convex in them, and expectation-maximisation goes downhill at every step without a step size. A
record that lacks a modality uses the others' weights, scaled to sum to 1.

Source: Breiman, Stacked regressions, Machine Learning 24 (1996); mixture weights by EM: Jordan &
Jacobs, Neural Computation 6 (1994)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polyveil.errors import UsageError
from polyveil.models.fusion import Floats
from polyveil.models.present import Mask, checked_labels, masked, mixed

_STEPS = 2000
_STILL = 1e-10


@dataclass(frozen=True, slots=True)
class LearnedWeights:
    """Fusion with fixed weights. Fit on validation records, frozen afterwards.

    Attributes:
      shares: weight of each modality, in the order of the modalities; >= 0, sums to 1.
    """

    shares: tuple[float, ...]

    def __post_init__(self) -> None:
        if not self.shares or min(self.shares) < 0 or abs(sum(self.shares) - 1) > 1e-6:
            raise UsageError(f"shares: {self.shares}; expected numbers >= 0 that sum to 1.")

    def weights(self, probabilities: NDArray[np.floating], present: Mask | None = None) -> Floats:
        """[modalities, records]; equal weights where a record has only modalities of weight 0."""
        _, there = masked(probabilities, present)
        if len(there) != len(self.shares):
            raise UsageError(
                f"probabilities: {len(there)} modalities; these weights are of {len(self.shares)}."
            )
        raw = there * np.asarray(self.shares)[:, None]
        total = raw.sum(axis=0)
        return np.asarray(np.where(total > 0, raw / np.maximum(total, 1e-300), _equal(there)))

    def predict(self, probabilities: NDArray[np.floating], present: Mask | None = None) -> Floats:
        """Class probabilities [records, classes] of the weighted modalities."""
        return mixed(probabilities, self.weights(probabilities, present), present)

    @classmethod
    def fit(
        cls,
        probabilities: NDArray[np.floating],
        labels: NDArray[np.integer[Any]],
        present: Mask | None = None,
    ) -> LearnedWeights:
        """Weights with the least log loss on the VALIDATION records that have every modality.

        Reads labels: where these are private, this is a release that has to be charged.

        Raises:
          UsageError: labels that do not fit, or no record with every modality.
        """
        values, there = masked(probabilities, present)
        right = checked_labels(labels, values.shape[1], values.shape[2])
        whole = there.all(axis=0)
        if not whole.any():
            raise UsageError("fit: no record has every modality; expected some that do.")
        true = np.maximum(values[:, np.arange(len(right)), right][:, whole], 1e-12)
        shares = np.full(len(values), 1 / len(values))
        for _ in range(_STEPS):
            owned = shares[:, None] * true
            moved = (owned / owned.sum(axis=0)).mean(axis=1)
            still = float(np.abs(moved - shares).max()) < _STILL
            shares = moved
            if still:
                break
        return cls(tuple(float(share) for share in shares / shares.sum()))


def _equal(there: Mask) -> Floats:
    return np.asarray(there / there.sum(axis=0))
