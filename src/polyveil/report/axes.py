# SPDX-License-Identifier: Apache-2.0
"""An axis of a plot: which stretch of numbers it shows, where each lies, which ticks carry text."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from polyveil.report.figures import tick

DECADES = 6
"""A logarithmic axis shows so many at most; whatever is smaller lies on its edge."""
STEPS = 5


@dataclass(frozen=True, slots=True)
class AxisTick:
    """A mark of an axis: where, which value, which text."""

    at: float
    value: float
    text: str


@dataclass(frozen=True, slots=True)
class Axis:
    """Numbers from `first` to `last` lie between `start` and `end`; outside, on the nearer edge.

    Attributes:
      first, last: first < last; both positive where `log`.
      start, end: user units of the drawing; start > end for an axis that points up.
      step: between ticks, where not logarithmic.
      unit: "share" for per cent.
      cut: whether values below `first` lie on its edge, as a zero does on a logarithmic axis.
    """

    first: float
    last: float
    start: float
    end: float
    step: float = 1.0
    log: bool = False
    unit: str = ""
    cut: bool = False

    def place(self, value: float) -> float:
        """Where a value lies, to a tenth of a unit."""
        inside = min(max(value, self.first), self.last)
        if self.log:
            part = math.log(inside / self.first) / math.log(self.last / self.first)
        else:
            part = (inside - self.first) / (self.last - self.first)
        return round(self.start + part * (self.end - self.start), 1)

    @property
    def ticks(self) -> tuple[AxisTick, ...]:
        """Every decade, or every second; else about five round numbers."""
        values = self._decades() if self.log else self._steps()
        return tuple(
            AxisTick(
                self.place(v), v, ("≤\u00a0" if self.cut and i == 0 else "") + tick(v, self.unit)
            )
            for i, v in enumerate(values)
        )

    def _decades(self) -> list[float]:
        low, high = round(math.log10(self.first)), round(math.log10(self.last))
        return [10.0**power for power in range(low, high + 1, 1 if high - low < 5 else 2)]

    def _steps(self) -> list[float]:
        low, high = round(self.first / self.step), round(self.last / self.step)
        return [count * self.step for count in range(low, high + 1)]


def axis_over(
    values: Sequence[float],
    ends: tuple[float, float],
    *,
    log: bool = False,
    unit: str = "",
    from_zero: bool = True,
) -> Axis:
    """The axis that shows all values: decades where `log` and the positive ones span a decade; for
    shares the whole from 0 to 100 %; else round numbers, from zero on unless `from_zero` is False.
    """
    if log and _spans_a_decade(values):
        first, last = _decade_range(values)
        return Axis(first, last, *ends, log=True, unit=unit, cut=min(values) < first)
    if unit == "share" and from_zero:
        return Axis(0.0, 1.0, *ends, step=0.2, unit=unit)
    low, high = min(values), max(values)
    if from_zero:
        low, high = min(low, 0.0), max(high, 0.0)
    if high - low <= 1e-9 * max(abs(low), abs(high)):
        low, high = (low - 0.5 * abs(low) - 0.5, high + 0.5 * abs(high) + 0.5)
    step = _round_step((high - low) / STEPS)
    if all(float(value).is_integer() for value in values):
        step = max(step, 1.0)  # half a column or half an epoch is nothing
    first, last = math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step
    return Axis(first, last, *ends, step=step, unit=unit)


def pair_of_logs(
    xs: Sequence[float],
    ys: Sequence[float],
    across: tuple[float, float],
    up: tuple[float, float],
) -> tuple[Axis, Axis]:
    """Two logarithmic axes over the same decades up to 100 %, as an ROC needs them."""
    both = [*xs, *ys, 1.0]
    # The low end of an ROC is where its x values begin; a band that reaches zero is cut there.
    first = min(_decade_range([*xs, 1.0])[0], 0.1)
    cut = min(both) < first
    return (
        Axis(first, 1.0, *across, log=True, unit="share", cut=cut),
        Axis(first, 1.0, *up, log=True, unit="share", cut=cut),
    )


def _spans_a_decade(values: Sequence[float]) -> bool:
    positive = [value for value in values if value > 0]
    return bool(positive) and max(positive) >= 10 * min(positive)


def _decade_range(values: Sequence[float]) -> tuple[float, float]:
    positive = [value for value in values if value > 0]
    high = math.ceil(math.log10(max(positive)) - 1e-9)
    low = max(math.floor(math.log10(min(positive)) + 1e-9), high - DECADES)
    return 10.0 ** min(low, high - 1), 10.0**high


def _round_step(size: float) -> float:
    power = 10.0 ** math.floor(math.log10(size))
    return next(step * power for step in (1, 2, 2.5, 5, 10) if step * power >= size * (1 - 1e-9))
