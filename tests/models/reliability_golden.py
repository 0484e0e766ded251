# SPDX-License-Identifier: Apache-2.0
"""Made test_class_metrics.GOLDEN: the same predictions, judged by torchmetrics and netcal.

Run where these are installed: python tests/models/reliability_golden.py
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def predictions(
    classes: int = 5, records: int = 780
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Over-confident predictions, right about two times of three; equally many a bin of 15."""
    draw = np.random.default_rng(20261121)
    labels = draw.integers(0, classes, records)
    logits = draw.normal(0, 2, (records, classes))
    logits[np.arange(records), labels] += 2.5
    powers = np.exp(logits)
    return powers / powers.sum(axis=1, keepdims=True), labels


def main() -> None:
    """Prints the figures as a Python dictionary."""
    import torch
    from netcal.metrics import ECE
    from torch.nn import functional
    from torchmetrics.classification import (
        MulticlassAccuracy,
        MulticlassCalibrationError,
        MulticlassF1Score,
        MulticlassPrecision,
    )

    probabilities, labels = predictions()
    p, y = torch.from_numpy(probabilities), torch.from_numpy(labels)
    figures = {
        "accuracy": MulticlassAccuracy(5, average="micro")(p, y),
        "precision weighted": MulticlassPrecision(5, average="weighted")(p, y),
        "precision macro": MulticlassPrecision(5, average="macro")(p, y),
        "f1 weighted": MulticlassF1Score(5, average="weighted")(p, y),
        "f1 macro": MulticlassF1Score(5, average="macro")(p, y),
        "ece, torchmetrics": MulticlassCalibrationError(5, n_bins=15, norm="l1")(p, y),
        "ece, netcal": ECE(15).measure(probabilities, labels),
        "ece adaptive, netcal": ECE(15, equal_intervals=False).measure(probabilities, labels),
        "nll": functional.nll_loss(p.log(), y),
        "brier": ((p - functional.one_hot(y, 5)) ** 2).sum(1).mean(),
    }
    print({name: round(float(value), 7) for name, value in figures.items()})


if __name__ == "__main__":
    main()
