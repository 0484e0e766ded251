# SPDX-License-Identifier: Apache-2.0
"""Parquet files with rows and pictures, read one row group at a time.

The picture column is the first one with the Hugging Face Image feature, a struct of `bytes` and
`path`, or a binary column called `image`. The columns `voice` (the Audio feature, which is the same
struct, or binary) and `behaviour` (binary, the struct, or a list of rows) are taken out of the row:
what is made from rows holds neither. Values that JSON does not know become strings (dates,
times, decimals), so that they are searched like any text; NaN becomes null; other binary values
are left out and counted, since nobody can search them.

Source: https://huggingface.co/docs/datasets/about_dataset_features#image-feature
"""

from __future__ import annotations

import datetime
import decimal
import hashlib
import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from polyveil import _optional
from polyveil.errors import UnreadableRecord, UsageError
from polyveil.records import jsonl
from polyveil.records.folder import SPLITS
from polyveil.records.record import Record, Refused
from polyveil.records.table import BEHAVIOUR, KEPT_BACK, VOICE, Table, take_person

_BATCH = 32
_MAX_GROUP = 2 << 30
_PUBLIC = re.compile(r"(?:(?:train|test|validation|val|valid|dev)(?:-\d+-of-\d+)?|\d+)\.parquet")
"""File names that say nothing about anybody, as the Hub writes them."""


@dataclass(frozen=True, slots=True)
class _Shard:
    """One file: its table and the number of rows of each row group; or why it cannot be read."""

    table: Table
    path: Path
    groups: tuple[int, ...]
    trouble: str = ""


class ParquetSource:
    """Records of one Parquet file, or of a folder of them, streamed.

    Args:
      root: the file or the folder.
      shards: (path relative to the folder, file) of each file; None where `root` is the file.

    Attributes:
      tables: prefix of a record's id -> the file's table, with its schema.
      ignored: reason -> how many values are left out of every copy for it; known once read.
    """

    kind = "parquet"

    def __init__(self, root: Path, shards: Sequence[tuple[str, Path]] | None = None) -> None:
        self._pa = _optional.require("pyarrow", extra="parquet", purpose="Reading Parquet")
        self._pq = _optional.require("pyarrow.parquet", extra="parquet", purpose="Reading Parquet")
        self._errors = (OSError, self._pa.ArrowException, ValueError, OverflowError)
        self.root = root
        self.ignored: Counter[str] = Counter()
        self._seen: Counter[str] = Counter()
        files = [(root.name, root)] if shards is None else shards
        self._shards = [
            self._open(_place(name, number, len(files)), path)
            for number, (name, path) in enumerate(files, start=1)
        ]
        self.tables = {shard.table.id: shard.table for shard in self._shards}
        if all(shard.trouble for shard in self._shards):
            raise UsageError(f"input: {self._shards[0].trouble} No other file could be read.")

    def __len__(self) -> int:
        """How many items `records` yields: the rows, as the files' footers count them."""
        return sum(1 if shard.trouble else sum(shard.groups) for shard in self._shards)

    def records(self) -> Iterator[Record | Refused]:
        """Every row once, in order; what cannot be read is a Refused."""
        self._seen = Counter()
        try:
            yield from self._all()
        finally:
            # The most that a pass saw, not their sum: a job reads its input several times.
            self.ignored |= self._seen

    def _all(self) -> Iterator[Record | Refused]:
        for shard in self._shards:
            if shard.trouble:
                yield Refused(f"{shard.table.id}:0", "UnreadableRecord", shard.trouble)
            else:
                # Buffered, not read ahead: memory is then one page of the file, not one group.
                with self._pq.ParquetFile(
                    shard.path, pre_buffer=False, buffer_size=1 << 20
                ) as file:
                    yield from self._read(file, shard)

    def fingerprint(self, key: bytes = b"") -> str:
        """Hex that changes when a file does; see `FolderSource.fingerprint`."""
        digest = hashlib.blake2b(key=key, digest_size=16)
        for shard in self._shards:
            digest.update(repr((shard.table.id, shard.path.stat().st_size)).encode())
            with shard.path.open("rb") as file:
                while block := file.read(1 << 20):
                    digest.update(block)
        return digest.hexdigest()

    def _open(self, place: tuple[str, str], path: Path) -> _Shard:
        table_id, folder = place
        try:
            with self._pq.ParquetFile(path) as file:
                footer = file.metadata
                groups = tuple(footer.row_group(n).num_rows for n in range(footer.num_row_groups))
                schema = file.schema_arrow.remove_metadata()
        except self._errors as error:
            trouble = f"{type(error).__name__} while opening; expected a whole Parquet file."
            return _Shard(Table(table_id, folder, "parquet"), path, (), trouble)
        picture = _picture_column(self._pa, schema)
        columns = tuple(name for name in schema.names if name != picture)
        body = bytes(schema.serialize())
        return _Shard(Table(table_id, folder, "parquet", columns, body, picture), path, groups)

    def _read(self, file: Any, shard: _Shard) -> Iterator[Record | Refused]:
        start = 0
        for group, count in enumerate(shard.groups):
            done = 0
            for done, row in enumerate(islice(self._rows(file, group), count), start=1):
                yield self._record(f"{shard.table.id}:{start + done}", row, shard.table.picture)
            # A damaged page ends its row group; every row that it took along is told.
            for missing in range(done + 1, count + 1):
                why = "row: its row group is damaged or too large; expected a whole one."
                yield Refused(f"{shard.table.id}:{start + missing}", "UnreadableRecord", why)
            start += count

    def _rows(self, file: Any, group: int) -> Iterator[dict[str, Any]]:
        if file.metadata.row_group(group).total_byte_size > _MAX_GROUP:
            return
        batches = file.iter_batches(batch_size=_BATCH, row_groups=[group], use_threads=False)
        try:
            for batch in batches:
                yield from batch.to_pylist()
        except self._errors:
            return

    def _record(self, record_id: str, row: dict[str, Any], picture: str) -> Record | Refused:
        cell = row.pop(picture, None) if picture else None
        try:
            self._seen.update(why for column, why in KEPT_BACK.items() if row.get(column))
            image, name = _encoded(cell, "picture")
            voice, trace = _encoded(row.pop(VOICE, None), VOICE)[0], row.pop(BEHAVIOUR, None)
            behaviour = trace if isinstance(trace, list) else _encoded(trace, BEHAVIOUR)[0]
            person = take_person(row)
            rest = {key: self._json(value) for key, value in row.items()}
            if not jsonl.plain(rest):
                raise UnreadableRecord("row: broken strings or too deep; expected plain values.")
        except UnreadableRecord as error:
            return Refused(record_id, "UnreadableRecord", str(error))
        return Record(record_id, rest, image, name, person, voice or None, behaviour or None)

    def _json(self, value: Any) -> Any:
        if value is None or isinstance(value, str | bool | int):
            return value
        if isinstance(value, float):
            return value if math.isfinite(value) else None
        if isinstance(value, dict):
            return {str(key): self._json(child) for key, child in value.items()}
        if isinstance(value, list | tuple):
            return [self._json(child) for child in value]
        if isinstance(value, datetime.date | datetime.time):
            return value.isoformat()
        if isinstance(value, decimal.Decimal | datetime.timedelta):
            return str(value)
        self._seen[f"value of type {type(value).__name__}"] += 1
        return None


def _place(name: str, number: int, count: int) -> tuple[str, str]:
    """(id of the table, its folder): the file's own name only where that says nothing."""
    folder, _, file = name.rpartition("/")
    if SPLITS.issuperset(folder.split("/") if folder else ()) and _PUBLIC.fullmatch(file):
        return name, folder
    return ("data.parquet" if count == 1 else f"data-{number}.parquet"), folder


def _picture_column(pa: Any, schema: Any) -> str:
    for column in schema:
        if column.name in KEPT_BACK:
            continue
        if pa.types.is_struct(column.type):
            if {field.name for field in column.type} == {"bytes", "path"}:
                return str(column.name)
        elif column.name == "image" and (
            pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type)
        ):
            return "image"
    return ""


def _encoded(cell: Any, what: str) -> tuple[bytes | None, str | None]:
    """(bytes, name) of a binary value, or of the struct of `bytes` and `path`."""
    if cell is None or isinstance(cell, bytes):
        return cell, None
    if not isinstance(cell, dict) or set(cell) != {"bytes", "path"}:
        raise UnreadableRecord(f"row: its {what} is no bytes; expected them, or bytes and path.")
    if cell["bytes"] is None and cell["path"]:
        raise UnreadableRecord(
            f"row: its {what} is a path outside the Parquet file; expected the bytes in it."
        )
    return cell["bytes"], cell["path"]
