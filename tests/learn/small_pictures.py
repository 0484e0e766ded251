# SPDX-License-Identifier: Apache-2.0
"""A few small pictures that a small network can tell apart, for tests of whole trainings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

CLASSES = ("bar", "dot", "frame")


def pictures(count: int, *, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """uint8 (count, 8, 8) and labels: a bar, a dot or a frame under noise."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, count)
    images = rng.integers(0, 60, (count, 8, 8))
    shapes = np.zeros((3, 8, 8), int)
    shapes[0, :, 3:5] = 180
    shapes[1, 3:6, 3:6] = 180
    shapes[2, 0], shapes[2, -1], shapes[2, :, 0], shapes[2, :, -1] = 180, 180, 180, 180
    return (images + shapes[labels]).astype(np.uint8), labels


def save(path: Path, count: int = 400, *, seed: int = 0, **more: Any) -> Path:
    """An .npz of them."""
    images, labels = pictures(count, seed=seed)
    np.savez(path, images=images, labels=labels, class_names=np.array(CLASSES), **more)
    return path


def table(path: Path, **changes: dict[str, Any]) -> dict[str, Any]:
    """A plan over them that takes a second; `changes` go into its sections."""
    plan: dict[str, Any] = {
        "data": {"path": str(path)},
        "model": {"name": "scatter-linear"},
        "privacy": {"epsilon": 8.0},
        "training": {"epochs": 3, "batch_size": 64},
    }
    for section, values in changes.items():
        plan[section] = {**plan.get(section, {}), **values}
    return plan
