# SPDX-License-Identifier: Apache-2.0
"""Learning from modalities that differ in strength: by turns, together, or apart; with a promise.

`train` runs any `Method` on the same records with the same options. Names load on first use:
options can be read without PyTorch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from polyveil.learn.multimodal.accounting import Rounds
    from polyveil.learn.multimodal.alternating import Alternating
    from polyveil.learn.multimodal.joint import Joint
    from polyveil.learn.multimodal.late import Late
    from polyveil.learn.multimodal.method import HeadStep, Method
    from polyveil.learn.multimodal.modulation import Modulated
    from polyveil.learn.multimodal.options import Budget, Options
    from polyveil.learn.multimodal.prediction import Predicted, predict
    from polyveil.learn.multimodal.projection import MeanProjection
    from polyveil.learn.multimodal.projection_controls import PublishedProjection, RandomProjection
    from polyveil.learn.multimodal.subspace import SubspaceProjection
    from polyveil.learn.multimodal.training import Trained, Training, train

__all__ = [
    "Alternating",
    "Budget",
    "HeadStep",
    "Joint",
    "Late",
    "MeanProjection",
    "Method",
    "Modulated",
    "Options",
    "Predicted",
    "PublishedProjection",
    "RandomProjection",
    "Rounds",
    "SubspaceProjection",
    "Trained",
    "Training",
    "predict",
    "train",
]

_HOME = {
    "Alternating": "alternating",
    "Budget": "options",
    "HeadStep": "method",
    "Joint": "joint",
    "Late": "late",
    "MeanProjection": "projection",
    "Method": "method",
    "Modulated": "modulation",
    "Options": "options",
    "Predicted": "prediction",
    "PublishedProjection": "projection_controls",
    "RandomProjection": "projection_controls",
    "Rounds": "accounting",
    "SubspaceProjection": "subspace",
    "Trained": "training",
    "Training": "training",
    "predict": "prediction",
    "train": "training",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'polyveil.learn.multimodal' has no attribute {name!r}")
    return getattr(import_module(f"polyveil.learn.multimodal.{_HOME[name]}"), name)
