# SPDX-License-Identifier: Apache-2.0
"""The one door out: takes records that passed verification, and nothing else.

Order of events for one record: its picture appears whole under its final name, then the journal
says so. A kill between the two leaves a picture that the journal does not know; the next run
removes it, and writes it again under the same name when its record is done. When all records are
settled, `finish` writes the tables from the journal and has the journal forget what is secret.

A worker process gets `writer.door`, writes the picture, and hands the outcome back; the main
process alone settles it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from polyveil.errors import JournalError
from polyveil.export import encode, tables
from polyveil.export.journal import Journal
from polyveil.export.layout import OURS, Layout
from polyveil.export.outcome import OutcomeRow
from polyveil.export.place import PRIVATE, appearing, settle
from polyveil.records.picture import format_of
from polyveil.records.record import Desensitized, Record, Refused
from polyveil.records.table import FILE_NAME


@dataclass(frozen=True, slots=True)
class Door:
    """Writes pictures; small and picklable, so that every worker has one."""

    out: Path
    layout: Layout

    def write(self, record: Record, desensitized: Desensitized) -> OutcomeRow:
        """Write a record's picture under its final name, all at once.

        Raises:
          TypeError: it is no Desensitized, or its pixels are no picture.
          ValueError: it is another record's.
        """
        if type(desensitized) is not Desensitized:
            raise TypeError(
                f"export: expected Desensitized, got {type(desensitized).__name__}. "
                "Only what passed verification leaves."
            )
        if desensitized.id != record.id:
            raise ValueError(f"export: {desensitized.id} was handed in for {record.id}.")
        row = {key: value for key, value in desensitized.row.items() if key != FILE_NAME}
        name = None
        if desensitized.pixels is not None:
            wished = (record.image is not None and format_of(record.image)) or "PNG"
            form = encode.written_as(desensitized.pixels, wished)
            data = encode.encode(desensitized.pixels, form)
            name = self.layout.picture(record, encode.suffix(form))
            with appearing(self.out, name, durable=False) as file:
                file.write(data)
        return OutcomeRow(record.id, row, name, tuple(desensitized.notes))


class Writer:
    """Writes one job's output folder and keeps its journal.

    Attributes:
      door: what a worker process needs to write pictures.
    """

    def __init__(self, out: Path, journal: Journal, layout: Layout) -> None:
        self.out, self.journal, self.layout = out, journal, layout
        self.door = Door(out, layout)
        self._sweep()

    def release(self, index: int, record: Record, desensitized: Desensitized) -> OutcomeRow:
        """Write a record that passed verification, and settle it; see `Door.write`."""
        outcome = self.door.write(record, desensitized)
        self.settle(index, outcome)
        return outcome

    def refuse(self, index: int, refused: Refused) -> OutcomeRow:
        """Settle a record that does not leave the house."""
        outcome = OutcomeRow.refusal(refused)
        self.settle(index, outcome)
        return outcome

    def settle(self, index: int, outcome: OutcomeRow) -> None:
        """Settle what a worker's door wrote; waits for the disk, so that the worker need not."""
        if outcome.file is not None:
            settle(self.out / outcome.file)
        self.journal.settle(index, outcome)

    def finish(self, *, expected: int | None = None) -> None:
        """Write the tables and finish the journal; a no-op for a finished job.

        Args:
          expected: number of records of the input, to be sure that none is missing.

        Raises:
          JournalError: not every record is settled. Nothing was written.
        """
        if self.journal.finished:
            return
        done = self.journal.settled_count()
        if expected is not None and done != expected:
            raise JournalError(f"journal: {done} of {expected} records are settled; run again.")
        tables.write(self.out, self.journal, self.layout)
        self.journal.finish()
        self._sweep()

    def _sweep(self) -> None:
        """Remove what a kill left: drafts, and pictures of records that are not settled."""
        private = self.out / PRIVATE
        if self.journal.finished:
            # The outcomes are forgotten by now: pictures under final names are not ours to judge.
            for waiting in (private / "pictures").iterdir():
                waiting.unlink(missing_ok=True)
            return
        known = set()
        for index, outcome in self.journal.outcomes():
            if outcome.file is None:
                continue
            if (self.out / outcome.file).is_file():
                known.add(outcome.file)
            else:
                self.journal.unsettle(index)
        for draft in (private / "tmp").glob("*.part"):
            draft.unlink(missing_ok=True)
        for waiting in (private / "pictures").iterdir():
            if f"{PRIVATE}/pictures/{waiting.name}" not in known:
                waiting.unlink(missing_ok=True)
        for path in self.out.rglob("*"):
            name = path.relative_to(self.out).as_posix()
            if OURS.fullmatch(path.name) and name not in known and path.is_file():
                path.unlink(missing_ok=True)
