# SPDX-License-Identifier: Apache-2.0
"""Tables from files that strangers wrote: CSV, lines of JSON, Parquet.

A row that cannot be read is one refusal, and every other row goes on. A column that holds neither
numbers nor categories (lists, objects, bytes) is left out and named.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from polyveil import _optional
from polyveil.attack.tables.table import Table
from polyveil.errors import UnreadableRecord, UsageError
from polyveil.records import jsonl

MAX_BYTES = 256 << 20
MAX_CELLS = 20_000_000
MAX_COLUMNS = 2_000
_BROKEN = "\0"
"""Stands for a line that is too long or no UTF-8, and for no cell that a table may hold."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a file held.

    Attributes:
      table: its rows and columns.
      refused: one a row that could not be read.
      left_out: columns that hold neither numbers nor categories.
    """

    table: Table
    refused: tuple[UnreadableRecord, ...] = field(default=(), repr=False)
    left_out: tuple[str, ...] = ()


def read_table(path: str | Path, *, max_bytes: int = MAX_BYTES) -> Reading:
    """The table in a .csv, .jsonl or .parquet file; types are inferred column by column.

    Raises:
      UsageError: no such file, another kind, larger than `max_bytes`, or without a row.
      MissingExtra: Parquet without pyarrow.
    """
    path = Path(path)
    readers = {".csv": _csv, ".jsonl": _jsonl, ".parquet": _parquet}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise UsageError(
            f"table: a {path.suffix or 'nameless'} file; expected {', '.join(readers)}."
        )
    if not path.is_file():
        raise UsageError("table: no such file; expected a CSV, JSONL or Parquet file.")
    if path.stat().st_size > max_bytes:
        raise UsageError(f"table: {path.stat().st_size:,} bytes; expected at most {max_bytes:,}.")
    columns, refused = reader(path)
    if not columns or not next(iter(columns.values())):
        raise UsageError(f"table: no row could be read, {len(refused)} were refused.")
    nested = tuple(name for name, values in columns.items() if _is_nested(values))
    plain = {name: values for name, values in columns.items() if name not in nested}
    if not plain:
        raise UsageError("table: no column of numbers or categories.")
    return Reading(Table.of(plain), tuple(refused), nested)


_Raw = tuple[dict[str, list[Any]], list[UnreadableRecord]]


def _csv(path: Path) -> _Raw:
    refused: list[UnreadableRecord] = []
    with path.open("rb") as file:
        reader = csv.reader(_texts(file), strict=True)
        try:
            header = [name.strip() for name in next(reader, [])]
        except csv.Error as error:
            raise UsageError("table: the header is no line of CSV.") from error
        if len(set(header)) != len(header) or _BROKEN in header:
            raise UsageError("table: a column name comes twice; expected every name once.")
        columns: dict[str, list[Any]] = {name: [] for name in header}
        _within(columns)
        while True:
            try:
                cells = next(reader, None)
            except csv.Error:
                refused.append(_refusal(reader.line_num, "broken quotes"))
                continue
            if cells is None:
                return columns, refused
            if len(cells) != len(header) or any(_BROKEN in cell for cell in cells):
                refused.append(_refusal(reader.line_num, f"not {len(header)} readable cells"))
                continue
            for name, cell in zip(header, cells, strict=True):
                columns[name].append(cell)
            _within(columns)


def _jsonl(path: Path) -> _Raw:
    refused: list[UnreadableRecord] = []
    columns: dict[str, list[Any]] = {}
    rows = 0
    with path.open("rb") as file:
        for number, line in jsonl.lines(file):
            try:
                row = jsonl.parse(line)
            except UnreadableRecord as error:
                refused.append(_refusal(number, str(error)))
                continue
            for name, value in row.items():
                columns.setdefault(name, [None] * rows).append(value)
            rows += 1
            for values in columns.values():
                if len(values) < rows:
                    values.append(None)
            _within(columns)
    return columns, refused


def _parquet(path: Path) -> _Raw:
    pyarrow = _optional.require("pyarrow", extra="parquet", purpose="Reading Parquet")
    parquet = _optional.require("pyarrow.parquet", extra="parquet", purpose="Reading Parquet")
    try:
        with parquet.ParquetFile(path) as file:
            names = file.schema_arrow.names
            # The footer is told by the file: cells are counted before any page is unpacked.
            if file.metadata.num_rows * len(names) > MAX_CELLS or len(names) > MAX_COLUMNS:
                raise _too_large(file.metadata.num_rows, len(names))
            whole = file.read(use_threads=False)
            columns = {name: whole.column(at).to_pylist() for at, name in enumerate(names)}
    except (OSError, pyarrow.ArrowException, ValueError, OverflowError) as error:
        raise UsageError(
            f"table: {type(error).__name__}; expected a whole Parquet file."
        ) from error
    return columns, []


def _texts(file: BinaryIO) -> Iterator[str]:
    for _, line in jsonl.lines(file):
        try:
            yield _BROKEN if line is None else line.decode("utf-8")
        except UnicodeDecodeError:
            yield _BROKEN


def _within(columns: dict[str, list[Any]]) -> None:
    rows = len(next(iter(columns.values()), []))
    if len(columns) > MAX_COLUMNS or rows * len(columns) > MAX_CELLS:
        raise _too_large(rows, len(columns))


def _too_large(rows: int, columns: int) -> UsageError:
    return UsageError(
        f"table: {rows:,} rows of {columns:,} columns; expected at most {MAX_COLUMNS:,} columns "
        f"and {MAX_CELLS:,} cells. Attack a random part of it."
    )


def _refusal(line: int, trouble: str) -> UnreadableRecord:
    return UnreadableRecord(f"table, line {line}: {trouble}; the row is left out.")


def _is_nested(values: list[Any]) -> bool:
    return any(isinstance(value, list | dict | bytes) for value in values)
