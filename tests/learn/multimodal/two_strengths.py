# SPDX-License-Identifier: Apache-2.0
"""Records of two vectors that tell the class, one plainly and one faintly."""

from __future__ import annotations

import numpy as np

from polyveil.learn.modalities import Multimodal

SECRET = bytes(range(32))
SMALL = {"width": 6, "channels": (8, 8)}


def records(
    count: int = 240, *, missing: float = 0.0, seed: int = 0, kind: type = np.float32
) -> Multimodal:
    """Three classes; `strong` and `faint` are (5,) and (4,)."""
    same, draw = np.random.default_rng(5), np.random.default_rng(seed)
    labels = draw.integers(3, size=count)
    centres = {"strong": 2.0 * same.normal(size=(3, 5)), "faint": 0.7 * same.normal(size=(3, 4))}
    present = draw.random((count, 2)) >= missing
    present[~present.any(axis=1)] = True
    inputs = {}
    for at, (name, centre) in enumerate(centres.items()):
        values = centre[labels] + draw.normal(size=(count, centre.shape[1]))
        inputs[name] = np.where(present[:, [at]], values, 0).astype(kind)
    return Multimodal(inputs, present, labels.astype(np.int64), ("a", "b", "c"))
