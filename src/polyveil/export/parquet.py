# SPDX-License-Identifier: Apache-2.0
"""Parquet out for Parquet in: the same columns in the same order, a few rows at a time.

A column keeps its type where its values still fit it. Columns that were read as strings (dates,
decimals) and the label of the person become strings, since what stands there now is a stand-in's.
The schema's own metadata is not carried along: a list of class names may name people.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from polyveil import _optional
from polyveil.export.outcome import OutcomeRow
from polyveil.export.place import appearing
from polyveil.records.table import PERSON, Table

_GROUP = 100


def write_parquet(out: Path, path: str, table: Table, rows: Iterator[OutcomeRow]) -> None:
    """Write the rows under out/path, all at once; at most 100 pictures are in memory."""
    if not table.schema:
        return  # the input's file could not be read; it is refused as a whole
    pa = _optional.require("pyarrow", extra="parquet", purpose="Writing Parquet")
    pq = _optional.require("pyarrow.parquet", extra="parquet", purpose="Writing Parquet")
    schema = _schema(pa, table)
    with appearing(out, path) as file, pq.ParquetWriter(file, schema) as writer:
        while group := list(islice(rows, _GROUP)):
            values = [_values(out, table, schema, outcome) for outcome in group]
            writer.write_table(pa.Table.from_pylist(values, schema=schema))


def _schema(pa: Any, table: Table) -> Any:
    source = pa.ipc.read_schema(pa.py_buffer(table.schema))
    fields = []
    for column in source:
        changed = column.name != table.picture and (
            column.name == PERSON or _as_text(pa, column.type)
        )
        # Nullable: a label or a value may be gone, whatever the input promised.
        fields.append(pa.field(column.name, pa.string() if changed else column.type))
    return pa.schema(fields)


def _as_text(pa: Any, kind: Any) -> bool:
    kinds = pa.types
    return bool(kinds.is_temporal(kind) or kinds.is_decimal(kind) or kinds.is_dictionary(kind))


def _values(out: Path, table: Table, schema: Any, outcome: OutcomeRow) -> dict[str, Any]:
    values = {name: outcome.row.get(name) for name in table.columns}
    if table.picture and outcome.file:
        data = (out / outcome.file).read_bytes()
        name = outcome.file.rpartition("/")[2]
        is_struct = str(schema.field(table.picture).type).startswith("struct")
        values[table.picture] = {"bytes": data, "path": name} if is_struct else data
    return values
