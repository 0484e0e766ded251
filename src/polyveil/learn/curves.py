# SPDX-License-Identifier: Apache-2.0
"""The course of a run as one picture: how good the model became, and what that had spent.

Two panels over the same epochs, since a share and an epsilon have no axis in common. Line styles
differ beside colours, which are those that most colour-blind readers tell apart, so the picture
also holds in a black-and-white print.

Source: Okabe & Ito 2008, https://jfly.uni-koeln.de/color/
"""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from polyveil import _optional
from polyveil.learn.history import Measured, loss_cap

_COLOURS = ("#0072B2", "#D55E00", "#009E73")
_MARKERS = ("", "s", "^")
"""A second model's line has marks, so that it is another one without colour, too."""
_TALL, _LINE = 150.0, 11.0
"""Height of a panel and of a line of text, in points."""
_End: TypeAlias = tuple[float, float, str]
_INK, _FAINT = "#222222", "#B8B8B8"
_STYLE: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 9.5,
    "text.color": _INK,
    "axes.labelcolor": _INK,
    "axes.edgecolor": _FAINT,
    "axes.titlesize": 10.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "svg.fonttype": "path",
    "svg.hashsalt": "polyveil",
}


def draw(
    courses: Mapping[str, Sequence[Measured]],
    *,
    blur: tuple[float, float],
    classes: int,
    delta: float | None,
) -> dict[str, bytes]:
    """{"curves.png": ..., "curves.svg": ...}.

    Args:
      courses: name of a model -> its measurements in order.
      blur: standard deviations of the noise in a share, on the way and at the end; two of them are
        drawn as a band.
      classes: how many there are, which says the scale of the losses.
      delta: of the guarantee; None without one.
    """
    _optional.require("matplotlib", extra="train", purpose="Drawing curves")
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    panels = [panel for panel in (_accuracy, _loss, _epsilon) if panel.fits(courses)]
    with rc_context(_STYLE):
        figure: Any = Figure(figsize=(3.7 * max(1, len(panels)), 3.1), layout="constrained")
        figure.get_layout_engine().set(w_pad=0.12, h_pad=0.08)
        for axes, panel in zip(_axes(figure, len(panels)), panels, strict=True):
            panel.draw(axes, courses, _bands(panel, blur, classes), delta)
        if len(courses) > 1:
            figure.legend(
                handles=[_key(name, at) for at, name in enumerate(courses)],
                frameon=False,
                loc="outside lower center",
                ncols=len(courses),
            )
        return {f"curves.{form}": _encoded(figure, form) for form in ("png", "svg")}


def _axes(figure: Any, count: int) -> list[Any]:
    return list(figure.subplots(1, count, squeeze=False)[0]) if count else []


def _key(name: str, number: int) -> Any:
    from matplotlib.lines import Line2D

    marker = {"marker": _MARKERS[number], "markersize": 4.5}
    return Line2D([], [], color=_COLOURS[number], linewidth=1.8, label=name, **marker)  # type: ignore[arg-type]


def _encoded(figure: Any, form: str) -> bytes:
    buffer = io.BytesIO()
    # No date and no program version: the same run gives the same bytes.
    metadata = {"Date": None, "Creator": None} if form == "svg" else {"Software": None}
    figure.savefig(buffer, format=form, dpi=200, facecolor="white", metadata=metadata)
    return buffer.getvalue()


def _annotate(axes: Any, ends: Sequence[_End]) -> None:
    """Last values beside their lines, moved apart where they would cover each other."""
    low, high = axes.get_ylim()
    ordered = sorted(ends, key=lambda end: end[1])
    places = [_TALL * (end[1] - low) / (high - low) for end in ordered]
    moved = list(places)
    for at in range(1, len(moved)):
        moved[at] = max(moved[at], moved[at - 1] + _LINE)
    back = (sum(moved) - sum(places)) / max(1, len(places))
    for (across, up, colour), place, new in zip(ordered, places, moved, strict=True):
        axes.annotate(
            f"{up:.3g}", (across, up), (6, new - back - place), textcoords="offset points",
            color=colour, va="center", fontweight="bold", annotation_clip=False,
        )  # fmt: skip


def power_of_ten(value: float) -> str:
    """7e-06 as 7·10⁻⁶."""
    digits, _, exponent = f"{value:.0e}".partition("e")
    raised = str(int(exponent)).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return f"{digits}·10{raised}"


class _Panel:
    """One pair of axes: a title and the fields of `Measured` that it shows."""

    def __init__(
        self, title: str, fields: Mapping[str, str], *, scale: float = 1.0, most: float = math.inf
    ) -> None:
        self._title, self._fields, self._scale, self._most = title, fields, scale, most

    def fits(self, courses: Mapping[str, Sequence[Measured]]) -> bool:
        """Whether anything of this was measured."""
        return any(
            self._points(course, name) for course in courses.values() for name in self._fields
        )

    def draw(
        self,
        axes: Any,
        courses: Mapping[str, Sequence[Measured]],
        band: tuple[float, float],
        delta: float | None,
    ) -> None:
        """Lines with their last values beside them, instead of a legend where that is enough."""
        axes.set_title(self._title, pad=10)
        axes.set_xlabel("epoch")
        axes.grid(axis="y", color="#E6E6E6", linewidth=0.8)
        axes.set_axisbelow(True)
        ends: list[_End] = []
        for number, course in enumerate(courses.values()):
            for field, dashes in zip(self._fields, ((), (4, 2)), strict=False):
                points = self._points(course, field)
                if points:
                    label = "" if number else self._fields[field]
                    self._line(axes, points, number, dashes, label, band)
                    ends.append((*points[-1], _COLOURS[number]))
        axes.set_xlim(left=0)
        axes.margins(x=0.02)
        self._finish(axes, delta)
        _annotate(axes, ends)

    def _points(self, course: Sequence[Measured], field: str) -> list[tuple[float, float]]:
        values = [(one.epoch, getattr(one, field)) for one in course]
        return [(epoch, self._scale * value) for epoch, value in values if value is not None]

    def _line(
        self,
        axes: Any,
        points: list[tuple[float, float]],
        number: int,
        dashes: tuple[int, ...],
        label: str,
        band: tuple[float, float],
    ) -> None:
        across, up = zip(*points, strict=True)
        colour, style = _COLOURS[number], {"dashes": dashes} if dashes else {}
        axes.plot(
            across, up, color=colour, linewidth=1.8, label=label or "_", marker=_MARKERS[number],
            markersize=4.5, markevery=max(1, len(up) // 5), **style,
        )  # fmt: skip
        axes.plot(across[-1:], up[-1:], "o", color=colour, markersize=4)
        if band[1]:
            half = [band[0]] * (len(up) - 1) + [band[1]]
            low = [max(u - wide, 0.0) for u, wide in zip(up, half, strict=True)]
            high = [min(u + wide, self._most) for u, wide in zip(up, half, strict=True)]
            axes.fill_between(across, low, high, color=colour, alpha=0.14, linewidth=0)

    def _finish(self, axes: Any, delta: float | None) -> None:
        if len(self._fields) > 1 and len(axes.get_legend_handles_labels()[0]) > 1:
            axes.legend(frameon=False, loc="best", handlelength=2.2)


def _bands(panel: _Panel, blur: tuple[float, float], classes: int) -> tuple[float, float]:
    """Half widths of the band of noise, in the panel's units."""
    unit = {id(_accuracy): 100.0, id(_loss): loss_cap(classes)}.get(id(panel), 0.0)
    return 2 * unit * blur[0], 2 * unit * blur[1]


class _Budget(_Panel):
    """Epsilon by epoch, which starts at 0 and says its delta."""

    def _finish(self, axes: Any, delta: float | None) -> None:
        axes.set_ylim(bottom=0)
        if delta is not None:
            axes.text(
                0.98,
                0.05,
                f"δ = {power_of_ten(delta)}",
                transform=axes.transAxes,
                ha="right",
                color=_INK,
            )
        super()._finish(axes, delta)


_accuracy = _Panel(
    "Right, held-out records (%)",
    {"top1": "first guess", "top5": "within five"},
    scale=100,
    most=100,
)
_loss = _Panel("Loss, held-out records (nats)", {"loss": ""})
_epsilon = _Budget("Privacy budget spent (ε)", {"epsilon": ""})
