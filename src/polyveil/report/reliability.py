# SPDX-License-Identifier: Apache-2.0
"""The reliability diagram: how often a model is right, by how sure it says it is.

Each point is a bin of predictions; on the diagonal a model is as sure as it is right, below it it
boasts. The band is the exact 95 % interval of the bin's accuracy, so that a bin of four records is
not read like one of four hundred. Drawn as all other plots of a report are, on the page or as a
file that stands alone.

Source: DeGroot & Fienberg, The Comparison and Evaluation of Forecasters, The Statistician 32 (1983)
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib.resources import files

from polyveil.errors import UsageError
from polyveil.interval import clopper_pearson
from polyveil.models.reliability import Bin
from polyveil.report.axes import Axis
from polyveil.report.figures import figure
from polyveil.report.html import environment
from polyveil.report.plots import LEFT, SERIES, SIDE, TOP, Label, Plot, Point, Series, thinned

_TITLE = "Accuracy by confidence"
_RULES = re.compile(r"(?:^|(?<=\} ))(?::root|svg text|\.plot\b)[^{]*\{[^}]*\}", re.MULTILINE)
_RIGHT = 28.0
_FOOT = 40.0


def reliability_plot(models: Mapping[str, Sequence[Bin]]) -> Plot:
    """The diagram of one to four models on one pair of axes.

    Args:
      models: name -> its bins by rising confidence, from `polyveil.models.reliability`.

    Raises:
      UsageError: no model, more than four, or one without bins.
    """
    if not 1 <= len(models) <= SERIES or not all(models.values()):
        raise UsageError(
            f"reliability: {len(models)} models; expected one to {SERIES}, each with bins."
        )
    bottom = TOP + SIDE
    across = Axis(0.0, 1.0, LEFT, LEFT + SIDE, step=0.2, unit="share")
    up = Axis(0.0, 1.0, bottom, TOP, step=0.2, unit="share")
    series = [_series(slot, bins, across, up) for slot, bins in enumerate(models.values())]
    return Plot(
        width=LEFT + SIDE + _RIGHT,
        height=bottom + _FOOT,
        left=across.start,
        right=across.end,
        top=up.end,
        bottom=up.start,
        x_ticks=across.ticks,
        y_ticks=up.ticks,
        series=tuple(series),
        chance=(_path([(across.start, up.start), (across.end, up.end)]),),
        labels=_labels(models, bottom),
        x_label="confidence of the prediction",
        y_label="accuracy",
        title=_TITLE,
        words=" ".join(_words(name, bins) for name, bins in models.items()),
    )


def reliability_svg(models: Mapping[str, Sequence[Bin]]) -> str:
    """The diagram as an SVG file of its own; loads nothing.

    Raises:
      UsageError: as `reliability_plot`.
    """
    macros = environment().get_template("audit_macros.html.jinja")
    drawn = str(macros.module.plot(reliability_plot(models))).strip()  # type: ignore[attr-defined]
    head, rest = drawn.split(">", 1)
    return f'{head} xmlns="http://www.w3.org/2000/svg">\n<style>{_style()}</style>{rest}\n'


@cache
def _style() -> str:
    """The rules of a report's style that a plot needs, in its light colours."""
    css = files("polyveil.report").joinpath("templates", "report.css").read_text("utf-8")
    return "\n".join(_RULES.findall(css))


def _series(slot: int, bins: Sequence[Bin], across: Axis, up: Axis) -> Series:
    ends = [clopper_pearson(one.right, one.records) for one in bins]
    xs = [across.place(one.confidence) for one in bins]
    points = [(x, up.place(one.accuracy)) for x, one in zip(xs, bins, strict=True)]
    over = [(x, up.place(end.high)) for x, end in zip(xs, ends, strict=True)]
    under = [(x, up.place(end.low)) for x, end in zip(xs, ends, strict=True)]
    band = [*thinned(over), *thinned(under)[::-1]] if len(bins) > 1 else []
    return Series(slot, _path(points), _path(band), tuple(points))


def _labels(models: Mapping[str, Sequence[Bin]], bottom: float) -> tuple[Label, ...]:
    """Names at the upper left, where only a model that is too modest draws its line; the diagonal's
    where there is room."""
    found = [
        Label(
            LEFT + 10, TOP + 16 + 16 * slot, (name if len(name) <= 40 else name[:39] + "…",), slot
        )
        for slot, name in enumerate(models)
    ]
    dots = [
        (LEFT + SIDE * one.confidence, bottom - SIDE * one.accuracy)
        for bins in models.values()
        for one in bins
    ]
    return (*found, max(_diagonals(bottom), key=lambda label: _room(label, dots)))


def _diagonals(bottom: float) -> list[Label]:
    """Where the diagonal's name may stand: right below it, or left above it."""
    found = []
    for place, anchor in ((0.16, "start"), (0.4, "start"), (0.62, "start"), (0.95, "end")):
        at = LEFT + place * SIDE + (10 if anchor == "start" else -10)
        found.append(Label(at, bottom - place * SIDE + 12, ("as sure as right",), -1, anchor))
    return found


def _room(label: Label, dots: Iterable[Point]) -> float:
    """From the middle of a name to the nearest point; places that are all free come in order."""
    middle = label.x + (45 if label.anchor == "start" else -45), label.y - 4
    return min(60.0, *(math.dist(middle, dot) for dot in dots))


def _words(name: str, bins: Sequence[Bin]) -> str:
    said = [
        f"{figure(one.accuracy, 'share')} right at {figure(one.confidence, 'share')} "
        f"({one.records} records)"
        for one in bins
    ]
    return f"{name}: {', '.join(said)}."


def _path(points: Iterable[Point]) -> str:
    return " ".join(f"{x:g},{y:g}" for x, y in points)
