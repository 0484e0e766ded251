# SPDX-License-Identifier: Apache-2.0
"""An interval as the results keep it."""

from __future__ import annotations

from polyveil.interval import Interval


def spread(one: Interval) -> list[float]:
    """Estimate, low, high."""
    return [one.estimate, one.low, one.high]
