# SPDX-License-Identifier: Apache-2.0
"""Figures of an audit as text: rates far below one per cent are what it is about.

`sentences.number` writes shares to a tenth of a per cent, which turns a false-alarm rate of 1 in
10,000 into nothing.
"""

from __future__ import annotations

import math

from polyveil.assess.measure import Measure
from polyveil.interval import Interval
from polyveil.report.sentences import number


def figure(value: float, unit: str = "") -> str:
    """97.2 %, 0.04 %, 1,203, 0.954; two digits at least of whatever is not zero."""
    if unit != "share":
        return number(value, unit)
    percent = abs(100.0 * value)
    if percent == 0 or percent >= 0.995:
        return number(value, unit)
    places = min(12, 1 - math.floor(math.log10(percent)))
    text = f"{100.0 * value:.{places}f}".rstrip("0").rstrip(".")
    return f"{text}\u00a0%"


def tick(value: float, unit: str = "") -> str:
    """A figure on an axis: without a decimal that says nothing."""
    if unit == "share":
        return figure(value, "share").replace(".0\u00a0", "\u00a0")
    if abs(value) >= 1e6 or 0 < abs(value) < 1e-4:
        return f"{value:.3g}".replace("e+0", "e").replace("e-0", "e-")
    text = f"{value:,.0f}" if float(value).is_integer() else f"{value:.4g}"
    return f"{text}\u00a0{unit}" if unit else text


def ends(measure: Measure) -> str:
    """The interval as "1.2 % to 3.4 %"; empty for a bare number."""
    value = measure.value
    if not isinstance(value, Interval):
        return ""
    return f"{figure(value.low, measure.unit)} to {figure(value.high, measure.unit)}"


def beside(measure: Measure) -> str:
    """What the figure is to be compared with: "chance 1 %; solid 2 %"."""
    return "; ".join(f"{name} {figure(v, measure.unit)}" for name, v in measure.baseline.items())


def probability(value: float) -> str:
    """A p-value or a level: 0.031, 0.0004, < 0.000001."""
    if value < 1e-6:
        return "< 0.000001"
    return f"{value:.3f}" if value >= 0.01 else f"{value:.1g}" if value < 1e-4 else f"{value:.4f}"
