# SPDX-License-Identifier: Apache-2.0
"""A reproduced table as one self-contained HTML page: opens offline, prints on A4."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from polyveil.report import reproduced_words as words
from polyveil.report import sentences
from polyveil.report.budget_plot import BudgetPlot, budget_plot
from polyveil.report.html import environment, frame, stage_rows
from polyveil.report.reliability import reliability_plot
from polyveil.report.reproduced import Reproduced, Row, SplitSizes
from polyveil.report.reproduced_cells import by_fusion, by_method, in_words, names_of
from polyveil.report.spread import Spread, written

HEADS = {
    "precision": "Precision, weighted",
    "recall": "Recall, weighted",
    "F1": "F1, weighted",
    "F1 macro": "F1, macro",
    "ECE adaptive": "ECE, adaptive",
}
CALIBRATED = (("calibrated", "hybrid"), ("not calibrated", "hybrid, not calibrated"))
DIAGRAMS = (1.0, 2.0, 8.0)
"""Budgets whose reliability is drawn, beside none, where they are there."""


def render_reproduced(table: Reproduced) -> str:
    """The page, as text to be written in UTF-8.

    Raises:
      ValueError: the table has no row.
    """
    if not table.rows:
        raise ValueError("expected a table with a finished cell, got none.")
    by_budget = [(in_words(one), by_method(table, one)) for one in table.budgets]
    return (
        environment()
        .get_template("reproduced.html.jinja")
        .render(
            table=table,
            job=table.job,
            total=sentences.duration(table.job),
            stages=stage_rows(table.times),
            summed=sentences.seconds(sum(one.seconds for one in table.times)),
            words=words,
            main=words.main(table),
            written=written,
            tiles=_tiles(table),
            parts=_parts(table.splits),
            modalities=list(dict.fromkeys(name for row in table.rows for name in row.alone)),
            seeds=len(table.splits),
            plots=_plots(table),
            costs=[_cost(table, one) for one in table.budgets],
            heads=[(name, HEADS.get(name, name)) for name in names_of(table)],
            marked=any(one.best for _, lines in by_budget for _, some in lines for one in some),
            by_budget=by_budget,
            fusions=[(name, by_fusion(table, name)) for name in (table.lead, *_others(table))],
            diagrams=_diagrams(table),
            promises=words.promises(table),
            coverage=words.coverage(table),
            **frame(),
        )
    )


def _others(table: Reproduced) -> tuple[str, ...]:
    return tuple(name for name in table.methods if name != table.lead)


def _tiles(table: Reproduced) -> list[tuple[str, Spread, str]]:
    """Name, figure and unit of what a reader looks for first."""
    private = next((one for one in table.budgets if one is not None), None)
    without, strict = table.row(table.lead, None), table.row(table.lead, private)
    found: list[tuple[str, Spread | None, str]] = []
    if without is not None:
        found.append(("right without privacy", without.figures.get("accuracy"), "%"))
    if private is not None and strict is not None:
        name = in_words(private)
        found.append((f"right at {name}", strict.figures.get("accuracy"), "%"))
        found.append((f"points that {name} costs", table.cost(strict), ""))
    found.append(("right by always naming the commonest class", table.commonest, "%"))
    return [(name, one, unit) for name, one, unit in found if one is not None]


def _parts(splits: Sequence[SplitSizes]) -> list[tuple[str, str]]:
    """Part -> records, with the range over seeds where they differ."""
    return [
        (part, _range([getattr(one, part) for one in splits]))
        for part in ("train", "validation", "test")
        if splits
    ]


def _range(counts: Sequence[int]) -> str:
    low, high = min(counts), max(counts)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def _plots(table: Reproduced) -> list[BudgetPlot]:
    """Accuracy and calibration error by budget."""
    found = []
    for name in ("accuracy", "ECE"):
        methods = {
            method: {
                row.epsilon: row.figures[name]
                for row in table.rows
                if row.method == method and name in row.figures
            }
            for method in (table.lead, *_others(table))
        }
        guess = table.commonest if name == "accuracy" else None
        printed = {
            one.epsilon: one.value / 100 for one in table.paper.printed if one.figure == name
        }
        found.append(
            budget_plot(name, methods, guess=None if guess is None else guess.mean, paper=printed)
        )
    return [one for one in found if one is not None]


def _cost(table: Reproduced, epsilon: float | None) -> dict[str, Any]:
    """A budget of the leading method beside the paper's."""
    row = table.row(table.lead, epsilon)
    figures = {} if row is None else row.figures
    lost = None if row is None else table.cost(row)
    return {
        "budget": in_words(epsilon),
        "accuracy": figures.get("accuracy"),
        "lost": lost,
        "noise": "" if lost is None else words.noise(table, lost),
        "ece": figures.get("ECE"),
        "paper": table.paper.figure("accuracy", epsilon),
        "paper_lost": None if epsilon is None else table.paper.cost("accuracy", epsilon),
        "paper_ece": table.paper.figure("ECE", epsilon),
    }


def _diagrams(table: Reproduced) -> list[dict[str, Any]]:
    """Reliability of the leading method without privacy and at up to three budgets."""
    found = []
    for epsilon in _drawn(table.budgets):
        row = table.row(table.lead, epsilon)
        lines = {} if row is None else _lines(row)
        if row is not None and lines:
            found.append(
                {
                    "budget": in_words(epsilon),
                    "plot": reliability_plot({name: row.reliability[key] for name, key in lines}),
                    "errors": [
                        (name, error)
                        for name, key in lines
                        if (error := row.fusions.get(key, {}).get("ECE")) is not None
                    ],
                }
            )
    return found


def _lines(row: Row) -> list[tuple[str, str]]:
    return [(name, key) for name, key in CALIBRATED if row.reliability.get(key)]


def _drawn(budgets: Iterable[float | None]) -> list[float | None]:
    private = [one for one in budgets if one is not None]
    wanted = [one for one in private if one in DIAGRAMS]
    if len(wanted) < len(DIAGRAMS):
        rest = [one for one in private if one not in wanted]
        wanted = sorted([*wanted, *rest[: len(DIAGRAMS) - len(wanted)]])
    return [None, *wanted]
