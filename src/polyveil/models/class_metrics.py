# SPDX-License-Identifier: Apache-2.0
"""What a classifier's probabilities are worth: right or wrong, how sure, and sure with reason.

Averages over the classes come in two forms. Weighted counts each class by its records; weighted
recall is then accuracy, by arithmetic, so that a table whose "weighted" recall differs from its
accuracy holds something else. Macro counts every class the same, and shows what the weighted form
hides: a class that is never named.

Precision of a class that is never named is counted as 0, as is F1.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polyveil import _optional
from polyveil.interval import Interval, clopper_pearson
from polyveil.models.fusion import checked
from polyveil.models.present import checked_labels
from polyveil.models.reliability import (
    BINS,
    calibration_error,
    confidences,
    equal_mass,
    equal_width,
)
from polyveil.models.uncertainty import log_loss

LOW = 0.5
"""Predictions of at most this confidence count as unsure."""


@dataclass(frozen=True, slots=True)
class Averaged:
    """Precision, recall and F1 over the classes, in [0, 1]."""

    precision: float
    recall: float
    f1: float


@dataclass(frozen=True, slots=True)
class ClassMetrics:
    """Every figure of one model on one set of records.

    Attributes:
      records, classes: how many.
      accuracy: share that is right; the first of equally probable classes is the answer.
      weighted, macro: averages over the classes that occur, or are named.
      ece, ece_adaptive: calibration error over 15 bins of equal width, and of equal mass.
      low_records, low_right: predictions of confidence <= 0.5, and how many of them are right.
      nll: mean negative log probability of the true class, nats; 1e-12 stands for 0.
      brier: mean squared distance from the true class's corner, in [0, 2].
    """

    records: int
    classes: int
    accuracy: float
    weighted: Averaged
    macro: Averaged
    ece: float
    ece_adaptive: float
    low_records: int
    low_right: int
    nll: float
    brier: float

    @property
    def low_accuracy(self) -> float | None:
        """ConfAcc_Low: accuracy where confidence is at most 0.5; None where no record is.

        Between models it compares different records: the surer a model, the fewer and the harder
        those are. With two classes it rests on ties alone.
        """
        return self.low_right / self.low_records if self.low_records else None

    @property
    def low_interval(self) -> Interval:
        """ConfAcc_Low with its exact interval; 0 to 1 where no record is that unsure."""
        return clopper_pearson(self.low_right, self.low_records)

    def to_json(self) -> dict[str, Any]:
        """All of it, `low_accuracy` included."""
        return {**asdict(self), "low_accuracy": self.low_accuracy}


def class_metrics(
    probabilities: NDArray[np.floating], labels: NDArray[np.integer[Any]]
) -> ClassMetrics:
    """Figures of class probabilities.

    Args:
      probabilities: [records, classes], rows sum to 1.
      labels: [records], in 0..classes - 1.

    Raises:
      UsageError: shapes that do not fit, no records, or rows that are no probabilities.
      MissingExtra: scikit-learn is not installed.
    """
    values = checked(np.asarray(probabilities)[None])[0]
    right = checked_labels(labels, *values.shape)
    confidence, hit = confidences(values, right)
    unsure = confidence <= LOW
    corner = np.zeros_like(values)
    corner[np.arange(len(right)), right] = 1
    named = values.argmax(axis=1)
    return ClassMetrics(
        records=len(right),
        classes=values.shape[1],
        accuracy=float(hit.mean()),
        weighted=_averaged(right, named, "weighted"),
        macro=_averaged(right, named, "macro"),
        ece=calibration_error(equal_width(confidence, hit, bins=BINS)),
        ece_adaptive=calibration_error(equal_mass(confidence, hit, bins=BINS)),
        low_records=int(unsure.sum()),
        low_right=int(hit[unsure].sum()),
        nll=log_loss(values, right),
        brier=float(((values - corner) ** 2).sum(axis=1).mean()),
    )


def _averaged(true: NDArray[np.intp], named: NDArray[np.intp], average: str) -> Averaged:
    metrics = _optional.require("sklearn.metrics", extra="train", purpose="Precision and recall")
    precision, recall, f1, _ = metrics.precision_recall_fscore_support(
        true, named, average=average, zero_division=0.0
    )
    return Averaged(float(precision), float(recall), float(f1))
