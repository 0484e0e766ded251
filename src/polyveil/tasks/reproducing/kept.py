# SPDX-License-Identifier: Apache-2.0
"""Finished cells on the disk, one JSON object a line: a killed table goes on with the next cell.

OUT/cells.jsonl    the first line says which table it is of
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from polyveil.errors import UsageError
from polyveil.tasks.reproducing.cell import FORM, Cell, Scored

CELLS = "cells.jsonl"


@contextmanager
def writing() -> Iterator[None]:
    """What the system says of a folder that cannot be written to, as a UsageError."""
    try:
        yield
    except OSError as error:
        raise UsageError(
            f"out: {error.strerror or type(error).__name__}; expected a folder that can be written "
            "to. What was finished is kept; the same command goes on."
        ) from None


class KeptCells:
    """The cells of one table in its folder."""

    def __init__(self, out: Path, fingerprint: str) -> None:
        """
        Args:
          out: made where it is not there.
          fingerprint: of everything that a cell's figures follow from.

        Raises:
          UsageError: the folder holds another table, the file is damaged, or nothing can be
            written there.
        """
        self._path = out / CELLS
        with writing():
            out.mkdir(parents=True, exist_ok=True)
            there = self._path.read_bytes() if self._path.is_file() else b""
        # What stands behind the last end of line was cut off by a kill, within a letter even.
        whole, self._done = there.split(b"\n")[:-1], {}
        head = {"schema": FORM, "table": fingerprint}
        try:
            rows = [json.loads(line) for line in whole] or [head]
            if len(rows) == 1 and rows[0].keys() == head.keys() and rows[0]["schema"] == FORM:
                rows, whole = [head], []  # of another table, and nothing was finished of it
            if rows[0] == head:
                self._done = {one.cell: one for one in map(Scored.from_json, rows[1:])}
        except (ValueError, KeyError, TypeError, AttributeError):
            raise UsageError(f"out: {CELLS} is damaged. Choose another folder.") from None
        if rows[0] != head:
            raise UsageError(
                "out: the folder holds a table of other data, settings or another version. Go on "
                "with those, or choose another folder."
            )
        text = b"\n".join([*whole, b""]) if whole else json.dumps(head).encode() + b"\n"
        with writing():
            if text != there or not os.access(self._path, os.W_OK):
                self._path.write_bytes(text)

    def scored(self, cell: Cell) -> Scored | None:
        """Of a finished cell; None of one that is still to be done."""
        return self._done.get(cell)

    def keep(self, scored: Scored) -> None:
        """On the disk when this returns."""
        line = json.dumps(scored.to_json(), ensure_ascii=False) + "\n"
        with writing(), self._path.open("a", encoding="utf-8") as file:
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
        self._done[scored.cell] = scored
