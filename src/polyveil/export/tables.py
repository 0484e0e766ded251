# SPDX-License-Identifier: Apache-2.0
"""Writing the tables of a job from its journal: metadata.jsonl, metadata.csv, Parquet.

Streamed row by row in the input's order; each table appears whole or not at all. `file_name`
points to the picture's new name, relative to the table's folder, as it did in the input.
"""

from __future__ import annotations

import csv
import io
import json
import posixpath
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from polyveil.export.journal import Journal
from polyveil.export.layout import TOP, Layout
from polyveil.export.outcome import OutcomeRow
from polyveil.export.place import appearing
from polyveil.records.table import FILE_NAME, Table, table_id

_Spans = list[tuple[int, int]]


def write(out: Path, journal: Journal, layout: Layout) -> None:
    """Write every table of the input's layout, with the rows of the released records."""
    spans = _spans(journal, layout)
    tables = dict(layout.tables)
    if TOP.id in spans:
        tables.setdefault(TOP.id, TOP)
    for table in tables.values():
        rows = _released(journal, spans.get(table.id, []))
        path = layout.table_path(table)
        if table.kind == "parquet":
            from polyveil.export.parquet import write_parquet  # pyarrow is an extra

            write_parquet(out, path, table, rows)
        else:
            folder = posixpath.dirname(path)
            with appearing(out, path) as file:
                for line in (_csv_lines if table.kind == "csv" else _json_lines)(
                    table, folder, rows
                ):
                    file.write(line)


def _spans(journal: Journal, layout: Layout) -> dict[str, _Spans]:
    """Table id -> the spans [first, last] of indices whose rows go there; tables come whole."""
    spans: dict[str, _Spans] = {}
    last_table = ""
    for index, outcome in journal.outcomes():
        alone = table_id(outcome.id) not in layout.tables
        if outcome.refused or (alone and not outcome.row):
            continue  # a picture that no table named needs no row
        table = layout.table_of(outcome.id).id
        mine = spans.setdefault(table, [])
        if mine and last_table == table and mine[-1][1] == index - 1:
            mine[-1] = (mine[-1][0], index)
        else:
            mine.append((index, index))
        last_table = table
    return spans


def _released(journal: Journal, spans: _Spans) -> Iterator[OutcomeRow]:
    for first, last in spans:
        for _, outcome in journal.outcomes(first, last):
            if not outcome.refused:
                yield outcome


def _row(outcome: OutcomeRow, folder: str) -> dict[str, Any]:
    if outcome.file is None:
        return outcome.row
    return {FILE_NAME: posixpath.relpath(outcome.file, folder or "."), **outcome.row}


def _json_lines(_: Table, folder: str, rows: Iterator[OutcomeRow]) -> Iterator[bytes]:
    for outcome in rows:
        text = json.dumps(_row(outcome, folder), ensure_ascii=False, allow_nan=False)
        yield text.encode("utf-8") + b"\n"


def _csv_lines(table: Table, folder: str, rows: Iterator[OutcomeRow]) -> Iterator[bytes]:
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, table.columns, restval="", extrasaction="ignore")
    writer.writeheader()
    yield buffer.getvalue().encode("utf-8")
    for outcome in rows:
        buffer.seek(0)
        buffer.truncate()
        writer.writerow(_row(outcome, folder))
        yield buffer.getvalue().encode("utf-8")
