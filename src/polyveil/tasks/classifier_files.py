# SPDX-License-Identifier: Apache-2.0
"""What a trained classifier of several modalities leaves beside its weights: how to feed it."""

from __future__ import annotations

import json
from collections.abc import Mapping

from torch import nn

from polyveil.inputs import FrontEnd
from polyveil.models.multimodal import MultimodalClassifier

SCHEMA = "polyveil.classifier/1"
FACTS = "classifier.json"


def classifier_files(model: nn.Module, ends: Mapping[str, FrontEnd]) -> dict[str, bytes]:
    """File name -> content.

    Args:
      model: a `MultimodalClassifier`.
      ends: modality -> how it is read, in the network's order.
    """
    if not isinstance(model, MultimodalClassifier):
        raise TypeError(f"expected a classifier of several modalities, got {type(model).__name__}.")
    facts = {
        "schema": SCHEMA,
        "inputs": {name: end.to_json() for name, end in ends.items()},
        "config": model.config.to_json(),
    }
    return {FACTS: f"{json.dumps(facts, indent=2)}\n".encode()}
