# SPDX-License-Identifier: Apache-2.0
"""A reproduced table: means and spreads over seeds, beside what the paper printed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from polyveil.errors import EXIT_CLEAN, EXIT_RECORDS_REFUSED
from polyveil.models.reliability import Bin
from polyveil.report import reproduced_words as words
from polyveil.report.codec import encode
from polyveil.report.facts import Job, StageTime
from polyveil.report.reproduced_tables import markdown, plain
from polyveil.report.spread import Spread

SCHEMA = "polyveil.reproduced/2"


@dataclass(frozen=True, slots=True)
class Row:
    """One method at one budget on one set.

    Attributes:
      set, method: names.
      epsilon: of the budget; None for no promise.
      figures: name -> over seeds; those of the chosen fusion.
      fusions: fusion -> name of a figure -> over seeds.
      alone: modality -> accuracy over seeds.
      guarantee: of one training, JSON, the weakest over seeds; None with `reason`.
      reason: why there is none; "" with one.
      reliability: fusion -> bins of equal width over the test records of all seeds.
    """

    set: str
    method: str
    epsilon: float | None
    figures: Mapping[str, Spread]
    fusions: Mapping[str, Mapping[str, Spread]]
    alone: Mapping[str, Spread]
    guarantee: Mapping[str, Any] | None
    reason: str
    reliability: Mapping[str, tuple[Bin, ...]] = field(default_factory=dict)

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
class Paper:
    """What the table is held against.

    Attributes:
      source: who, where, when.
      caveat: a sentence on why its figures are not the same thing; "" for none.
      printed: its figures for this data set; empty where it has none.
    """

    source: str
    caveat: str = ""
    printed: tuple[Printed, ...] = ()

    def figure(self, name: str, epsilon: float | None) -> float | None:
        """In per cent; None where it printed none."""
        found = (one for one in self.printed if (one.figure, one.epsilon) == (name, epsilon))
        return next((one.value for one in found), None)

    def cost(self, name: str, epsilon: float | None) -> float | None:
        """Points that a budget takes from its own figure without privacy; None where it has none
        of the two."""
        without, private = self.figure(name, None), self.figure(name, epsilon)
        return None if without is None or private is None else without - private


@dataclass(frozen=True, slots=True)
class SplitSizes:
    """Records by part, of one seed."""

    seed: int
    train: int
    validation: int
    test: int


@dataclass(frozen=True, slots=True)
class Reproduced:
    """The table.

    Attributes:
      job: who made it, when.
      title: of the system.
      set: name of the data set.
      classes: how many.
      method: the one that the paper is about; where its rows are missing, the first row's is shown.
      fusion: whose figures stand in the rows.
      rows: by method and budget.
      splits: by seed, of the seeds that a finished cell has.
      commonest: accuracy of always naming the commonest class of training records.
      paper: what it is held against.
      remarks: what has to be told with the figures.
      not_done: what of the paper was not reproduced, and what else was not tried.
      left: cells that are still to be done; 0 in a finished table.
      times: training by method.
      refused: reason -> records that were refused for it, the most frequent first.
    """

    job: Job
    title: str
    set: str
    classes: int
    method: str
    fusion: str
    rows: tuple[Row, ...]
    splits: tuple[SplitSizes, ...]
    commonest: Spread | None
    paper: Paper
    remarks: tuple[str, ...] = ()
    not_done: tuple[str, ...] = ()
    left: int = 0
    times: tuple[StageTime, ...] = ()
    refused: Mapping[str, int] = field(default_factory=dict)

    @property
    def exit_code(self) -> int:
        """3 when records were refused; a poor figure is a result."""
        return EXIT_RECORDS_REFUSED if self.refused else EXIT_CLEAN

    @property
    def lead(self) -> str:
        """The method that stands for the table: `method` where it has rows, else the first."""
        names = self.methods
        return self.method if self.method in names or not names else names[0]

    @property
    def methods(self) -> tuple[str, ...]:
        """In the order of the rows."""
        return tuple(dict.fromkeys(row.method for row in self.rows))

    @property
    def budgets(self) -> tuple[float | None, ...]:
        """None first, then by rising epsilon."""
        return tuple(sorted({row.epsilon for row in self.rows}, key=lambda one: one or 0.0))

    @property
    def ratio(self) -> float:
        """Test records by training records, over all seeds; 1 where nothing was split."""
        train = sum(one.train for one in self.splits)
        return sum(one.test for one in self.splits) / train if train else 1.0

    def row(self, method: str, epsilon: float | None) -> Row | None:
        """Of a method at a budget."""
        found = (one for one in self.rows if (one.method, one.epsilon) == (method, epsilon))
        return next(found, None)

    def cost(self, row: Row, name: str = "accuracy") -> Spread | None:
        """What a budget takes from the same method without privacy, seed by seed; None without
        such a twin."""
        twin = self.row(row.method, None)
        if (
            twin is None
            or row.epsilon is None
            or not {name} <= set(twin.figures) & set(row.figures)
        ):
            return None
        return twin.figures[name].minus(row.figures[name])

    def summary(self) -> str:
        """The main sentences and figures, in plain text."""
        lines = [self.title, "", *words.records(self)]
        if self.rows:
            lines += ["", *words.main(self), "", plain(self)]
        if self.left:
            if not self.rows:
                lines += ["", "Nothing was trained yet."]
            lines += ["", words.left(self.left)]
        return "\n".join(lines).replace("\u00a0", " ")

    def to_json(self) -> dict[str, Any]:
        """JSON values, versioned by "schema"."""
        costs = [
            {"method": row.method, "epsilon": row.epsilon, "accuracy": encode(self.cost(row))}
            for row in self.rows
            if row.epsilon is not None
        ]
        return {"schema": SCHEMA, "exit_code": self.exit_code, **encode(self), "costs": costs}

    def markdown(self) -> str:
        """The page in Markdown."""
        return markdown(self)
