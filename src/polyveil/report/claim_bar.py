# SPDX-License-Identifier: Apache-2.0
"""One claimed epsilon on an axis with what was recomputed, what an attack showed, and what it could
have shown at most.

A short bar means little where the attack could not have drawn a longer one; that is why its ceiling
is in the picture.
"""

from __future__ import annotations

from dataclasses import dataclass

from polyveil.report.audit import Claim
from polyveil.report.axes import Axis, axis_over
from polyveil.report.bars import LEFT, RIGHT, ROW, Tick, spread_ticks
from polyveil.report.figures import tick

WIDTH = 400.0
WIDE = 40.0
"""Ratio of the greatest to the least value from which on the axis is logarithmic."""


@dataclass(frozen=True, slots=True)
class ClaimBar:
    """Everything the template needs, in user units of the viewBox; None where there is no value."""

    width: float
    height: float
    left: float
    right: float
    shown: float | None
    reach: float | None
    claimed: float | None
    first: str
    last: str
    ticks: tuple[Tick, ...]
    refuted: bool
    words: str


def claim_bar(claim: Claim) -> ClaimBar | None:
    """Where everything lies; None for a claim without any epsilon."""
    named = {
        "claimed": claim.epsilon,
        "recomputed": claim.recomputed,
        "shown at least": claim.lower_bound,
        "could show up to": claim.ceiling,
    }
    known = {name: value for name, value in named.items() if value is not None}
    if not known:
        return None
    axis = _axis(list(known.values()))
    texts = [(f"{name} {tick(round(value, 4))}", value) for name, value in known.items()]
    ticks = spread_ticks(texts, axis.place, WIDTH)

    def at(value: float | None) -> float | None:
        return None if value is None else axis.place(value)

    rows = 1 + max(tick.row for tick in ticks)
    return ClaimBar(
        width=WIDTH,
        height=30.0 + rows * ROW,
        left=axis.start,
        right=axis.end,
        shown=at(claim.lower_bound),
        reach=at(claim.ceiling),
        claimed=at(claim.epsilon),
        first=("≤\u00a0" if axis.log else "") + tick(axis.first),
        last=tick(axis.last),
        ticks=ticks,
        refuted=claim.verdict == "refuted",
        words="Epsilon: " + "; ".join(text for text, _ in texts),
    )


def _axis(values: list[float]) -> Axis:
    positive = [value for value in values if value > 0]
    log = bool(positive) and max(positive) > WIDE * min(positive)
    return axis_over(values, (LEFT, WIDTH - RIGHT), log=log)
