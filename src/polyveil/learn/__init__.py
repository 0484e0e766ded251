# SPDX-License-Identifier: Apache-2.0
"""Training that keeps a differential-privacy promise, at nearly the cost of plain training.

Names load on first use: plans can be read without PyTorch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from polyveil.learn.private import PrivateTraining
    from polyveil.learn.threshold import PrivateQuantile

__all__ = ["PrivateQuantile", "PrivateTraining"]

_HOME = {
    "PrivateQuantile": "polyveil.learn.threshold",
    "PrivateTraining": "polyveil.learn.private",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'polyveil.learn' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)
