# SPDX-License-Identifier: Apache-2.0
"""Charts: everything inside the frame, in order, and no two labels on one another."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from polyveil.report import Interval, Measure
from polyveil.report.bars import LETTER, WIDTH, range_bar, share_of

finite = st.floats(-1e6, 1e6, allow_nan=False)


@given(st.lists(finite, min_size=3, max_size=3), st.dictionaries(st.text(max_size=12), finite))
def test_everything_lies_inside_and_labels_keep_apart(
    ends: list[float], baseline: dict[str, float]
) -> None:
    low, middle, high = sorted(ends)
    bar = range_bar(Measure("m", Interval(middle, low, high, 5, "x"), "", None, baseline))
    points = [bar.low, bar.dot, bar.high, *(tick.x for tick in bar.ticks)]
    assert all(bar.left - 0.1 <= point <= bar.right + 0.1 for point in points)
    assert bar.low <= bar.dot <= bar.high
    for row in {tick.row for tick in bar.ticks}:
        spans = sorted(
            (t.label_x - len(t.text) * LETTER / 2, t.label_x + len(t.text) * LETTER / 2)
            for t in bar.ticks
            if t.row == row
        )
        assert all(a[1] < b[0] for a, b in pairwise(spans))


def test_a_share_is_drawn_on_the_whole_axis() -> None:
    bar = range_bar(Measure("m", 0.5, "share", None, {"chance": 0.01}))
    assert (bar.first, bar.last.replace("\u00a0", " ")) == ("0\u00a0%", "100 %")
    assert bar.dot == round((bar.left + bar.right) / 2, 1)
    assert bar.width == WIDTH


def test_small_bars_stay_visible() -> None:
    assert share_of(0, 10) == 0.0
    assert share_of(1, 100_000) == 0.6
    assert share_of(10, 10) == 100.0
