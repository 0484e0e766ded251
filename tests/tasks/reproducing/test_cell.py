# SPDX-License-Identifier: Apache-2.0
"""A cell fits on one part, chooses on another, is measured on a third; files lose one at most."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

from polyveil.errors import UsageError
from polyveil.learn.modalities import Multimodal
from polyveil.learn.multimodal import Options
from polyveil.models.reliability import Bin
from polyveil.report.spread import Spread
from polyveil.tasks.reproducing.cell import (
    BINNED,
    CHOSEN,
    FUSIONS,
    METHODS,
    Cell,
    Scored,
    carry_out,
    commonest,
)
from polyveil.tasks.reproducing.kept import CELLS, KeptCells
from polyveil.tasks.reproducing.table import BY_FUSION, FIGURES, pooled, rows, splits, times

OPTIONS = Options(epochs=4, batch_size=40)


@dataclass(frozen=True)
class MadeUp:
    name: str
    train: Multimodal
    validation: Multimodal
    test: Multimodal


def records(count: int, seed: int) -> Multimodal:
    """Three classes that two vectors tell apart, one of them better."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, count)
    centres = np.eye(3, 6)
    inputs = {
        name: (centres[labels] + noise * rng.normal(size=(count, 6))).astype(np.float32)
        for name, noise in (("strong", 0.3), ("weak", 1.0))
    }
    present = rng.random((count, 2)) > 0.1
    present[~present.any(axis=1)] = True
    return Multimodal(inputs, present, labels.astype(np.int64), ("a", "b", "c"))


@pytest.fixture(scope="module")
def parts() -> MadeUp:
    return MadeUp("made up", records(240, 0), records(80, 1), records(120, 2))


@pytest.fixture(scope="module")
def scored(parts: MadeUp) -> Scored:
    return carry_out(Cell("made up", "alternating", None, 0), parts, OPTIONS)


def test_every_method_learns_and_says_what_it_promises(parts: MadeUp) -> None:
    for method in METHODS:
        made = carry_out(Cell("made up", method, 8.0, 0), parts, OPTIONS)
        assert made.guarantee is not None and made.guarantee["epsilon"] <= 8.0
        assert made.reason == "" and any("validation labels" in one for one in made.remarks)


def test_without_a_budget_there_is_no_guarantee_but_a_reason(scored: Scored) -> None:
    assert scored.guarantee is None and "nothing bounds" in scored.reason
    assert scored.metrics[CHOSEN]["accuracy"] > 0.6
    assert {*FUSIONS, "network"} <= set(scored.metrics) and scored.records == (240, 80, 120)


def test_what_is_chosen_does_not_look_at_test_labels(parts: MadeUp, scored: Scored) -> None:
    shuffled = replace(parts.test, labels=np.roll(parts.test.labels, 7))
    other = carry_out(scored.cell, replace(parts, test=shuffled), OPTIONS)
    assert other.chosen == scored.chosen and other.metrics != scored.metrics


def test_a_cell_is_the_same_when_it_is_done_again(parts: MadeUp, scored: Scored) -> None:
    again = carry_out(scored.cell, parts, OPTIONS)
    assert replace(again, seconds=0.0) == replace(scored, seconds=0.0)
    private = Cell("made up", "joint", 2.0, 1)
    first, second = (carry_out(private, parts, OPTIONS) for _ in range(2))
    assert first.metrics == second.metrics


def test_a_cell_clips_as_it_is_told_under_the_same_promise(parts: MadeUp) -> None:
    cell = Cell("made up", "alternating", 2.0, 0)
    apart, flat = (carry_out(cell, parts, OPTIONS, clipping=how) for how in ("per-layer", "flat"))
    assert flat.guarantee == apart.guarantee and flat.metrics != apart.metrics


def test_cells_survive_a_kill_and_a_torn_last_line(tmp_path: Path, scored: Scored) -> None:
    kept = KeptCells(tmp_path, "table")
    kept.keep(scored)
    path = tmp_path / CELLS
    path.write_text(path.read_text() + '{"cell": {"set": "made')
    resumed = KeptCells(tmp_path, "table")
    assert resumed.scored(scored.cell) == Scored.from_json(json.loads(json.dumps(scored.to_json())))
    other = replace(scored, cell=replace(scored.cell, seed=1))
    assert resumed.scored(other.cell) is None
    resumed.keep(other)
    assert KeptCells(tmp_path, "table").scored(other.cell) is not None


def test_a_last_line_that_is_torn_within_a_letter_costs_that_line_alone(
    tmp_path: Path, scored: Scored
) -> None:
    KeptCells(tmp_path, "table").keep(scored)
    path = tmp_path / CELLS
    whole = path.read_bytes()
    path.write_bytes(whole + '{"remarks": ["ε'.encode()[:-1])
    assert KeptCells(tmp_path, "table").scored(scored.cell) is not None
    assert path.read_bytes() == whole


def test_a_table_of_which_nothing_was_finished_stands_in_nobodys_way(
    tmp_path: Path, scored: Scored
) -> None:
    KeptCells(tmp_path, "records that could not be read")
    KeptCells(tmp_path, "table").keep(scored)
    assert KeptCells(tmp_path, "table").scored(scored.cell) is not None


def test_another_table_or_a_damaged_one_is_refused(tmp_path: Path, scored: Scored) -> None:
    KeptCells(tmp_path, "table").keep(scored)
    with pytest.raises(UsageError, match="another folder"):
        KeptCells(tmp_path, "other")
    (tmp_path / CELLS).write_text("no json\n")
    with pytest.raises(UsageError, match="damaged"):
        KeptCells(tmp_path, "table")
    (tmp_path / CELLS).write_text("[]\n")
    with pytest.raises(UsageError, match="damaged"):
        KeptCells(tmp_path, "table")
    (tmp_path / CELLS).write_text('{"table": "table"}\n{"cell": {}}\n')
    with pytest.raises(UsageError, match="another version"):
        KeptCells(tmp_path, "table")


def test_rows_are_means_and_spreads_over_seeds(scored: Scored) -> None:
    other = replace(
        scored,
        cell=replace(scored.cell, seed=1),
        metrics={**scored.metrics, CHOSEN: {**scored.metrics[CHOSEN], "accuracy": 0.5}},
    )
    (row,) = rows([scored, other])
    accuracies = [scored.metrics[CHOSEN]["accuracy"], 0.5]
    assert row.figures["accuracy"] == Spread(
        pytest.approx(np.mean(accuracies)),
        pytest.approx(np.std(accuracies, ddof=1)),
        {0: accuracies[0], 1: 0.5},
    )
    assert set(row.figures) <= set(FIGURES) and row.budget == "none"
    assert all(set(figures) == set(BY_FUSION) for figures in row.fusions.values())
    assert [one.seed for one in splits([other, scored])] == [0, 1]
    (spent,) = times([scored, other])
    assert spent.items == 2 and spent.seconds == pytest.approx(2 * scored.seconds)


def test_bins_of_all_seeds_are_those_of_all_records(scored: Scored) -> None:
    assert set(scored.bins) == set(BINNED)
    first = {"low": 0.2, "high": 0.4, "confidence": 0.3, "accuracy": 0.5, "right": 1, "records": 2}
    other = {**first, "confidence": 0.36, "accuracy": 1.0, "right": 4, "records": 4}
    above = {**first, "low": 0.4, "high": 0.6}
    found = pooled([[above, first], [other]])
    assert found[0] == Bin(0.2, 0.4, pytest.approx(0.34), pytest.approx(5 / 6), 5, 6)
    assert [one.low for one in found] == [0.2, 0.4]
    (row,) = rows([scored])
    assert sum(one.records for one in row.reliability[CHOSEN]) == scored.records[2]


def test_the_weakest_promise_of_all_seeds_stands_in_the_row(scored: Scored) -> None:
    some = [
        replace(scored, cell=replace(scored.cell, seed=seed), guarantee={"epsilon": e, "delta": d})
        for seed, (e, d) in enumerate([(1.0, 1e-5), (1.1, 1e-6)])
    ]
    assert rows(some)[0].guarantee == {"epsilon": 1.1, "delta": 1e-6}


def test_the_commonest_class_is_that_of_training_records() -> None:
    assert commonest(np.array([2, 2, 1]), np.array([1, 1, 1, 2])) == 0.25


def test_no_record_that_unsure_is_no_figure(scored: Scored) -> None:
    sure = {**scored.metrics, CHOSEN: {**scored.metrics[CHOSEN], "low_accuracy": None}}
    assert "ConfAcc_Low" not in rows([replace(scored, metrics=sure)])[0].figures
