# SPDX-License-Identifier: Apache-2.0
"""What a trained classifier of several modalities leaves beside its weights: how to feed it, and
how its modalities are weighed where that was fitted.

Temperatures and weights read labels. They are fitted on held-out records where no promise is made,
or where these are nobody's secret; else the network's own way of putting modalities together
stands until whoever uses it fits them on records of his own.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import nn

from polyveil.inputs import FrontEnd
from polyveil.models.calibrated_fusion import CalibratedFusion
from polyveil.models.learned_weights import LearnedWeights
from polyveil.models.multimodal import MultimodalClassifier
from polyveil.models.uncertainty import HybridUncertainty

SCHEMA = "polyveil.classifier/1"
FACTS = "classifier.json"


@dataclass(frozen=True, slots=True)
class Fitted:
    """Weights by uncertainty, and what they were chosen on.

    Attributes:
      fusion: temperatures and weights.
      records: how many labelled records chose them.
    """

    fusion: CalibratedFusion
    records: int

    @property
    def sentence(self) -> str:
        """What was chosen, for a person."""
        warmth = ", ".join(
            f"{name} {one.value:.2f}"
            for name, one in zip(
                self.fusion.modalities, self.fusion.calibration.temperatures, strict=True
            )
        )
        alone = len(self.fusion.modalities) == 1
        chosen = (
            f"Temperature: {warmth}" if alone else f"{_rule(self.fusion)}; temperatures: {warmth}"
        )
        return (
            f"{chosen}. Chosen on {self.records:,} labelled records, whose labels no promise "
            "covers."
        )

    def to_json(self) -> dict[str, Any]:
        """JSON values; `from_json` gives an equal value."""
        return {"records": self.records, **self.fusion.to_json()}

    @staticmethod
    def from_json(values: Mapping[str, Any]) -> Fitted:
        """What `to_json` wrote; raises KeyError or UsageError for anything else."""
        return Fitted(CalibratedFusion.from_json(values), int(values["records"]))


def classifier_files(
    model: nn.Module, ends: Mapping[str, FrontEnd], fitted: Fitted | None = None
) -> dict[str, bytes]:
    """File name -> content.

    Args:
      model: a `MultimodalClassifier`.
      ends: modality -> how it is read, in the network's order.
      fitted: weights by uncertainty; None for the network's own way.
    """
    if not isinstance(model, MultimodalClassifier):
        raise TypeError(f"expected a classifier of several modalities, got {type(model).__name__}.")
    facts = {
        "schema": SCHEMA,
        "inputs": {name: end.to_json() for name, end in ends.items()},
        "config": model.config.to_json(),
        "fusion": None if fitted is None else fitted.to_json(),
    }
    return {FACTS: f"{json.dumps(facts, indent=2)}\n".encode()}


def _rule(fusion: CalibratedFusion) -> str:
    rule = fusion.rule
    if isinstance(rule, LearnedWeights):
        shares = ", ".join(
            f"{name} {share:.2f}"
            for name, share in zip(fusion.modalities, rule.shares, strict=True)
        )
        return f"Modalities are weighed alike for all records: {shares}"
    if isinstance(rule, HybridUncertainty) and not math.isinf(rule.tau):
        parts = {0.0: "divergence from the others", 1.0: "entropy"}
        by = parts.get(rule.alpha, f"entropy and divergence from the others, alpha {rule.alpha:g}")
        return (
            f"Modalities are weighed by how uncertain each is of a record ({by}, tau {rule.tau:g})"
        )
    return "Modalities count alike"
