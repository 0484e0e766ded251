# SPDX-License-Identifier: Apache-2.0
"""Geometry of the small charts: numbers in, coordinates out; the template draws them as inline SVG.

A range bar shows the estimate as a dot on its interval, and the baselines as ticks on the same
axis, so that 2 % is seen beside the 97 % that it was before. Labels that would collide go one row
down.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from polyveil.assess.measure import Measure
from polyveil.interval import Interval
from polyveil.report.sentences import number

WIDTH = 520.0
LEFT, RIGHT = 36.0, 48.0
LETTER = 6.0
ROW = 15.0
LONGEST = 40
"""Letters of a baseline's name in the chart; the words for a screen reader hold all."""


@dataclass(frozen=True, slots=True)
class Tick:
    """A baseline: x of its mark; x, row and text of its label."""

    x: float
    label_x: float
    row: int
    text: str


@dataclass(frozen=True, slots=True)
class RangeBar:
    """Everything the template needs to draw one measure, in user units of the viewBox."""

    width: float
    height: float
    left: float
    right: float
    low: float
    high: float
    dot: float
    first: str
    last: str
    ticks: tuple[Tick, ...]
    words: str


def range_bar(
    measure: Measure,
    *,
    width: float = WIDTH,
    whole: bool = True,
    write: Callable[[float, str], str] = number,
) -> RangeBar:
    """Where everything lies on an axis from zero (or the least value) to a round greatest value.

    Args:
      width: of the drawing.
      whole: whether a share is drawn from 0 to 100 %, however small it is.
      write: how a figure is written.
    """
    value = measure.value
    low, high = (value.low, value.high) if isinstance(value, Interval) else (measure.estimate,) * 2
    numbers = [measure.estimate, low, high, *measure.baseline.values()]
    first, last = _floor(min(numbers)), _ceiling(max(numbers), measure.unit, whole)

    def place(point: float) -> float:
        return round(LEFT + (point - first) / (last - first) * (width - LEFT - RIGHT), 1)

    def said(name: str, figure: float) -> str:
        short = name if len(name) <= LONGEST else name[: LONGEST - 1] + "…"
        return f"{short} {write(figure, measure.unit)}"

    ticks = spread_ticks([(said(name, v), v) for name, v in measure.baseline.items()], place, width)
    rows = 1 + max((tick.row for tick in ticks), default=-1)
    beside = "; ".join(f"{name} {write(v, measure.unit)}" for name, v in measure.baseline.items())
    words = f"{measure.name}: {write(measure.estimate, measure.unit)}"
    if low < high:
        words += f", interval {write(low, measure.unit)} to {write(high, measure.unit)}"
    return RangeBar(
        width=width,
        height=30.0 + rows * ROW,
        left=LEFT,
        right=width - RIGHT,
        low=place(low),
        high=place(high),
        dot=place(measure.estimate),
        first=write(first, measure.unit),
        last=write(last, measure.unit),
        ticks=ticks,
        words=words + (f". For comparison: {beside}" if beside else ""),
    )


def share_of(value: float, greatest: float) -> float:
    """Length of a plain bar on 100 units; at least a visible sliver for anything above zero."""
    if value <= 0 or greatest <= 0:
        return 0.0
    return round(max(0.6, 100.0 * value / greatest), 2)


def spread_ticks(
    texts: Sequence[tuple[str, float]], place: Callable[[float], float], width: float = WIDTH
) -> tuple[Tick, ...]:
    """Ticks with their texts below them, as many rows down as none covers another."""
    ticks: list[Tick] = []
    ends: list[float] = []
    for text, value in sorted(texts, key=lambda item: item[1]):
        x = place(value)
        half = len(text) * LETTER / 2
        middle = min(max(x, half), width - half)
        row = next((i for i, end in enumerate(ends) if end + 8 < middle - half), len(ends))
        ends[row : row + 1] = [middle + half]
        ticks.append(Tick(x, round(middle, 1), row, text))
    return tuple(ticks)


def _floor(least: float) -> float:
    return 0.0 if least >= 0 else -_round_up(-least)


def _ceiling(greatest: float, unit: str, whole: bool) -> float:
    zoomed = unit == "share" and not whole and greatest <= 0.5
    if greatest <= 1.0 and not zoomed and (unit == "share" or greatest > 0.1):
        return 1.0
    return _round_up(greatest) if greatest > 0 else 1.0


def _round_up(value: float) -> float:
    value = max(value, 1e-12)
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 2.5, 5, 10) if step * power >= value * (1 - 1e-9))
