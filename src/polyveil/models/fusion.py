# SPDX-License-Identifier: Apache-2.0
"""One prediction from several models: weighted by variance, by validation error, or the mean.

Yang's adaptive weighted fusion: for each record, model m's weight is the population variance of
its own class probabilities over the classes,

    N_m = 1/v sum_y (o_y - 1/v)²,   q_m = N_m / sum_m N_m,

so a confident prediction counts more (equations 14 to 17). It measures confidence, not accuracy:
a model that is confidently wrong wins. Report the plain mean beside it.

What it costs. Fusing is post-processing: no further budget beyond that of the models. But the
models' budgets add up when they were trained on the same records, which the paper does not count:
two models of ε = 4 on one data set are one release of at most ε = 8 (less with a joint accountant).
Weights by validation error also read validation labels; those must be public or charged.

Source: Yang, Traitement du Signal 41(3), 2024, https://doi.org/10.18280/ts.410333, section 3.3
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from polyveil.errors import UsageError

Floats: TypeAlias = NDArray[np.float64]
_TOLERANCE = 1e-3


def variance_weights(probabilities: NDArray[np.floating]) -> Floats:
    """Each model's share for each record, by the variance of its class probabilities.

    Args:
      probabilities: [models, records, classes], each row sums to 1.

    Returns:
      [models, records], columns sum to 1; equal shares where every model is undecided.

    Raises:
      UsageError: another shape, or rows that are no probabilities.
    """
    return _shares(checked(probabilities).var(axis=2))


def inverse_error_weights(wrong: Sequence[int], *, of: int) -> Floats:
    """Each model's share by its error on validation records, the same for every record.

    Reads validation labels: not free post-processing unless these are public. One mistake and one
    hit are added to every count, so that a model without a mistake does not take all.

    Args:
      wrong: mistakes of each model.
      of: number of validation records, >= 1.

    Returns:
      [models], sums to 1.

    Raises:
      UsageError: no model, or a count outside 0..of.
    """
    if not wrong or of < 1 or any(not 0 <= count <= of for count in wrong):
        raise UsageError(f"wrong: {list(wrong)} of {of}; expected one count in 0..{of} a model.")
    return _shares((of + 2) / (np.asarray(wrong, dtype=np.float64) + 1))


def fuse(
    probabilities: NDArray[np.floating], weights: NDArray[np.floating] | None = None
) -> Floats:
    """Weighted mean of the models' class probabilities.

    Args:
      probabilities: [models, records, classes], each row sums to 1.
      weights: [models, records] or [models], summing to 1 over the models; None: the plain mean.

    Returns:
      [records, classes], each row sums to 1.

    Raises:
      UsageError: shapes that do not fit, or weights that are no shares.
    """
    values = checked(probabilities)
    models, records, _ = values.shape
    if weights is None:
        return np.asarray(values.mean(axis=0))
    shares = np.asarray(weights, dtype=np.float64)
    if shares.shape not in {(models,), (models, records)}:
        raise UsageError(
            f"weights: shape {shares.shape}; expected ({models},) or ({models}, {records})."
        )
    if not (np.all(shares >= 0) and np.allclose(shares.sum(axis=0), 1, atol=_TOLERANCE)):
        raise UsageError("weights: expected numbers >= 0 that sum to 1 over the models.")
    return np.asarray((shares.reshape(models, -1, 1) * values).sum(axis=0))


def _shares(scores: Floats) -> Floats:
    """Scores >= 0 -> shares along axis 0; equal where all scores are zero."""
    total = scores.sum(axis=0)
    equal = np.full_like(scores, 1 / len(scores))
    shares: Floats = np.divide(scores, total, out=equal, where=total > 0)
    return shares


def checked(probabilities: NDArray[np.floating]) -> Floats:
    """The same numbers as float64 [models, records, classes], if they are probabilities.

    Raises:
      UsageError: another shape, or rows that are no probabilities.
    """
    values = np.asarray(probabilities, dtype=np.float64)
    if values.ndim != 3 or 0 in values.shape:
        raise UsageError(
            f"probabilities: shape {values.shape}; expected (models, records, classes)."
        )
    if not (np.all(values >= 0) and np.allclose(values.sum(axis=2), 1, atol=_TOLERANCE)):
        raise UsageError(
            "probabilities: expected numbers >= 0 that sum to 1 over the classes; "
            "pass softmax outputs, not logits."
        )
    return values
