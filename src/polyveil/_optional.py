# SPDX-License-Identifier: Apache-2.0
"""Import of heavy, optional dependencies, with the pip line in the error."""

from __future__ import annotations

import importlib
from types import ModuleType

from polyveil.errors import MissingExtra


def require(module: str, *, extra: str, purpose: str) -> ModuleType:
    """The module, or MissingExtra saying what to install for which purpose."""
    try:
        return importlib.import_module(module)
    except ImportError as missing:
        raise MissingExtra(
            f"{purpose} needs {module}: pip install 'polyveil[{extra}]'."
        ) from missing
