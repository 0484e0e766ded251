# SPDX-License-Identifier: Apache-2.0
"""A reproduced table: means and spreads over seeds, beside what the paper printed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from polyveil.errors import EXIT_CLEAN
from polyveil.report.codec import encode
from polyveil.report.facts import Job

SCHEMA = "polyveil.reproduced/1"


@dataclass(frozen=True, slots=True)
class Spread:
    """A figure over seeds.

    Attributes:
      mean: over the seeds that have it.
      deviation: sample standard deviation; None of a single seed.
      seeds: how many.
    """

    mean: float
    deviation: float | None
    seeds: int

    @staticmethod
    def of(values: Sequence[float]) -> Spread | None:
        """None of no values at all."""
        count = len(values)
        if not count:
            return None
        mean = math.fsum(values) / count
        if count == 1:
            return Spread(mean, None, 1)
        squares = math.fsum((one - mean) ** 2 for one in values)
        return Spread(mean, math.sqrt(squares / (count - 1)), count)

    def text(self, scale: float = 100.0) -> str:
        """e.g. "72.1 ± 0.8"; in per cent unless scaled otherwise."""
        if self.deviation is None:
            return f"{scale * self.mean:.1f}"
        return f"{scale * self.mean:.1f} ± {scale * self.deviation:.1f}"


@dataclass(frozen=True, slots=True)
class Row:
    """One method at one budget on one set.

    Attributes:
      set, method: names.
      epsilon: of the budget; None for no promise.
      figures: name -> over seeds; those of the chosen fusion.
      fusions: fusion -> accuracy over seeds.
      alone: modality -> accuracy over seeds.
      guarantee: of one training, JSON; None with `reason`.
      reason: why there is none; "" with one.
    """

    set: str
    method: str
    epsilon: float | None
    figures: Mapping[str, Spread]
    fusions: Mapping[str, Spread]
    alone: Mapping[str, Spread]
    guarantee: Mapping[str, Any] | None
    reason: str

    @property
    def budget(self) -> str:
        """e.g. "ε = 2"."""
        return "none" if self.epsilon is None else f"ε = {self.epsilon:g}"


@dataclass(frozen=True, slots=True)
class Printed:
    """A figure of the paper: what, where, how much, in per cent."""

    set: str
    epsilon: float | None
    figure: str
    value: float


@dataclass(frozen=True, slots=True)
class Reproduced:
    """The table.

    Attributes:
      job: who made it, when.
      title: of the system.
      fusion: whose figures stand in the rows.
      rows: by set, method and budget.
      printed: the paper's figures.
      remarks: what has to be told with the figures.
      not_done: what of the paper was not reproduced.
      left: cells that are still to be done; 0 in a finished table.
    """

    job: Job
    title: str
    fusion: str
    rows: tuple[Row, ...]
    printed: tuple[Printed, ...] = ()
    remarks: tuple[str, ...] = ()
    not_done: tuple[str, ...] = ()
    left: int = 0

    @property
    def exit_code(self) -> int:
        """0: a poor figure is a result."""
        return EXIT_CLEAN

    def summary(self) -> str:
        """The table in plain text."""
        lines = [self.title, "", self.table()]
        if self.left:
            lines += ["", f"{self.left} cells are still to be done; the same command goes on."]
        return "\n".join(lines)

    def to_json(self) -> dict[str, Any]:
        """JSON values, versioned by "schema"."""
        return {"schema": SCHEMA, "exit_code": self.exit_code, **encode(self)}

    def table(self) -> str:
        """Markdown: one row a method and budget, figures in per cent."""
        names = list(dict.fromkeys(name for row in self.rows for name in row.figures))
        head = ["set", "method", "privacy", *names]
        lines = [head, ["---"] * 3 + ["---:"] * len(names)]
        for row in self.rows:
            cells = [row.figures[name].text() if name in row.figures else "" for name in names]
            lines.append([row.set, row.method, row.budget, *cells])
        return "\n".join("| " + " | ".join(line) + " |" for line in lines)

    def by_fusion(self) -> str:
        """Markdown: accuracy by fusion, in per cent."""
        names = list(dict.fromkeys(name for row in self.rows for name in row.fusions))
        lines = [["set", "method", "privacy", *names], ["---"] * 3 + ["---:"] * len(names)]
        for row in self.rows:
            cells = [row.fusions[name].text() if name in row.fusions else "" for name in names]
            lines.append([row.set, row.method, row.budget, *cells])
        return "\n".join("| " + " | ".join(line) + " |" for line in lines)

    def markdown(self) -> str:
        """The page: tables, what the paper printed, and what must be known to read them."""
        parts = [f"# {self.title}", self.table(), f"## Accuracy by fusion\n\n{self.by_fusion()}"]
        if self.printed:
            rows = "\n".join(
                f"| {one.set} | {'none' if one.epsilon is None else f'ε = {one.epsilon:g}'} "
                f"| {one.figure} | {one.value:g} |"
                for one in self.printed
            )
            head = "| set | privacy | figure | printed |\n|---|---|---|---:|"
            parts.append(f"## What the paper printed\n\n{head}\n{rows}")
        promises = {row.reason or _promise(row.guarantee): None for row in self.rows}
        parts.append("## Guarantees\n\n" + "\n".join(f"- {one}" for one in promises))
        if self.remarks:
            parts.append("## To read with it\n\n" + "\n".join(f"- {one}" for one in self.remarks))
        if self.not_done:
            parts.append("## Not done\n\n" + "\n".join(f"- {one}" for one in self.not_done))
        return "\n\n".join(parts) + "\n"


def _promise(guarantee: Mapping[str, Any] | None) -> str:
    if guarantee is None:
        return "no guarantee"
    return (
        f"({guarantee['epsilon']:.3g}, {guarantee['delta']:g})-differential privacy for one "
        f"{guarantee['unit']}"
    )
