# SPDX-License-Identifier: Apache-2.0
"""Is a prediction as sure as it is right? Bins of confidence, and the errors that they add up to.

The confidence of a prediction is the probability of the class it names. Bins of equal width are
what papers report (15 of them): most are nearly empty when a model is sure of itself, and the
figure depends on where the edges lie. Bins of equal mass hold the same number of records each, so
that both stand beside each other. Either figure is above 0 for a perfectly calibrated model on
finitely many records.

Source: Naeini et al., AAAI 2015; Guo et al., ICML 2017, https://arxiv.org/abs/1706.04599; equal
mass: Nixon et al., Measuring Calibration in Deep Learning, 2019, https://arxiv.org/abs/1904.01685
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polyveil.errors import UsageError
from polyveil.models.fusion import Floats, checked
from polyveil.models.present import checked_labels

BINS = 15


@dataclass(frozen=True, slots=True)
class Bin:
    """The records whose confidence lies in one bin; none is empty.

    Attributes:
      low, high: edges of the bin; in (low, high] of equal width, else the least and the greatest
        confidence in it.
      confidence: mean confidence.
      accuracy: share that is right.
      right, records: counts.
    """

    low: float
    high: float
    confidence: float
    accuracy: float
    right: int
    records: int

    @property
    def gap(self) -> float:
        """|accuracy - confidence|."""
        return abs(self.accuracy - self.confidence)


def confidences(
    probabilities: NDArray[np.floating], labels: NDArray[np.integer[Any]]
) -> tuple[Floats, NDArray[np.bool_]]:
    """Confidence of each prediction, and whether it is right; the first of equal classes counts.

    Raises:
      UsageError: no records, or shapes that do not fit.
    """
    values = checked(np.asarray(probabilities)[None])[0]
    right = checked_labels(labels, *values.shape)
    return values.max(axis=1), values.argmax(axis=1) == right


def equal_width(confidence: Floats, right: NDArray[np.bool_], *, bins: int = BINS) -> list[Bin]:
    """Bins (i/bins, (i+1)/bins] that hold a record, by rising confidence.

    Raises:
      UsageError: fewer than one bin.
    """
    _at_least_one(bins)
    edges = np.linspace(0.0, 1.0, bins + 1)
    place = np.clip(np.searchsorted(edges, confidence, side="left") - 1, 0, bins - 1)
    return [
        _bin(confidence[chosen], right[chosen], float(edges[at]), float(edges[at + 1]))
        for at in range(bins)
        if (chosen := place == at).any()
    ]


def equal_mass(confidence: Floats, right: NDArray[np.bool_], *, bins: int = BINS) -> list[Bin]:
    """Bins of as many records each, to within one; fewer bins where there are fewer records.

    Records of the same confidence stay in the order given, so that a bin's edge may cut them.

    Raises:
      UsageError: fewer than one bin.
    """
    _at_least_one(bins)
    order = np.argsort(confidence, kind="stable")
    parts = [part for part in np.array_split(order, bins) if len(part)]
    return [
        _bin(
            confidence[part],
            right[part],
            float(confidence[part[0]]),
            float(confidence[part[-1]]),
        )
        for part in parts
    ]


def calibration_error(bins: list[Bin]) -> float:
    """Mean gap between accuracy and confidence, weighted by records, in [0, 1]."""
    total = sum(one.records for one in bins)
    return float(sum(one.records * one.gap for one in bins) / total)


def _at_least_one(bins: int) -> None:
    if bins < 1:
        raise UsageError(f"bins: {bins}; expected 1 or more.")


def _bin(confidence: Floats, right: NDArray[np.bool_], low: float, high: float) -> Bin:
    hits = int(right.sum())
    return Bin(low, high, float(confidence.mean()), hits / len(right), hits, len(right))
