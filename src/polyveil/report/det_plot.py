# SPDX-License-Identifier: Apache-2.0
"""The DET curve as coordinates: both errors on normal-deviate axes, so that normal scores give a
straight line and 0.1 % takes as much room as 40 %.

Source: Martin et al., The DET curve in assessment of detection task performance, Eurospeech 1997.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import ceil
from statistics import NormalDist

from polyveil.report.axes import AxisTick
from polyveil.report.calibration import SetOfModalities
from polyveil.report.figures import tick
from polyveil.report.plots import (
    BOTTOM,
    LEFT,
    SERIES,
    SIDE,
    TOP,
    Label,
    Plot,
    Point,
    Series,
    thinned,
)

LEAST, MOST = 0.0005, 0.6
_TICKS = (0.001, 0.005, 0.02, 0.05, 0.1, 0.2, 0.4)
_APART = 0.02
"""Points further apart than this, as shares, get others between them."""
_DEVIATE = NormalDist().inv_cdf


def det_plot(sets: Sequence[SetOfModalities]) -> Plot | None:
    """The curves of at most four sets of modalities, the first ones; None where there are none."""
    few = [one for one in sets if one.det_far][:SERIES]
    if not few:
        return None
    right, bottom = LEFT + SIDE, TOP + SIDE
    # The curves bend towards the lower left corner, so that names have room at the upper right.
    labels = [Label(right - 8, TOP + 18 + 16 * slot, (one.name[:40],), slot, "end")
              for slot, one in enumerate(few)]  # fmt: skip
    even = " ".join(f"{_across(rate):g},{_up(rate):g}" for rate in (LEAST, MOST))
    labels.append(Label(_across(0.002) + 8, _up(0.002) + 12, ("equal errors",), -1))
    return Plot(
        width=right + 28,
        height=bottom + BOTTOM,
        left=LEFT,
        right=right,
        top=TOP,
        bottom=bottom,
        x_ticks=tuple(AxisTick(_across(rate), rate, tick(rate, "share")) for rate in _TICKS),
        y_ticks=tuple(AxisTick(_up(rate), rate, tick(rate, "share")) for rate in _TICKS),
        series=tuple(_series(slot, one) for slot, one in enumerate(few)),
        chance=(even,),
        labels=tuple(labels),
        x_label="false accepts, share of impostor trials",
        y_label="false rejects, share of genuine trials",
        title="False rejects by false accepts",
        words=" ".join(_words(one) for one in few),
    )


def _series(slot: int, one: SetOfModalities) -> Series:
    rates = _filled(list(zip(one.det_far, one.det_frr, strict=True)))
    points = [(_across(far), _up(frr)) for far, frr in rates]
    return Series(slot, " ".join(f"{x:g},{y:g}" for x, y in thinned(_inside(points))), "", ())


def _filled(rates: Sequence[Point]) -> list[Point]:
    """With points between those far apart, on the straight line of rates that joins them.

    Where most scores are equal there are few points. A line from edge to edge of the plot would
    show errors that no threshold has.
    """
    filled = list(rates[:1])
    for (far, frr), (next_far, next_frr) in pairwise(rates):
        steps = max(1, ceil(max(abs(next_far - far), abs(next_frr - frr)) / _APART))
        for step in range(1, steps + 1):
            part = step / steps
            filled.append((far + part * (next_far - far), frr + part * (next_frr - frr)))
    return filled


def _inside(points: Sequence[Point]) -> list[Point]:
    """Without the points that lie on an edge together with both neighbours."""
    low, high = (_across(LEAST), _up(MOST)), (_across(MOST), _up(LEAST))
    edge = [x in (low[0], high[0]) or y in (low[1], high[1]) for x, y in points]
    last = len(points) - 1
    return [
        point
        for at, point in enumerate(points)
        if not (edge[max(0, at - 1)] and edge[at] and edge[min(last, at + 1)])
    ] or list(points)


def _across(rate: float) -> float:
    return round(LEFT + SIDE * _part(rate), 1)


def _up(rate: float) -> float:
    return round(TOP + SIDE * (1.0 - _part(rate)), 1)


def _part(rate: float) -> float:
    low, high = _DEVIATE(LEAST), _DEVIATE(MOST)
    return (_DEVIATE(min(max(rate, LEAST), MOST)) - low) / (high - low)


def _words(one: SetOfModalities) -> str:
    said = []
    for mark in (0.001, 0.01, 0.1):
        reached = [frr for far, frr in zip(one.det_far, one.det_frr, strict=True) if far <= mark]
        said.append(f"{tick(min(reached), 'share')} at {tick(mark, 'share')}")
    return f"{one.name}: {', '.join(said)}."
