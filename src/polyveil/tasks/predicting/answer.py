# SPDX-License-Identifier: Apache-2.0
"""What a trained classifier says of one record. It tells of that record: handle it alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

MEAN = "their plain mean"


@dataclass(frozen=True, slots=True)
class Opinion:
    """What one modality (or one of two networks) says by itself.

    Attributes:
      probabilities: float64 [classes], calibrated where a fusion was fitted.
      weight: how much it counts in the answer, in [0, 1]; None where the network itself weighs.
      uncertainty: in [0, 1]; None where weights do not follow from one.
    """

    probabilities: NDArray[np.float64] = field(repr=False)
    weight: float | None = None
    uncertainty: float | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What is said of one record.

    Attributes:
      probabilities: float64 [classes], they sum to 1.
      by: modality that the record has -> what it says alone; empty for a single network.
    """

    probabilities: NDArray[np.float64] = field(repr=False)
    by: Mapping[str, Opinion] = field(default_factory=dict)

    @property
    def alone(self) -> dict[str, NDArray[np.float64]]:
        """What the answer is to be compared with: each modality by itself, and their plain mean.

        Of a record that has one modality too, so that mean and answer are of the same records.
        """
        if not self.by:
            return {}
        found = {name: one.probabilities for name, one in self.by.items()}
        return {**found, MEAN: np.mean(list(found.values()), axis=0)}

    def to_json(self, record: str, classes: tuple[str, ...]) -> dict[str, Any]:
        """JSON values. Args: record: its id."""
        found: dict[str, Any] = {"record": record, **_said(self.probabilities, classes)}
        found["probabilities"] = {
            name: round(float(value), 6)
            for name, value in zip(classes, self.probabilities, strict=True)
        }
        if self.by:
            found["by"] = {name: _opinion(one, classes) for name, one in self.by.items()}
        return found


def _opinion(one: Opinion, classes: tuple[str, ...]) -> dict[str, Any]:
    found = _said(one.probabilities, classes)
    for name in ("weight", "uncertainty"):
        value = getattr(one, name)
        if value is not None:
            found[name] = round(float(value), 6)
    return found


def _said(probabilities: NDArray[np.float64], classes: tuple[str, ...]) -> dict[str, Any]:
    best = int(probabilities.argmax())
    return {"class": classes[best], "confidence": round(float(probabilities[best]), 6)}
