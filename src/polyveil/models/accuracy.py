# SPDX-License-Identifier: Apache-2.0
"""Top-1 and top-5 accuracy, with the number of records they rest on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polyveil.errors import UsageError


@dataclass(frozen=True, slots=True)
class Accuracy:
    """How often the true class was among the best one, and among the best five.

    Attributes:
      top1, top5: shares in [0, 1]; with five classes or fewer, top5 is 1 for finite scores.
      records: how many records they rest on.
    """

    top1: float
    top5: float
    records: int


def accuracy(scores: NDArray[np.floating], labels: NDArray[np.integer[Any]]) -> Accuracy:
    """Accuracy of class scores (logits or probabilities).

    Ties count against the model: a constant score is no knowledge. A NaN score of the true class
    counts as wrong; NaN scores of other classes rank above it.

    Args:
      scores: [records, classes].
      labels: [records], in 0..classes - 1.

    Raises:
      UsageError: shapes that do not fit, no records, or a label out of range.
    """
    if scores.ndim != 2 or labels.shape != scores.shape[:1] or not len(labels):
        raise UsageError(
            f"scores {scores.shape}, labels {labels.shape}; "
            "expected (records, classes) and (records,), one record or more."
        )
    if labels.min() < 0 or labels.max() >= scores.shape[1]:
        raise UsageError(f"labels: expected 0..{scores.shape[1] - 1}.")
    true = scores[np.arange(len(labels)), labels][:, None]
    # Not "scores >= true": a NaN is then never counted, and would rank last.
    ahead = np.sum(~(scores < true), axis=1) - 1
    wrong = np.isnan(true[:, 0])
    top1, top5 = (float(np.mean((ahead < k) & ~wrong)) for k in (1, 5))
    return Accuracy(top1, top5, len(labels))
