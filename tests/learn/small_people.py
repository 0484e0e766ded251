# SPDX-License-Identifier: Apache-2.0
"""Made-up people in two modalities: small pictures and short sequences, noisy around a person."""

from __future__ import annotations

from typing import Any

import numpy as np

from polyveil.learn.modalities import Multimodal
from polyveil.learn.plan import Plan

SHAPES: dict[str, tuple[int, ...]] = {"face": (1, 12, 12), "keys": (10, 3)}


def people(count: int = 6, records: int = 8, *, seed: int = 0, missing: float = 0.2) -> Multimodal:
    """`records` of each of `count` people; some lack a modality, never both."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(count), records)
    own = {name: rng.normal(0.5, 0.3, (count, *shape)) for name, shape in SHAPES.items()}
    present = rng.random((len(labels), len(SHAPES))) >= missing
    present[~present.any(axis=1), 0] = True
    inputs = {}
    for column, (name, shape) in enumerate(SHAPES.items()):
        values = own[name][labels] + 0.1 * rng.normal(size=(len(labels), *shape))
        values[~present[:, column]] = 0.0
        inputs[name] = values.astype(np.float32)
    classes = tuple(f"{at:032x}" for at in range(count))
    return Multimodal(inputs, present, labels.astype(np.int64), classes, (), {"keys": 0.5})


def table(**changes: dict[str, Any]) -> dict[str, Any]:
    """A plan for a small recogniser of them, without a budget; `changes` go into its sections."""
    plan: dict[str, Any] = {
        "data": {"path": "none", "inputs": list(SHAPES)},
        "model": {
            "name": "recogniser",
            "width": 16,
            "widths": [8, 16],
            "vae_widths": [8, 16],
            "latent": 2,
            "sequence_vae_widths": [8],
        },
        "privacy": {"mode": "none"},
        "training": {"epochs": 3, "batch_size": 16},
    }
    for section, values in changes.items():
        plan[section] = {**plan.get(section, {}), **values}
    return plan


def plan(**changes: dict[str, Any]) -> Plan:
    """The same, read."""
    return Plan.of(table(**changes))
