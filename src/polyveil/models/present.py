# SPDX-License-Identifier: Apache-2.0
"""Fusing what is there: records that lack a modality, and the plain mean of those they have.

Probabilities are [modalities, records, classes], `present` is [modalities, records]; whatever
stands where a modality is absent is never read, so NaN may stand there. A record without any
modality has no prediction, and is refused rather than guessed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from polyveil.errors import UsageError
from polyveil.models.fusion import Floats, checked, fuse

Mask: TypeAlias = NDArray[np.bool_]


class FusionRule(Protocol):
    """One prediction from several modalities; fitted, where it has something to fit, and frozen."""

    def weights(self, probabilities: NDArray[np.floating], present: Mask | None = None) -> Floats:
        """[modalities, records]: >= 0, columns sum to 1, 0 where absent."""

    def predict(self, probabilities: NDArray[np.floating], present: Mask | None = None) -> Floats:
        """[records, classes], rows sum to 1."""


@dataclass(frozen=True, slots=True)
class EqualWeights:
    """The plain mean over the modalities that a record has: what every other rule has to beat."""

    def weights(self, probabilities: NDArray[np.floating], present: Mask | None = None) -> Floats:
        """The same share for each modality that is present."""
        _, there = masked(probabilities, present)
        return np.asarray(there / there.sum(axis=0))

    def predict(self, probabilities: NDArray[np.floating], present: Mask | None = None) -> Floats:
        """The mean of the class probabilities."""
        return mixed(probabilities, self.weights(probabilities, present), present)


def masked(probabilities: NDArray[np.floating], present: Mask | None) -> tuple[Floats, Mask]:
    """Checked probabilities, uniform where a modality is absent, and the mask itself.

    Raises:
      UsageError: other shapes, rows that are no probabilities, or a record without any modality.
    """
    values = np.asarray(probabilities, dtype=np.float64)
    if values.ndim != 3 or present is None:
        values = checked(values)
        return values, np.ones(values.shape[:2], dtype=np.bool_)
    there = np.asarray(present)
    if there.dtype != np.bool_ or there.shape != values.shape[:2]:
        raise UsageError(
            f"present: {there.dtype} {there.shape}; expected bool {values.shape[:2]}, "
            "one entry a modality and record."
        )
    bare = int((~there.any(axis=0)).sum())
    if bare:
        raise UsageError(
            f"present: {bare} of {there.shape[1]} records have no modality at all; expected one "
            "or more each. Leave these records out: there is nothing to predict from."
        )
    return checked(np.where(there[:, :, None], values, 1 / max(1, values.shape[2]))), there


def mixed(
    probabilities: NDArray[np.floating], weights: Floats, present: Mask | None = None
) -> Floats:
    """Weighted mean of the modalities that are present, [records, classes]."""
    values, _ = masked(probabilities, present)
    return fuse(values, weights)


def checked_labels(
    labels: NDArray[np.integer[Any]], records: int, classes: int
) -> NDArray[np.intp]:
    """Labels as indices.

    Raises:
      UsageError: not one whole number in 0..classes - 1 a record.
    """
    given = np.asarray(labels)
    if given.shape != (records,) or given.dtype.kind not in "iu":
        raise UsageError(
            f"labels: {given.dtype} {given.shape}; expected whole numbers ({records},)."
        )
    if records and not 0 <= given.min() <= given.max() < classes:
        raise UsageError(f"labels: {given.min()}..{given.max()}; expected 0..{classes - 1}.")
    return given.astype(np.intp)
