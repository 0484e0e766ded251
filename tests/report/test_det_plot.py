# SPDX-License-Identifier: Apache-2.0
"""The DET plot: normal scores give a straight line, errors off the axes lie on the edge."""

from __future__ import annotations

import numpy as np
from scipy.stats import norm

from polyveil.report.calibration import SetOfModalities
from polyveil.report.det_plot import LEAST, MOST, det_plot


def a_set(far: np.ndarray, frr: np.ndarray, name: str = "face") -> SetOfModalities:
    return SetOfModalities((name,), 9, 9, 9, (), tuple(far.tolist()), tuple(frr.tolist()), 0.0)


def test_normal_scores_give_a_straight_line() -> None:
    thresholds = np.linspace(4.8, -1.5, 200)
    far, frr = norm.sf(thresholds), norm.cdf(thresholds, loc=3.0)
    plot = det_plot([a_set(far, frr)])
    assert plot is not None
    inside = (far > LEAST) & (far < MOST) & (frr > LEAST) & (frr < MOST)
    points = [tuple(map(float, one.split(","))) for one in plot.series[0].points.split()]
    xs, ys = np.array([p for p in points if plot.left < p[0] < plot.right and
                       plot.top < p[1] < plot.bottom]).T  # fmt: skip
    assert inside.any() and np.abs(np.polyval(np.polyfit(xs, ys, 1), xs) - ys).max() < 1.0


def test_perfect_scores_and_no_scores() -> None:
    assert det_plot([]) is None
    plot = det_plot([a_set(np.array([0.0, 0.0, 1.0]), np.array([1.0, 0.0, 0.0]))])
    assert plot is not None
    for point in plot.series[0].points.split():
        x, y = map(float, point.split(","))
        assert plot.left <= x <= plot.right and plot.top <= y <= plot.bottom
    assert "0 % at 1" in plot.words.replace("\u00a0", " ")


def test_the_names_of_at_most_four_sets_stand_beside_their_lines() -> None:
    far, frr = np.array([0.0, 0.1, 1.0]), np.array([1.0, 0.1, 0.0])
    plot = det_plot([a_set(far, frr, f"m{at}") for at in range(6)])
    assert plot is not None and len(plot.series) == 4
    assert [one.lines[0] for one in plot.labels] == ["m0", "m1", "m2", "m3", "equal errors"]


def test_scores_that_are_all_equal_are_drawn_where_chance_is() -> None:
    plot = det_plot([a_set(np.array([0.0, 1.0]), np.array([1.0, 0.0]))])
    assert plot is not None
    points = [tuple(map(float, one.split(","))) for one in plot.series[0].points.split()]
    forty = next(one.at for one in plot.x_ticks if one.value == 0.4)
    assert min(x for x, _ in points) > forty - 10, "a line across the plot would look like skill"
