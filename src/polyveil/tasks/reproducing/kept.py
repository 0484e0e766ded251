# SPDX-License-Identifier: Apache-2.0
"""Finished cells on the disk, one JSON object a line: a killed table goes on with the next cell.

OUT/cells.jsonl    the first line says which table it is of
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from polyveil.errors import UsageError
from polyveil.tasks.reproducing.cell import FORM, Cell, Scored

CELLS = "cells.jsonl"


class KeptCells:
    """The cells of one table in its folder."""

    def __init__(self, out: Path, fingerprint: str) -> None:
        """
        Args:
          out: made where it is not there.
          fingerprint: of everything that a cell's figures follow from.

        Raises:
          UsageError: the folder holds another table, or the file is damaged.
        """
        self._path = out / CELLS
        out.mkdir(parents=True, exist_ok=True)
        lines = self._path.read_text("utf-8").split("\n") if self._path.is_file() else []
        # What stands behind the last end of line was cut off by a kill.
        whole, self._done = lines[:-1], {}
        head = {"schema": FORM, "table": fingerprint}
        try:
            rows = [json.loads(line) for line in whole] or [head]
            if rows[0] == head:
                self._done = {one.cell: one for one in map(Scored.from_json, rows[1:])}
        except (ValueError, KeyError, TypeError):
            raise UsageError(f"out: {CELLS} is damaged. Choose another folder.") from None
        if rows[0] != head:
            raise UsageError(
                "out: the folder holds a table of other data, settings or another version. Go on "
                "with those, or choose another folder."
            )
        text = "\n".join([*whole, ""]) if whole else json.dumps(head) + "\n"
        if "\n".join(lines) != text:
            self._path.write_text(text, "utf-8")

    def scored(self, cell: Cell) -> Scored | None:
        """Of a finished cell; None of one that is still to be done."""
        return self._done.get(cell)

    def keep(self, scored: Scored) -> None:
        """On the disk when this returns."""
        line = json.dumps(scored.to_json(), ensure_ascii=False) + "\n"
        with self._path.open("a", encoding="utf-8") as file:
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
        self._done[scored.cell] = scored
