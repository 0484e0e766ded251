# SPDX-License-Identifier: Apache-2.0
"""Everything between the modalities' predictions and the answer: temperatures, then weights.

One value that is fitted once on validation records, is written beside a trained model as JSON, and
answers for records that lack modalities. The rules by name:

| Name      | Weights                                                      |
|-----------|--------------------------------------------------------------|
| "mean"    | equal                                                        |
| "entropy" | by the modality's own uncertainty                            |
| "kl"      | by its divergence from the others                            |
| "hybrid"  | by both                                                      |
| "learned" | one for each modality, the same for all records              |
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polyveil.errors import UsageError
from polyveil.models import checks
from polyveil.models.calibration import LEAST, Calibration, Temperature
from polyveil.models.fusion import Floats
from polyveil.models.learned_weights import LearnedWeights
from polyveil.models.present import EqualWeights, FusionRule, Mask
from polyveil.models.uncertainty import ALPHAS, HybridUncertainty

SCHEMA = "polyveil.fusion/1"
RULES = ("mean", "entropy", "kl", "hybrid", "learned")

_ALPHAS: Mapping[str, tuple[float, ...]] = {"entropy": (1.0,), "kl": (0.0,), "hybrid": ALPHAS}


@dataclass(frozen=True, slots=True)
class CalibratedFusion:
    """Temperatures and weights. Fit on validation records, frozen afterwards.

    Attributes:
      name: one of `RULES`.
      modalities: names, in the order of the predictions.
      calibration: a temperature for each.
      rule: the weights.
    """

    name: str
    modalities: tuple[str, ...]
    calibration: Calibration
    rule: FusionRule

    def predict(self, probabilities: NDArray[np.floating], present: Mask | None = None) -> Floats:
        """Class probabilities [records, classes].

        Args:
          probabilities: [modalities, records, classes], not yet calibrated.
          present: bool [modalities, records]; None: all. What is absent is never read.

        Raises:
          UsageError: shapes, rows that are no probabilities, or a record without any modality.
        """
        return self.rule.predict(self.calibration.apply(probabilities, present), present)

    def weights(self, probabilities: NDArray[np.floating], present: Mask | None = None) -> Floats:
        """How much each modality counts for each record, [modalities, records]."""
        return self.rule.weights(self.calibration.apply(probabilities, present), present)

    @classmethod
    def fit(
        cls,
        name: str,
        modalities: tuple[str, ...],
        probabilities: NDArray[np.floating],
        labels: NDArray[np.integer[Any]],
        present: Mask | None = None,
    ) -> CalibratedFusion:
        """Temperatures, then weights, on VALIDATION records, never on test ones.

        Reads labels: where these are private, this is a release that has to be charged.

        Args:
          name: one of `RULES`.
          modalities: names, in the order of `probabilities`.
          probabilities: [modalities, records, classes], of models not trained on these records.
          labels: [records].
          present: bool [modalities, records]; None: all.

        Raises:
          UsageError: no such rule, shapes that do not fit, too few records, or a single class:
            on those a modality that always says it would take all.
        """
        checks.one_of("fusion", name, RULES)
        if len(modalities) != len(probabilities):
            raise UsageError(
                f"fusion: {len(modalities)} names for {len(probabilities)} modalities; expected "
                "one each."
            )
        _enough(modalities, labels, present)
        calibration = Calibration.fit(probabilities, labels, present)
        warm = calibration.apply(probabilities, present)
        rule: FusionRule = EqualWeights()
        if name == "learned":
            rule = LearnedWeights.fit(warm, labels, present)
        elif name in _ALPHAS:
            rule = HybridUncertainty.fit(warm, labels, present, alphas=_ALPHAS[name])
        return cls(name, modalities, calibration, rule)

    def to_json(self) -> dict[str, Any]:
        """JSON values; `from_json` gives an equal fusion. An infinite tau is written as null."""
        rule: dict[str, Any] = {}
        if isinstance(self.rule, HybridUncertainty):
            tau = self.rule.tau
            rule = {"alpha": self.rule.alpha, "tau": None if math.isinf(tau) else tau}
        elif isinstance(self.rule, LearnedWeights):
            rule = {"shares": list(self.rule.shares)}
        return {
            "schema": SCHEMA,
            "name": self.name,
            "temperatures": {
                modality: one.value
                for modality, one in zip(
                    self.modalities, self.calibration.temperatures, strict=True
                )
            },
            "rule": rule,
        }

    @staticmethod
    def from_json(value: Mapping[str, Any]) -> CalibratedFusion:
        """The fusion that `to_json` wrote.

        Raises:
          UsageError: the value is none of its, or of another schema.
        """
        if not isinstance(value, Mapping) or value.get("schema") != SCHEMA:
            raise UsageError(f"fusion: expected a value of schema {SCHEMA}.")
        try:
            temperatures = {str(key): float(one) for key, one in value["temperatures"].items()}
            calibration = Calibration(tuple(Temperature(one) for one in temperatures.values()))
            rule = _rule(value["name"], value["rule"])
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise UsageError(
                f"fusion: {type(error).__name__} while reading; expected what to_json wrote."
            ) from None
        return CalibratedFusion(value["name"], tuple(temperatures), calibration, rule)


def _enough(
    modalities: tuple[str, ...], labels: NDArray[np.integer[Any]], present: Mask | None
) -> None:
    """Refuses records that choose nothing; labels and mask may still not fit each other."""
    if np.size(labels) and np.min(labels) == np.max(labels):
        raise UsageError("fusion: every validation record is of one class; expected two or more.")
    have = np.full(len(modalities), np.size(labels)) if present is None else np.sum(present, axis=1)
    if have.shape == (len(modalities),) and have.min() < LEAST:
        counts = ", ".join(
            f"{name} {count:,}" for name, count in zip(modalities, have, strict=True)
        )
        raise UsageError(
            f"fusion: validation records by modality: {counts}; expected at least {LEAST} each."
        )


def _rule(name: str, value: Mapping[str, Any]) -> FusionRule:
    checks.one_of("fusion", name, RULES)
    if name == "mean":
        return EqualWeights()
    if name == "learned":
        return LearnedWeights(tuple(float(one) for one in value["shares"]))
    tau = math.inf if value["tau"] is None else float(value["tau"])
    return HybridUncertainty(float(value["alpha"]), tau)
