# SPDX-License-Identifier: Apache-2.0
"""From finished cells to the rows of a table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

from polyveil.report.reproduced import Row, Spread
from polyveil.tasks.reproducing.cell import CHOSEN, Scored

Metrics: TypeAlias = Mapping[str, Any]

FIGURES: Mapping[str, Callable[[Metrics], float | None]] = {
    "accuracy": lambda one: one["accuracy"],
    "precision": lambda one: one["weighted"]["precision"],
    "recall": lambda one: one["weighted"]["recall"],
    "F1": lambda one: one["weighted"]["f1"],
    "F1 macro": lambda one: one["macro"]["f1"],
    "ECE": lambda one: one["ece"],
    "ECE adaptive": lambda one: one["ece_adaptive"],
    "ConfAcc_Low": lambda one: one["low_accuracy"],
}
"""Name in a table -> where it is; None where no record is that unsure."""


def rows(scored: Iterable[Scored]) -> tuple[Row, ...]:
    """One row a set, method and budget, in the order in which they first come."""
    groups: dict[tuple[str, str, float | None], list[Scored]] = {}
    for one in scored:
        key = (one.cell.set, one.cell.method, one.cell.epsilon)
        groups.setdefault(key, []).append(one)
    return tuple(_row(*key, group) for key, group in groups.items())


def _row(name: str, method: str, epsilon: float | None, group: list[Scored]) -> Row:
    figures = {
        figure: _spread(read(one.metrics[CHOSEN]) for one in group)
        for figure, read in FIGURES.items()
    }
    fusions = {
        fusion: _spread(one.metrics[fusion]["accuracy"] for one in group)
        for fusion in group[0].metrics
    }
    alone = {modality: _spread(one.alone[modality] for one in group) for modality in group[0].alone}
    return Row(
        name,
        method,
        epsilon,
        _those_there(figures),
        _those_there(fusions),
        _those_there(alone),
        group[0].guarantee,
        group[0].reason,
    )


def _spread(values: Iterable[float | None]) -> Spread | None:
    return Spread.of([one for one in values if one is not None])


def _those_there(found: Mapping[str, Spread | None]) -> dict[str, Spread]:
    return {name: one for name, one in found.items() if one is not None}
