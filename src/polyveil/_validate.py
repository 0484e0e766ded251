# SPDX-License-Identifier: Apache-2.0
"""Checks of public arguments. Each names the argument, what came and what was expected."""

from __future__ import annotations

import math


def positive(**values: float) -> None:
    """Every value is finite and > 0. Raises ValueError naming the argument."""
    for name, value in values.items():
        if not (math.isfinite(value) and value > 0):
            raise ValueError(f"expected {name} > 0, got {value}.")


def not_negative(**values: float) -> None:
    """Every value is finite and >= 0. Raises ValueError naming the argument."""
    for name, value in values.items():
        if not (math.isfinite(value) and value >= 0):
            raise ValueError(f"expected {name} >= 0, got {value}.")


def probability(**values: float) -> None:
    """Every value lies in [0, 1]. Raises ValueError naming the argument."""
    for name, value in values.items():
        if not 0 <= value <= 1:
            raise ValueError(f"expected 0 <= {name} <= 1, got {value}.")


def at_least(minimum: int, **values: int) -> None:
    """Every value is >= minimum. Raises ValueError naming the argument."""
    for name, value in values.items():
        if value < minimum:
            raise ValueError(f"expected {name} >= {minimum}, got {value}.")
