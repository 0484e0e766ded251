# SPDX-License-Identifier: Apache-2.0
"""Geometry of the audit's plots: curves in, coordinates out; the template draws them as inline SVG.

An ROC is read at its low end, so that its axes are logarithmic there and a rate of zero lies on the
edge. Every line carries its name beside it, a dash of its own as well as a colour, and words for
whoever cannot see it.

Source: log-log ROC: Carlini et al., IEEE S&P 2022, https://arxiv.org/abs/2112.03570; colours after
Okabe & Ito 2008.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from polyveil.report.axes import Axis, AxisTick, axis_over, pair_of_logs
from polyveil.report.figures import figure, tick

if TYPE_CHECKING:
    from polyveil.attack.result import Curve

WIDTH = 400.0
LEFT, TOP, BOTTOM = 52.0, 26.0, 40.0
MARGIN = 106.0
"""Room at the right for the names of several lines; one line alone needs none."""
SIDE = 320.0
"""Width and height of the field of an ROC."""
HEIGHT = 190.0
LINE = 12.0
LETTERS = 15
SERIES = 4
"""Lines in one plot; more would need a fifth colour that every eye can tell from the others."""
COLUMN = 2.0
"""Units of width within which a line shows no more than where it enters, turns and leaves."""
CLOSE = 0.15
"""Units by which a drawn line may miss a point that was left out."""
MARKED = 12
"""Up to so many measured points are shown as points."""

Point: TypeAlias = tuple[float, float]
Floats: TypeAlias = NDArray[np.float64]

_SHARE = re.compile(
    r"\b(rate|share|fpr|tpr|accuracy|ars|asr|recall|positives?|alarms?|agreement)\b", re.I
)


@dataclass(frozen=True, slots=True)
class Label:
    """A line's name, in one to three lines of text, at `x`, the first of them at `y`."""

    x: float
    y: float
    lines: tuple[str, ...]
    slot: int
    anchor: str = "start"


@dataclass(frozen=True, slots=True)
class Series:
    """One line: `points` and `band` as SVG writes polygons; `slot` picks colour and dash."""

    slot: int
    points: str
    band: str
    dots: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Plot:
    """Everything the template needs, in user units of the viewBox."""

    width: float
    height: float
    left: float
    right: float
    top: float
    bottom: float
    x_ticks: tuple[AxisTick, ...]
    y_ticks: tuple[AxisTick, ...]
    series: tuple[Series, ...]
    chance: tuple[str, ...]
    labels: tuple[Label, ...]
    x_label: str
    y_label: str
    title: str
    words: str


def size(plot: Plot) -> int:
    """Characters that its lines and bands take up on a page."""
    lines = [text for one in plot.series for text in (one.points, one.band)]
    return sum(map(len, (*lines, *plot.chance)))


def plots_of(curves: Iterable[Curve], *, named: bool = False) -> tuple[Plot, ...]:
    """Curves of the same axes share a plot, at most four of them.

    Args:
      named: whether a line is named that is alone in its plot, too.
    """
    found = []
    ordered = sorted(
        (one for one in curves if one.x), key=lambda one: (one.log, one.x_label, one.y_label)
    )
    for _, group in groupby(ordered, key=lambda one: (one.log, one.x_label, one.y_label)):
        same = list(group)
        for start in range(0, len(same), SERIES):
            few = same[start : start + SERIES]
            found.append(_roc(few) if _is_roc(few) else _lines(few, named))
    return tuple(found)


def unit_of(label: str, values: Iterable[float]) -> str:
    """ "share" where an axis counts parts of a whole, so that it is written in per cent."""
    inside = all(0.0 <= value <= 1.0 for value in values)
    return "share" if inside and _SHARE.search(label) else ""


def _is_roc(curves: Sequence[Curve]) -> bool:
    values = (v for one in curves for side in (one.x, one.y, one.high) for v in side)
    return curves[0].log and all(0.0 <= value <= 1.0 for value in values)


def _roc(curves: Sequence[Curve]) -> Plot:
    """Both axes alike, so that guessing is the diagonal; names stand below it, where no curve
    that is worth drawing runs."""
    right, bottom = LEFT + SIDE, TOP + SIDE
    xs, ys = (
        [v for one in curves for v in one.x],
        [v for one in curves for side in (one.y, one.low, one.high, one.chance) for v in side],
    )
    across, up = pair_of_logs(xs, ys, (LEFT, right), (bottom, TOP))
    rows = [_row(one.name, 40) for one in curves]
    labels = [
        Label(right - 8, bottom - 10 - 16 * (len(rows) - 1 - slot), (text,), slot, "end")
        for slot, text in enumerate(rows)
    ]
    if any(one.chance for one in curves):
        middle = 0.46 * SIDE
        labels.append(Label(LEFT + middle + 9, bottom - middle + 10, ("chance",), -1))
    return _plot(curves, across, up, right + 28, tuple(labels))


def _lines(curves: Sequence[Curve], named: bool) -> Plot:
    named = named or len(curves) > 1 or any(one.chance for one in curves)
    right, bottom = WIDTH - (MARGIN if named else 16.0), TOP + HEIGHT
    log = curves[0].log
    xs = [v for one in curves for v in one.x]
    ys = [v for one in curves for side in (one.y, one.low, one.high, one.chance) for v in side]
    across = axis_over(
        xs, (LEFT, right), log=log, unit=unit_of(curves[0].x_label, xs), from_zero=False
    )
    up = axis_over(ys, (bottom, TOP), log=log, unit=unit_of(curves[0].y_label, ys))
    ends = [(up.place(one.y[-1]), one.name, slot) for slot, one in enumerate(curves)]
    chance = next((one.chance for one in curves if one.chance), ())
    if chance:
        ends.append((up.place(chance[-1]), "without the target", -1))
    labels = apart(ends, right + 8, TOP, bottom) if named else ()
    return _plot(curves, across, up, WIDTH, labels)


def apart(
    ends: Sequence[tuple[float, str, int]], x: float, top: float, bottom: float
) -> tuple[Label, ...]:
    """Names beside the ends of their lines, moved up or down until none covers another."""
    ordered = sorted(ends)
    texts = [_wrapped(name) for _, name, _ in ordered]
    sizes = [len(lines) * LINE + 3.0 for lines in texts]
    tops = [y - size / 2 for (y, _, _), size in zip(ordered, sizes, strict=True)]
    floor = top
    for i, size in enumerate(sizes):
        tops[i] = max(tops[i], floor)
        floor = tops[i] + size
    ceiling = max(bottom + LINE, top + sum(sizes))
    for i in reversed(range(len(sizes))):
        tops[i] = min(tops[i], ceiling - sizes[i])
        ceiling = tops[i]
    return tuple(
        Label(x, round(at + LINE - 2.0, 1), lines, slot)
        for at, lines, (_, _, slot) in zip(tops, texts, ordered, strict=True)
    )


def _wrapped(name: str) -> tuple[str, ...]:
    return tuple(textwrap.wrap(name, LETTERS, max_lines=3, placeholder=" …")) or ("",)


def _plot(
    curves: Sequence[Curve], across: Axis, up: Axis, width: float, labels: tuple[Label, ...]
) -> Plot:
    first = curves[0]
    series = tuple(_series(slot, one, across, up) for slot, one in enumerate(curves))
    guesses = [_path(thinned(_placed(c.x, c.chance, across, up))) for c in curves if c.chance]
    return Plot(
        width=width,
        height=max([up.start, *(one.y for one in labels)]) + BOTTOM,
        left=across.start,
        right=across.end,
        top=up.end,
        bottom=up.start,
        x_ticks=across.ticks,
        y_ticks=up.ticks,
        series=series,
        chance=tuple(dict.fromkeys(guesses)),
        labels=labels,
        x_label=_row(first.x_label, 52),
        y_label=_row(first.y_label, 52),
        title=f"{_capital(first.y_label)} by {first.x_label}",
        words=" ".join(_words(one, across, up) for one in curves),
    )


def _series(slot: int, curve: Curve, across: Axis, up: Axis) -> Series:
    points = _placed(curve.x, curve.y, across, up)
    band: list[Point] = []
    if curve.low and curve.high:
        band = thinned(_placed(curve.x, curve.high, across, up))
        band += thinned(_placed(curve.x, curve.low, across, up))[::-1]
    dots = tuple(points) if len(points) <= MARKED else ()
    return Series(slot, _path(thinned(points)), _path(band), dots)


def thinned(points: Sequence[Point]) -> list[Point]:
    """The same line with no more points than the eye can tell.

    In each stretch of neighbours that share a column, the first, the least, the greatest and the
    last stay; of these, whatever lies on the straight line between others goes.
    """
    kept: list[Point] = []
    for _, group in groupby(points, key=lambda point: point[0] // COLUMN):
        run = list(group)
        ys = [y for _, y in run]
        places = {0, ys.index(min(ys)), ys.index(max(ys)), len(run) - 1}
        kept += [run[at] for at in sorted(places)]
    return _straightened(kept)


def _straightened(points: Sequence[Point]) -> list[Point]:
    """Ramer 1972, Douglas & Peucker 1973: drops points that a straight line passes closely."""
    if len(points) < 3:
        return list(points)
    where = np.asarray(points)
    needed = {0, len(points) - 1}
    open_parts = [(0, len(points) - 1)]
    while open_parts:
        start, end = open_parts.pop()
        off = _off(where[start + 1 : end], where[start], where[end])
        if off.max() > CLOSE:
            far = start + 1 + int(off.argmax())
            needed.add(far)
            open_parts += [(a, b) for a, b in ((start, far), (far, end)) if b - a > 1]
    return [points[at] for at in sorted(needed)]


def _off(points: Floats, start: Floats, end: Floats) -> Floats:
    """Distance of each point from the stretch between two others."""
    along, from_start = end - start, points - start
    length = float(along @ along)
    part = np.clip(from_start @ along / length, 0.0, 1.0) if length else np.zeros(len(points))
    off: Floats = np.hypot(*(from_start - part[:, None] * along).T)
    return off


def _placed(xs: Sequence[float], ys: Sequence[float], across: Axis, up: Axis) -> list[Point]:
    return [(across.place(x), up.place(y)) for x, y in zip(xs, ys, strict=True)]


def _path(points: Sequence[Point]) -> str:
    return " ".join(f"{x:g},{y:g}" for x, y in points)


def _words(curve: Curve, across: Axis, up: Axis) -> str:
    """A few points of the line, read out: an ROC at its decades, another curve at its ends."""
    at = [0, len(curve.x) - 1]
    if across.log:
        marks = [tick.value for tick in across.ticks if tick.value < across.last]
        end = [] if across.unit == "share" else at[1:]
        at = [max((i for i, x in enumerate(curve.x) if x <= mark), default=0) for mark in marks]
        at += end
    said = [
        f"{figure(curve.y[i], up.unit)} at {tick(curve.x[i], across.unit)}"
        for i in dict.fromkeys(at)
    ]
    return f"{curve.name}: {', '.join(said)}."


def _row(text: str, letters: int) -> str:
    return text if len(text) <= letters else text[: letters - 1] + "…"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
