# SPDX-License-Identifier: Apache-2.0
"""The wide tables of a reproduced table's page, and which figure of a budget is marked as its best.

A mark says that one method, or one fusion, is ahead of every other by more than the seeds alone
would give; where nothing is marked, nobody can be told from the next.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from polyveil.report.reproduced import Reproduced
from polyveil.report.spread import Spread

LOWER = frozenset({"ECE", "ECE adaptive"})
"""Figures of which less is better."""
UNMARKED = frozenset({"ConfAcc_Low", "recall"})
"""Of other records for every method; or the accuracy once more."""
FUSIONS = {
    "hybrid": "hybrid uncertainty",
    "entropy": "entropy only",
    "divergence": "divergence only",
    "mean": "plain mean",
    "learned": "learned weights",
    "network": "the network’s own",
}
"""Names of fusions, where a longer one says more."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A figure in a table; None where it was not measured."""

    value: Spread | None
    best: bool = False


Lines: TypeAlias = list[tuple[str, list[Cell]]]
"""Name of a row, and its cells."""


@dataclass(frozen=True, slots=True)
class ByFusion:
    """One method: budgets are columns; groups of rows have a title each."""

    budgets: list[str]
    groups: list[tuple[str, Lines]]


def names_of(table: Reproduced) -> list[str]:
    """Figures that some row has, in the order in which they first come."""
    return list(dict.fromkeys(name for row in table.rows for name in row.figures))


def in_words(epsilon: float | None) -> str:
    """A budget, as a title of rows or a head of a column."""
    return "Without privacy" if epsilon is None else f"ε\u00a0=\u00a0{epsilon:g}"


def by_method(table: Reproduced, epsilon: float | None) -> Lines:
    """Rows of one budget: method, and its figures in the order of the heads."""
    rows = [row for row in table.rows if row.epsilon == epsilon]
    best = {
        name: None
        if name in UNMARKED
        else _best([row.figures.get(name) for row in rows], name, table)
        for name in names_of(table)
    }
    return [
        (
            row.method,
            [Cell(row.figures.get(name), best[name] == at) for name in names_of(table)],
        )
        for at, row in enumerate(rows)
    ]


def by_fusion(table: Reproduced, method: str) -> ByFusion:
    """Accuracy and calibration error of one method by fusion (rows) and budget (columns)."""
    rows = [row for one in table.budgets if (row := table.row(method, one)) is not None]
    fusions = list(dict.fromkeys(name for row in rows for name in row.fusions))
    groups: list[tuple[str, Lines]] = []
    for title, figure in (("Accuracy", "accuracy"), ("ECE, less is better", "ECE")):
        columns = [[row.fusions.get(name, {}).get(figure) for name in fusions] for row in rows]
        best = [_best(column, figure, table) for column in columns]
        lines: Lines = [
            (
                FUSIONS.get(name, name),
                [Cell(column[at], best[i] == at) for i, column in enumerate(columns)],
            )
            for at, name in enumerate(fusions)
        ]
        groups.append((title, lines))
    alone = list(dict.fromkeys(name for row in rows for name in row.alone))
    single: Lines = [
        (f"{name} alone", [Cell(row.alone.get(name)) for row in rows]) for name in alone
    ]
    groups.append(("Accuracy of one modality", single))
    return ByFusion([in_words(row.epsilon) for row in rows], groups)


def _best(values: Sequence[Spread | None], name: str, table: Reproduced) -> int | None:
    """Which one is ahead of every other by more than noise; None where no one is."""
    found = {at: one for at, one in enumerate(values) if one is not None}
    if len(found) < 2:
        return None
    sign = -1.0 if name in LOWER else 1.0
    first = max(found, key=lambda at: sign * found[at].mean)
    ahead = [found[first].minus(other) for at, other in found.items() if at != first]
    told = [
        one is not None
        and sign * one.mean > 0
        and one.beyond_noise(ratio=table.ratio, tests=len(ahead))
        for one in ahead
    ]
    return first if all(told) else None
