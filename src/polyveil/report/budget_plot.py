# SPDX-License-Identifier: Apache-2.0
"""A figure by budget as coordinates: epsilons on a logarithmic axis, none at the right end behind a
break, a line for each method, what a paper printed as diamonds.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

from polyveil.report.axes import Axis, AxisTick, axis_over
from polyveil.report.figures import figure, tick
from polyveil.report.plots import BOTTOM, LEFT, TOP, WIDTH, Label, Point, apart
from polyveil.report.spread import Spread

SLOTS = 5
"""Lines in one plot."""
HEIGHT = 250.0
ROOM = 100.0
"""At the right, for names."""
LAST = 34.0
"""From the greatest epsilon to none."""
INSET = 18.0
BESIDE = 5.0
"""From one method's figure without privacy to the next one's, so that their bars can be told."""
FAR = 1.5
"""Times the height of everything else by which a guess may lie below it and still be drawn."""
OPEN_END = math.inf
PAPER = -2
GUESS = -1

Budgets: TypeAlias = Mapping[float | None, Spread]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Line:
    """One method: `points`, `band` and `bridge` as SVG writes polygons.

    Attributes:
      slot: picks colour and dash.
      points: through the budgets.
      band: mean ± standard deviation there.
      bridge: from the greatest epsilon to none, across the break.
      dots: the means.
      whiskers: x, top and bottom of mean ± standard deviation, where no band reaches.
    """

    slot: int
    points: str
    band: str
    bridge: str
    dots: tuple[Point, ...]
    whiskers: tuple[tuple[float, float, float], ...]


@dataclass(frozen=True, slots=True)
class BudgetPlot:
    """Everything the template needs, in user units of the viewBox.

    Attributes:
      broken: x of the break; None where one end is missing.
      guess: y of what needs no model; None where nobody knows, or it lies far below.
      paper: what was printed.
      unplotted: names of methods that found no room.
    """

    width: float
    height: float
    left: float
    right: float
    top: float
    bottom: float
    x_ticks: tuple[AxisTick, ...]
    y_ticks: tuple[AxisTick, ...]
    lines: tuple[Line, ...]
    broken: float | None
    guess: float | None
    paper: tuple[Point, ...]
    labels: tuple[Label, ...]
    y_label: str
    title: str
    words: str
    unplotted: tuple[str, ...]


def budget_plot(
    name: str,
    methods: Mapping[str, Budgets],
    *,
    guess: float | None = None,
    paper: Mapping[float | None, float] | None = None,
) -> BudgetPlot | None:
    """The plot of one figure, shares throughout.

    Args:
      name: of the figure.
      methods: method -> budget -> over seeds; at most `SLOTS` are drawn.
      guess: what naming the commonest class gives.
      paper: budget -> what was printed.

    Returns:
      None where fewer than two budgets have a figure: a table says that better.
    """
    drawn = dict(list(methods.items())[:SLOTS])
    printed = dict(paper or {})
    budgets = {one for found in drawn.values() for one in found}
    if len(budgets) < 2:
        return None
    across = _Across.over(budgets | set(printed))
    up, near = _up(drawn, list(printed.values()), guess)
    middle = (len(drawn) - 1) / 2
    lines = tuple(
        _line(slot, found, across, up, BESIDE * (slot - middle))
        for slot, found in enumerate(drawn.values())
    )
    marks = tuple((across.place(one), up.place(value)) for one, value in _sorted(printed))
    right = WIDTH - ROOM
    ends = [
        (lines[slot].dots[-1][1], method, slot)
        for slot, method in enumerate(drawn)
        if lines[slot].dots
    ]
    if guess is not None:
        below = "" if near else f" {tick(round(guess, 3), 'share')}, below"
        ends.append((up.place(guess), f"commonest class{below}", GUESS))
    if marks:
        ends.append((marks[-1][1], "the paper", PAPER))
    labels = apart(ends, right + 8, TOP, TOP + HEIGHT)
    return BudgetPlot(
        width=WIDTH,
        height=max([TOP + HEIGHT, *(one.y + 12 * len(one.lines) - 20 for one in labels)]) + BOTTOM,
        left=LEFT,
        right=right,
        top=TOP,
        bottom=TOP + HEIGHT,
        x_ticks=across.ticks,
        y_ticks=up.ticks,
        lines=lines,
        broken=across.broken,
        guess=up.place(guess) if guess is not None and near else None,
        paper=marks,
        labels=labels,
        y_label=name,
        title=f"{name[:1].upper()}{name[1:]} by budget",
        words=" ".join(_words(method, found) for method, found in drawn.items()),
        unplotted=tuple(methods)[SLOTS:],
    )


@dataclass(frozen=True, slots=True)
class _Across:
    """Where budgets lie: epsilons from `start` to `end` by their logarithm, none at `last`."""

    epsilons: tuple[float, ...]
    start: float
    end: float
    last: float | None

    @staticmethod
    def over(budgets: set[float | None]) -> _Across:
        epsilons = tuple(sorted(one for one in budgets if one is not None))
        start, right = LEFT + INSET, WIDTH - ROOM - INSET
        return _Across(
            epsilons,
            start,
            right - LAST if None in budgets else right,
            right if None in budgets else None,
        )

    def place(self, epsilon: float | None) -> float:
        if epsilon is None:
            return self.end if self.last is None else self.last
        low, high = self.epsilons[0], self.epsilons[-1]
        if low == high:
            return round((self.start + self.end) / 2, 1)
        part = math.log(epsilon / low) / math.log(high / low)
        return round(self.start + part * (self.end - self.start), 1)

    @property
    def broken(self) -> float | None:
        return None if self.last is None or not self.epsilons else (self.end + self.last) / 2

    @property
    def ticks(self) -> tuple[AxisTick, ...]:
        """One a budget; a text that would touch the one before it is left out."""
        found: list[AxisTick] = []
        edge = -math.inf
        for one in self.epsilons:
            at, text = self.place(one), tick(one)
            half = 3.5 * len(text)
            found.append(AxisTick(at, one, text if at - half > edge else ""))
            edge = at + half if at - half > edge else edge
        if self.last is not None:
            found.append(AxisTick(self.last, OPEN_END, "none"))
        return tuple(found)


def _up(
    drawn: Mapping[str, Budgets], printed: list[float], guess: float | None
) -> tuple[Axis, bool]:
    """Round shares around everything that is drawn, from zero where that is near; and whether a
    guess is near enough to be drawn, too."""
    values = list(printed)
    for found in drawn.values():
        for one in found.values():
            reach = one.deviation or 0.0
            values += [max(0.0, one.mean - reach), min(1.0, one.mean + reach)]
    low, high = min(values), max(values)
    near = guess is not None and guess > low - FAR * (high - low)
    if guess is not None and near:
        low, high = min(low, guess), max(high, guess)
    ends = (TOP + HEIGHT, TOP)
    axis = axis_over([0.0 if low < 0.4 * high else low, high], ends, from_zero=False)
    first, last = max(0.0, axis.first), min(1.0, axis.last)
    return Axis(first, last, *ends, step=axis.step, unit="share"), near


def _line(slot: int, found: Budgets, across: _Across, up: Axis, beside: float) -> Line:
    def placed(times: float) -> list[Point]:
        """Means and so many standard deviations, in the order of the axis."""
        return [
            (
                round(across.place(epsilon) + (beside if epsilon is None else 0.0), 1),
                up.place(one.mean + times * (one.deviation or 0.0)),
            )
            for epsilon, one in order
        ]

    order = _sorted(found)
    means, high, low = placed(0.0), placed(1.0), placed(-1.0)
    private = len(order) - (None in found)
    banded = private if private > 1 else 0
    return Line(
        slot=slot,
        points=_path(means[:private]),
        band=_path([*high[:banded], *low[:banded][::-1]]),
        bridge=_path(means[private - 1 :]) if None in found and private else "",
        dots=tuple(means),
        whiskers=tuple(
            (x, top, bottom)
            for (x, top), (_, bottom) in zip(high[banded:], low[banded:], strict=True)
            if top < bottom
        ),
    )


def _sorted(found: Mapping[float | None, T]) -> list[tuple[float | None, T]]:
    return sorted(found.items(), key=lambda item: OPEN_END if item[0] is None else item[0])


def _words(method: str, found: Budgets) -> str:
    said = [
        f"{figure(one.mean, 'share')} "
        f"{'without privacy' if epsilon is None else f'at ε = {epsilon:g}'}"
        for epsilon, one in _sorted(found)
    ]
    return f"{method}: {', '.join(said)}."


def _path(points: Sequence[Point]) -> str:
    return " ".join(f"{x:g},{y:g}" for x, y in points)
