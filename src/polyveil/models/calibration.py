# SPDX-License-Identifier: Apache-2.0
"""Temperature scaling: a prediction as sure as it is right, with one number a modality.

A network of softmax outputs p answers softmax(ln p / T) instead, which is its logits divided by T:
the order of the classes stays, so accuracy does too. T is fitted on validation records by log loss;
as a function of ln T that has one minimum. Weights by uncertainty compare the modalities'
confidences, which means something only once each has been calibrated.

Source: Guo et al., On Calibration of Modern Neural Networks, ICML 2017,
https://arxiv.org/abs/1706.04599
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polyveil.errors import UsageError
from polyveil.models.fusion import Floats, checked
from polyveil.models.present import Mask, checked_labels, masked

COLDEST, HOTTEST = 0.05, 20.0
"""Bounds of a fitted temperature: a model that knows nothing would want an infinite one."""

_FLOOR = 1e-12
LEAST = 10
"""Validation records that a temperature is fitted on at least."""


@dataclass(frozen=True, slots=True)
class Temperature:
    """One temperature. Fit on validation records, frozen afterwards.

    Attributes:
      value: > 0; above 1 the model was too sure of itself, below 1 not sure enough.
    """

    value: float = 1.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.value) and self.value > 0):
            raise UsageError(f"temperature: {self.value!r}; expected a finite number > 0.")

    def apply(self, probabilities: NDArray[np.floating]) -> Floats:
        """softmax(ln p / T) over the last axis; a probability of 0 counts as 1e-12."""
        logs = np.log(np.maximum(np.asarray(probabilities, dtype=np.float64), _FLOOR)) / self.value
        powers = np.exp(logs - logs.max(axis=-1, keepdims=True))
        return np.asarray(powers / powers.sum(axis=-1, keepdims=True))

    @classmethod
    def fit(
        cls, probabilities: NDArray[np.floating], labels: NDArray[np.integer[Any]]
    ) -> Temperature:
        """The temperature with the least log loss on VALIDATION records, within [0.05, 20].

        Reads labels: where these are private, this is a release that has to be charged.

        Args:
          probabilities: [records, classes] of a model that was not trained on these records.
          labels: [records].

        Raises:
          UsageError: shapes that do not fit, or fewer than 10 records.
        """
        values = checked(np.asarray(probabilities)[None])[0]
        right = checked_labels(labels, *values.shape)
        if len(values) < LEAST:
            raise UsageError(
                f"calibration: {len(values)} records; expected at least {LEAST} validation "
                "records with this modality."
            )
        # Here and not at the top: it takes a third of a second, which only a fit should pay.
        from scipy.optimize import minimize_scalar

        logs = np.log(np.maximum(values, _FLOOR))
        true = logs[np.arange(len(right)), right]

        def loss(log_temperature: float) -> float:
            scaled = logs / math.exp(log_temperature)
            top = scaled.max(axis=1)
            total = top + np.log(np.exp(scaled - top[:, None]).sum(axis=1))
            return float((total - true / math.exp(log_temperature)).mean())

        bounds = (math.log(COLDEST), math.log(HOTTEST))
        found = minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-6})
        return cls(float(math.exp(found.x)))


@dataclass(frozen=True, slots=True)
class Calibration:
    """One temperature a modality. Fit on validation records, frozen afterwards.

    Attributes:
      temperatures: in the order of the modalities.
    """

    temperatures: tuple[Temperature, ...]

    def apply(self, probabilities: NDArray[np.floating], present: Mask | None = None) -> Floats:
        """Calibrated [modalities, records, classes]; uniform where a modality is absent."""
        values, _ = masked(probabilities, present)
        if len(values) != len(self.temperatures):
            raise UsageError(
                f"probabilities: {len(values)} modalities; this calibration is of "
                f"{len(self.temperatures)}."
            )
        pairs = zip(self.temperatures, values, strict=True)
        return np.stack([temperature.apply(rows) for temperature, rows in pairs])

    @classmethod
    def fit(
        cls,
        probabilities: NDArray[np.floating],
        labels: NDArray[np.integer[Any]],
        present: Mask | None = None,
    ) -> Calibration:
        """Each modality by itself, on the VALIDATION records that have it.

        Raises:
          UsageError: shapes that do not fit, or a modality with fewer than 10 records.
        """
        values, there = masked(probabilities, present)
        right = checked_labels(labels, values.shape[1], values.shape[2])
        pairs = zip(values, there, strict=True)
        return cls(tuple(Temperature.fit(rows[some], right[some]) for rows, some in pairs))
