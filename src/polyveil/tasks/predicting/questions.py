# SPDX-License-Identifier: Apache-2.0
"""The records that a classifier is asked about, and what they say of their class.

A run on a known layout is asked about folders of that layout, or about records on disk like any
other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from polyveil.errors import UnreadableRecord
from polyveil.learn.labelled import stated_class
from polyveil.learn.outcome import TrainReport
from polyveil.records.record import Record, Refused
from polyveil.records.source import Source, open_source
from polyveil.tasks.data_sets.labelled_set import LabelledSet
from polyveil.tasks.data_sets.layouts import named
from polyveil.tasks.predicting.classifier import Reading
from polyveil.tasks.reading import side_by_side


@dataclass(frozen=True, slots=True)
class Question:
    """A record, read.

    Attributes:
      record: its id.
      reading: what a network takes of it. Secret.
      stated: what it says of its class; None for nothing. Secret.
    """

    record: str
    reading: Reading = field(repr=False)
    stated: Any = field(repr=False)


@dataclass(frozen=True, slots=True)
class Questions:
    """Records, read one by one.

    Attributes:
      source: where they are; a set of a known layout, or records on disk.
      label: column of the class, for records on disk.
      classes: of the network: a picture without a row that stands in a folder of such a name says
        it by that.
    """

    source: Source | LabelledSet
    label: str
    classes: tuple[str, ...]

    @staticmethod
    def of(path: Path, report: TrainReport, label: str) -> Questions:
        """The records at a path, for a run.

        Raises:
          UsageError: nothing is there that can be read as a data set.
        """
        name = (report.settings.get("data") or {}).get("layout")
        layout = None if name is None else named(str(name))
        if layout is not None and layout.folders(path):
            return Questions(layout.read(path), label, report.data.classes)
        return Questions(open_source(path), label, report.data.classes)

    @property
    def kind(self) -> str:
        """Of the data set, for a report."""
        return self.source.name if isinstance(self.source, LabelledSet) else self.source.kind

    def __len__(self) -> int:
        refused = len(self.source.refused) if isinstance(self.source, LabelledSet) else 0
        return len(self.source) + refused

    def read(self, how: Callable[[Record], Reading]) -> Iterator[Question | Refused]:
        """Every record in order, several at once; what cannot be read is refused."""

        def one(item: tuple[Record | Refused, Any]) -> Question | Refused:
            found, stated = item
            if isinstance(found, Refused):
                return found
            try:
                return Question(found.id, how(found), stated)
            except UnreadableRecord as error:
                return Refused(found.id, "UnreadableRecord", str(error))

        return side_by_side(one, self)

    def __iter__(self) -> Iterator[tuple[Record | Refused, Any]]:
        """(record, or why it cannot be read; what it says of its class, None for nothing)."""
        if isinstance(self.source, LabelledSet):
            yield from zip(self.source.records, self.source.labels, strict=True)
            yield from ((one, None) for one in self.source.refused)
            return
        for item in self.source.records():
            yield item, self._stated(item) if isinstance(item, Record) else None

    def _stated(self, record: Record) -> Any:
        """As a training reads it; any other name of a folder states nothing."""
        stated = stated_class(record, self.label)
        if stated == "" or (not record.row and stated not in self.classes):
            return None
        return stated
