# SPDX-License-Identifier: Apache-2.0
"""What a trained recogniser leaves beside its weights: one file to run, one that says how.

`recogniser.onnx` runs without torch. `recogniser.json` says how records become its inputs, and
which people it has seen, under keyed names: figures about strangers must not be taken on them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from polyveil.inputs import FrontEnd
from polyveil.models.recognition.export_onnx import export_onnx
from polyveil.models.recognition.stored import config_to_json
from polyveil.models.recognition.system import MultimodalRecogniser
from polyveil.privacy.key import ProjectKey

SCHEMA = "polyveil.recogniser/1"
NETWORK, FACTS = "recogniser.onnx", "recogniser.json"


def recogniser_files(
    system: MultimodalRecogniser, ends: Mapping[str, FrontEnd], people: tuple[str, ...], run: str
) -> dict[str, bytes]:
    """File name -> content.

    Args:
      system: with the weights that are released.
      ends: modality -> how it is read, in the network's order.
      people: keyed names of those it was trained on.
      run: id of the training.
    """
    with TemporaryDirectory() as folder:
        made = export_onnx(system, Path(folder) / NETWORK)
        network = made.path.read_bytes()
    facts = {
        "schema": SCHEMA,
        "run": run,
        "inputs": {name: end.to_json() for name, end in ends.items()},
        "config": config_to_json(system.config),
        "sha256": made.sha256,
        "people": list(people),
        "key": ProjectKey.load_or_create().id,
        "remarks": list(made.remarks),
    }
    return {NETWORK: network, FACTS: f"{json.dumps(facts, indent=2)}\n".encode()}
