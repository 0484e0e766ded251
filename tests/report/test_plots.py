# SPDX-License-Identifier: Apache-2.0
"""Plots: every point inside its field, zeros on the edge of a logarithmic axis, names apart."""

from __future__ import annotations

from itertools import pairwise

import pytest
from audit_example import roc
from hypothesis import given, settings
from hypothesis import strategies as st

from polyveil.attack.result import Curve
from polyveil.report import Claim
from polyveil.report.axes import axis_over
from polyveil.report.claim_bar import claim_bar
from polyveil.report.figures import figure, probability, tick
from polyveil.report.plots import CLOSE, SERIES, Plot, apart, plots_of, thinned

finite = st.floats(-1e12, 1e12)
shares = st.floats(0.0, 1.0)


@st.composite
def curves(draw: st.DrawFn, values: st.SearchStrategy[float] = finite) -> Curve:
    """Any curve, with or without band and chance."""
    n = draw(st.integers(1, 30))
    side = st.lists(values, min_size=n, max_size=n).map(tuple)
    x, y = draw(side), draw(side)
    band = draw(st.booleans())
    return Curve(
        draw(st.text(max_size=60)),
        x,
        y,
        draw(st.sampled_from(("noise", "share of records"))),
        "error rate",
        draw(side) if band else (),
        draw(side) if band else (),
        draw(side) if draw(st.booleans()) else (),
        draw(st.booleans()),
    )


def points(text: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in (pair.split(",") for pair in text.split())]


def inside(plot: Plot) -> bool:
    """Whether all lines, bands and ticks lie in the field, and the field in the drawing."""
    lines = [one.points for one in plot.series] + [one.band for one in plot.series]
    drawn = [point for line in (*lines, *plot.chance) for point in points(line)]
    drawn += [point for one in plot.series for point in one.dots]
    drawn += [(tick.at, plot.top) for tick in plot.x_ticks]
    drawn += [(plot.left, tick.at) for tick in plot.y_ticks]
    field = all(
        plot.left - 0.1 <= x <= plot.right + 0.1 and plot.top - 0.1 <= y <= plot.bottom + 0.1
        for x, y in drawn
    )
    frame = 0 <= plot.left < plot.right <= plot.width and 0 <= plot.top < plot.bottom < plot.height
    return field and frame


@settings(max_examples=40, deadline=None)
@given(st.lists(curves(), max_size=4))
def test_everything_lies_inside(some: list[Curve]) -> None:
    plots = plots_of(some)
    assert sum(len(one.series) for one in plots) == len(some)
    for one in plots:
        assert inside(one), one
        assert len(one.series) <= SERIES
        assert len(one.x_ticks) >= 2 and len(one.y_ticks) >= 2


@settings(max_examples=40, deadline=None)
@given(st.lists(curves(shares), max_size=4))
def test_everything_lies_inside_for_rates(some: list[Curve]) -> None:
    assert all(inside(one) for one in plots_of(some))


@settings(max_examples=40, deadline=None)
@given(curves())
def test_labels_lie_inside_and_keep_apart(curve: Curve) -> None:
    for plot in plots_of([curve, curve, curve, curve]):
        rows = sorted(
            (one.y - 9.0 + 12.0 * at, one.y + 3.0 + 12.0 * at)
            for one in plot.labels
            for at in range(len(one.lines))
            if one.slot >= 0 or one.x > plot.right
        )
        assert all(above[1] <= below[0] + 0.11 for above, below in pairwise(rows))
        assert all(top >= 0 and bottom <= plot.height for top, bottom in rows)


@given(st.lists(st.tuples(st.floats(0, 300), st.text(max_size=50), st.just(0)), max_size=5))
def test_names_beside_lines_never_cover_each_other(ends: list[tuple[float, str, int]]) -> None:
    found = sorted(apart(ends, 300.0, 26.0, 216.0), key=lambda one: one.y)
    for above, below in pairwise(found):
        assert above.y + 12.0 * len(above.lines) <= below.y + 0.11


def test_an_roc_has_both_axes_alike_and_guessing_on_the_diagonal() -> None:
    [plot] = plots_of([roc("a", 0.5), roc("b", 0.1)])
    texts = [one.text.replace("\u00a0", " ") for one in plot.x_ticks]
    assert texts == ["≤ 0.1 %", "1 %", "10 %", "100 %"]
    assert [one.text for one in plot.x_ticks] == [one.text for one in plot.y_ticks]
    assert plot.right - plot.left == plot.bottom - plot.top
    [guess] = plot.chance
    for x, y in points(guess):
        assert x - plot.left == pytest.approx(plot.bottom - y, abs=0.21)


def test_zeros_of_a_logarithmic_axis_lie_on_its_edge() -> None:
    [plot] = plots_of([Curve("c", (0.0, 0.01, 1.0), (0.0, 0.0, 1.0), "x", "y", log=True)])
    (first, second, last) = plot.series[0].dots
    assert first == (plot.left, plot.bottom)
    assert second == (plot.left, plot.bottom)
    assert last == (plot.right, plot.top)
    assert plot.x_ticks[0].text.startswith("≤")
    assert plot.words.replace("\u00a0", " ") == "c: 0 % at 1 %."


def test_nothing_positive_falls_back_to_a_plain_axis() -> None:
    axis = axis_over((0.0, 0.0), (0.0, 100.0), log=True)
    assert not axis.log and axis.first < 0 < axis.last


def test_lines_of_the_same_axes_share_a_plot() -> None:
    one = Curve("a", (0.0, 1.0), (0.0, 1.0), "x", "y")
    other = Curve("b", (0.0, 1.0), (0.0, 1.0), "x", "z")
    assert [len(plot.series) for plot in plots_of([one, other, one])] == [2, 1]
    assert [len(plot.series) for plot in plots_of([one] * 6)] == [4, 2]
    assert plots_of([Curve("none", (), (), "x", "y")]) == ()


def test_a_line_alone_is_named_where_several_attacks_could_be_meant() -> None:
    alone = Curve("a", (1.0, 2.0, 3.0), (0.0, 0.4, 1.0), "columns", "y")
    assert plots_of([alone])[0].labels == ()
    [plot] = plots_of([alone], named=True)
    assert [one.lines for one in plot.labels] == [("a",)]
    assert [one.text for one in plot.x_ticks] == ["1", "2", "3"], "no half columns"


@given(st.lists(st.tuples(st.floats(0, 400), st.floats(0, 400)), max_size=200))
def test_thinning_keeps_ends_and_extremes(line: list[tuple[float, float]]) -> None:
    kept = thinned(line)
    assert len(kept) <= len(line)
    if line:
        assert kept[0] == line[0] and kept[-1] == line[-1]
        low, high = min(y for _, y in line), max(y for _, y in line)
        assert low <= min(y for _, y in kept) <= low + CLOSE
        assert high - CLOSE <= max(y for _, y in kept) <= high


def test_a_straight_line_needs_two_points() -> None:
    assert thinned([(float(x), 2.0 * x) for x in range(300)]) == [(0.0, 0.0), (299.0, 598.0)]


def test_a_long_line_becomes_short() -> None:
    [plot] = plots_of([roc("a", 0.4, 100_000)])
    long = Curve("l", tuple(map(float, range(50_000))), tuple([0.0, 1.0] * 25_000), "x", "y")
    [other] = plots_of([long])
    assert len(plot.series[0].points) < 20_000 and len(other.series[0].points) < 20_000
    assert other.series[0].dots == ()


@given(
    st.floats(0, 1e6), st.none() | st.floats(0, 1e6), st.none() | st.floats(0, 1e6),
    st.none() | st.floats(0, 1e6),
)  # fmt: skip
def test_a_claim_and_its_evidence_lie_on_one_axis(
    epsilon: float, recomputed: float | None, bound: float | None, ceiling: float | None
) -> None:
    bar = claim_bar(Claim("c", "s", epsilon, 1e-5, recomputed, bound, ceiling))
    assert bar is not None and bar.claimed is not None
    places = [bar.claimed, bar.shown, bar.reach, *(one.x for one in bar.ticks)]
    assert all(bar.left <= at <= bar.right for at in places if at is not None)
    if bound is not None and bar.shown is not None:
        assert (bar.shown <= bar.claimed) or bound >= epsilon
    assert (bar.reach is None) == (ceiling is None)


def test_a_claim_without_epsilon_has_no_bar() -> None:
    assert claim_bar(Claim("c", "s")) is None


@pytest.mark.parametrize(
    ("value", "unit", "said"),
    [
        (0.972, "share", "97.2 %"), (0.0004, "share", "0.04 %"), (0.0, "share", "0 %"),
        (1.0, "share", "100 %"), (0.00123, "share", "0.12 %"), (-0.0004, "share", "-0.04 %"),
        (1203.0, "", "1,203"), (0.183, "", "0.183"), (1e-7, "share", "0.00001 %"),
    ],
)  # fmt: skip
def test_small_rates_keep_their_digits(value: float, unit: str, said: str) -> None:
    assert figure(value, unit).replace("\u00a0", " ") == said


def test_ticks_and_probabilities_are_short() -> None:
    assert [tick(v) for v in (10_000.0, 0.5, 2e7, 1e-5)] == ["10,000", "0.5", "2e7", "1e-5"]
    assert tick(0.1, "share") == "10\u00a0%"
    assert [probability(p) for p in (0.0, 0.05, 0.0004, 3e-5, 1.0)] == [
        "< 0.000001", "0.050", "0.0004", "3e-05", "1.000",
    ]  # fmt: skip
