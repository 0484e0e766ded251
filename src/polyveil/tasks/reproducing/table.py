# SPDX-License-Identifier: Apache-2.0
"""From finished cells to the rows of a table."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

from polyveil.models.reliability import Bin
from polyveil.report.facts import StageTime
from polyveil.report.reproduced import Row, SplitSizes
from polyveil.report.spread import Spread
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
BY_FUSION = ("accuracy", "ECE")
"""Figures of the fusions that were not chosen."""


def rows(scored: Iterable[Scored]) -> tuple[Row, ...]:
    """One row a set, method and budget, in the order in which they first come."""
    groups: dict[tuple[str, str, float | None], list[Scored]] = {}
    for one in scored:
        key = (one.cell.set, one.cell.method, one.cell.epsilon)
        groups.setdefault(key, []).append(one)
    return tuple(_row(*key, group) for key, group in groups.items())


def splits(scored: Iterable[Scored]) -> tuple[SplitSizes, ...]:
    """How the records were divided, by seed."""
    found = {one.cell.seed: one.records for one in scored}
    return tuple(SplitSizes(seed, *found[seed]) for seed in sorted(found))


def commonest(scored: Iterable[Scored]) -> Spread | None:
    """What naming the commonest class always would be right on."""
    return Spread.of({one.cell.seed: one.commonest for one in scored})


def times(scored: Iterable[Scored]) -> tuple[StageTime, ...]:
    """Seconds of training by method, over all its cells, those of earlier calls too."""
    spent: dict[str, list[float]] = {}
    for one in scored:
        spent.setdefault(one.cell.method, []).append(one.seconds)
    return tuple(
        StageTime(f"train: {name}", math.fsum(some), len(some)) for name, some in spent.items()
    )


def pooled(some: Iterable[Iterable[Mapping[str, float]]]) -> tuple[Bin, ...]:
    """Bins of equal width over all records, from those of each seed."""
    groups: dict[tuple[float, float], list[Mapping[str, float]]] = {}
    for bins in some:
        for one in bins:
            groups.setdefault((one["low"], one["high"]), []).append(one)
    return tuple(_bin(*edges, groups[edges]) for edges in sorted(groups))


def _bin(low: float, high: float, parts: list[Mapping[str, float]]) -> Bin:
    records = sum(int(one["records"]) for one in parts)
    right = sum(int(one["right"]) for one in parts)
    sure = math.fsum(one["confidence"] * one["records"] for one in parts) / records
    return Bin(low, high, sure, right / records, right, records)


def _row(name: str, method: str, epsilon: float | None, group: list[Scored]) -> Row:
    first = group[0]
    by_seed = {one.cell.seed: one for one in group}
    alone = {
        name: Spread.of({seed: one.alone[name] for seed, one in by_seed.items()})
        for name in first.alone
    }
    promises = [one.guarantee for one in group if one.guarantee is not None]
    return Row(
        set=name,
        method=method,
        epsilon=epsilon,
        figures=_figures(by_seed, CHOSEN, FIGURES),
        fusions={fusion: _figures(by_seed, fusion, BY_FUSION) for fusion in first.metrics},
        alone=_those_there(alone),
        guarantee=max(promises, key=lambda one: (one["epsilon"], one["delta"]), default=None),
        reason=first.reason,
        reliability={name: pooled(one.bins[name] for one in group) for name in first.bins},
    )


def _figures(by_seed: Mapping[int, Scored], fusion: str, names: Iterable[str]) -> dict[str, Spread]:
    return _those_there(
        {
            name: Spread.of(
                {seed: FIGURES[name](one.metrics[fusion]) for seed, one in by_seed.items()}
            )
            for name in names
        }
    )


def _those_there(found: Mapping[str, Spread | None]) -> dict[str, Spread]:
    return {name: one for name, one in found.items() if one is not None}
