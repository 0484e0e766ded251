# SPDX-License-Identifier: Apache-2.0
"""A reproduced table as text: columns that stand under each other, and Markdown with all of it."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from reproduced_example import example, spread

from polyveil.report.reproduced import Paper
from polyveil.report.reproduced_html import render_reproduced


def test_columns_stand_under_each_other() -> None:
    lines = example().summary().split("\n")
    head = next(line for line in lines if line.startswith("in per cent"))
    rows = lines[lines.index(head) + 1 :]
    assert len(rows) == 6 and {len(line) for line in [head, *rows]} == {len(head)}
    assert rows[1].startswith(" ") and "ε = 1" in rows[1] and "40.0" in rows[1]
    assert "\u00a0" not in example().summary()


def test_what_is_left_is_told_and_a_dry_run_needs_no_row() -> None:
    assert "1 cell is still to be done" in example(left=1).summary()
    empty = replace(example(left=9), rows=(), splits=(), commonest=None)
    assert empty.summary().endswith("9 cells are still to be done; the same command goes on.")
    assert empty.ratio == 1.0 and empty.lead == "alternating"


def test_markdown_has_every_figure() -> None:
    text = example().markdown()
    for part in (
        "| EMO-DB | alternating | ε = 1 | 50.0 ± 1.6 |",
        "## ECE by fusion",
        "| EMO-DB | ε = 1 | ECE | 18.34 |",
        "Covered (alternating and joint): weights. Not covered: losses.",
        "- No privacy: Mode none",
        "- ε = 8: Differential privacy with ε = 8",
    ):
        assert part in text, part
    assert "What the paper printed" not in example(printed=False).markdown()


def test_json_holds_seeds_and_costs() -> None:
    values = json.loads(json.dumps(example().to_json()))
    assert values["schema"] == "polyveil.reproduced/2" and values["exit_code"] == 0
    accuracy = values["rows"][0]["figures"]["accuracy"]
    assert accuracy["mean"] == pytest.approx(0.9) and set(accuracy["by_seed"]) == set("01234")
    assert values["rows"][0]["fusions"]["mean"]["ECE"]["mean"] == pytest.approx(0.1)
    costs = {(one["method"], one["epsilon"]): one["accuracy"]["mean"] for one in values["costs"]}
    assert costs["alternating", 1.0] == pytest.approx(0.4) and len(costs) == 4


def test_a_gain_is_a_negative_cost_and_a_missing_twin_none() -> None:
    made = example(methods=["joint"], budgets=[None, 1.0])
    better = replace(made.rows[1], figures={"accuracy": spread(0.75, 5)})
    table = replace(made, rows=(made.rows[0], better))
    assert "costs −5.0 points" in table.summary()
    alone = replace(made, rows=made.rows[1:])
    assert alone.cost(alone.rows[0]) is None and "costs" not in alone.summary()


def test_the_paper_loses_what_its_own_figures_differ_by() -> None:
    paper = example().paper
    assert paper.cost("accuracy", 1.0) == pytest.approx(9.5)
    assert paper.cost("accuracy", 8.0) is None and paper.cost("ECE", 1.0) is None
    assert Paper("x").figure("accuracy", None) is None


def test_the_most_frequent_refusals_are_told_and_the_others_counted() -> None:
    many = replace(example(), refused={f"reason {at}": 20 - at for at in range(11)})
    for text in (many.summary(), many.markdown(), render_reproduced(many)):
        assert "20 × reason 0" in text and "13 × reason 7" in text
        assert "reason 8" not in text and "33 for other reasons" in text
        assert "340 records read, 2 of them refused" in text
    assert "for other reasons" not in example().summary()
