# SPDX-License-Identifier: Apache-2.0
"""Lines by budget: none at the right end, bands where figures spread, nothing out of the field."""

from __future__ import annotations

from itertools import pairwise

import pytest
from reproduced_example import spread

from polyveil.report.budget_plot import GUESS, PAPER, SLOTS, BudgetPlot, budget_plot


def drawn(**more: object) -> BudgetPlot:
    made = budget_plot(
        "accuracy",
        {
            "alternating": {None: spread(0.6, 5), 1.0: spread(0.3, 5), 4.0: spread(0.5, 5)},
            "joint": {None: spread(0.55, 5), 1.0: spread(0.2, 5), 4.0: spread(0.45, 5)},
        },
        **more,  # type: ignore[arg-type]
    )
    assert made is not None
    return made


def test_epsilons_lie_by_their_logarithm_and_none_at_the_right_end() -> None:
    plot = drawn(paper={2.0: 0.4})
    at = {tick.text: tick.at for tick in plot.x_ticks}
    assert list(at) == ["1", "2", "4", "none"]
    assert at["2"] - at["1"] == pytest.approx(at["4"] - at["2"], abs=0.2)
    assert plot.broken is not None and at["4"] < plot.broken < at["none"] < plot.right
    assert plot.paper[0][0] == at["2"]


def test_everything_lies_in_the_field_with_words_and_names() -> None:
    plot = drawn(guess=0.25, paper={None: 0.72, 1.0: 0.62})
    points = [dot for line in plot.lines for dot in line.dots] + list(plot.paper)
    assert all(plot.left <= x <= plot.right and plot.top <= y <= plot.bottom for x, y in points)
    assert {label.slot for label in plot.labels} == {0, 1, GUESS, PAPER}
    assert plot.guess is not None and plot.top < plot.guess < plot.bottom
    assert "alternating: 30.0\u00a0% at ε = 1, 50.0\u00a0% at ε = 4" in plot.words
    assert all(line.band and line.bridge and len(line.whiskers) == 1 for line in plot.lines)


def test_a_guess_far_below_is_told_and_not_drawn() -> None:
    near = {None: spread(0.99, 3), 1.0: spread(0.95, 3)}
    plot = budget_plot("accuracy", {"joint": near}, guess=0.1)
    assert plot is not None and plot.guess is None
    assert any("10\u00a0%, below" in " ".join(label.lines) for label in plot.labels)
    assert plot.y_ticks[0].value > 0.8


def test_one_seed_and_one_budget_have_no_band() -> None:
    made = budget_plot("ECE", {"joint": {None: spread(0.1, 1), 8.0: spread(0.2, 1)}})
    assert made is not None
    (line,) = made.lines
    assert line.band == "" and line.whiskers == () and line.bridge
    several = budget_plot("ECE", {"joint": {None: spread(0.1, 3), 8.0: spread(0.2, 3)}})
    assert several is not None and len(several.lines[0].whiskers) == 2


def test_a_single_budget_is_no_plot_and_a_sixth_method_finds_no_room() -> None:
    assert budget_plot("ECE", {"joint": {None: spread(0.1, 2)}}) is None
    many = {f"m{i}": {1.0: spread(0.1, 2), 2.0: spread(0.2, 2)} for i in range(SLOTS + 1)}
    made = budget_plot("ECE", many)
    assert made is not None and made.unplotted == (f"m{SLOTS}",) and made.broken is None


def test_ticks_that_would_touch_are_left_out() -> None:
    close = {float(i): spread(0.1, 2) for i in range(100, 140)}
    made = budget_plot("ECE", {"joint": close})
    assert made is not None
    shown = [tick.at for tick in made.x_ticks if tick.text]
    assert 2 <= len(shown) < 20 and min(b - a for a, b in pairwise(shown)) > 18
