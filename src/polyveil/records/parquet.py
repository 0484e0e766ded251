# SPDX-License-Identifier: Apache-2.0
"""A Parquet file with rows and pictures, read one row group at a time.

The picture column is the first one with the Hugging Face Image feature, a struct of `bytes` and
`path`, or a binary column called `image`. Values that JSON does not know become strings (dates,
times, decimals), so that they are searched like any text; NaN becomes null; other binary values
are left out and counted, since nobody can search them.

Source: https://huggingface.co/docs/datasets/about_dataset_features#image-feature
"""

from __future__ import annotations

import datetime
import decimal
import hashlib
import math
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from polyveil import _optional
from polyveil.errors import UnreadableRecord, UsageError
from polyveil.records import jsonl
from polyveil.records.record import Record, Refused
from polyveil.records.table import Table, take_person

TABLE_ID = "data.parquet"
_BATCH = 32
_MAX_GROUP = 2 << 30


class ParquetSource:
    """Records of a Parquet file, streamed.

    Attributes:
      root: the file.
      tables: the one table, with its schema.
      ignored: reason -> how many values were left out for it; grows while reading.
    """

    kind = "parquet"

    def __init__(self, path: Path) -> None:
        pa = _optional.require("pyarrow", extra="parquet", purpose="Reading Parquet")
        self._pq = _optional.require("pyarrow.parquet", extra="parquet", purpose="Reading Parquet")
        self.root = path
        self.ignored: Counter[str] = Counter()
        try:
            with self._pq.ParquetFile(path) as file:
                self._groups = [
                    file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)
                ]
                schema = file.schema_arrow.remove_metadata()
        except (OSError, pa.ArrowException) as error:
            raise UsageError(
                f"input: {type(error).__name__} while opening; expected a whole Parquet file."
            ) from None
        self._errors = (OSError, pa.ArrowException, ValueError, OverflowError)
        self._picture = _picture_column(pa, schema)
        columns = tuple(name for name in schema.names if name != self._picture)
        body = bytes(schema.serialize())
        table = Table(TABLE_ID, "", "parquet", columns, body, self._picture)
        self.tables = {TABLE_ID: table}

    def __len__(self) -> int:
        """How many items `records` yields: the rows, as the file's footer counts them."""
        return sum(self._groups)

    def records(self) -> Iterator[Record | Refused]:
        """Every row once, in order; what cannot be read is a Refused."""
        start = 0
        with self._pq.ParquetFile(self.root) as file:
            for group, count in enumerate(self._groups):
                done = 0
                for done, row in enumerate(self._rows(file, group), start=1):
                    yield self._record(f"{TABLE_ID}:{start + done}", row)
                    if done == count:
                        break
                # A damaged page ends its row group; every row that it took along is told.
                for missing in range(done + 1, count + 1):
                    why = "row: its row group is damaged or too large; expected a whole one."
                    yield Refused(f"{TABLE_ID}:{start + missing}", "UnreadableRecord", why)
                start += count

    def fingerprint(self, key: bytes = b"") -> str:
        """Hex that changes when the file does; see `FolderSource.fingerprint`."""
        digest = hashlib.blake2b(key=key, digest_size=16)
        with self.root.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
        return digest.hexdigest()

    def _rows(self, file: Any, group: int) -> Iterator[dict[str, Any]]:
        if file.metadata.row_group(group).total_byte_size > _MAX_GROUP:
            return
        batches = file.iter_batches(batch_size=_BATCH, row_groups=[group], use_threads=False)
        try:
            for batch in batches:
                yield from batch.to_pylist()
        except self._errors:
            return

    def _record(self, record_id: str, row: dict[str, Any]) -> Record | Refused:
        cell = row.pop(self._picture, None) if self._picture else None
        try:
            image, name = _picture(cell)
            person = take_person(row)
            rest = {key: self._json(value) for key, value in row.items()}
            if not jsonl.plain(rest):
                raise UnreadableRecord("row: broken strings or too deep; expected plain values.")
        except UnreadableRecord as error:
            return Refused(record_id, "UnreadableRecord", str(error))
        return Record(record_id, rest, image, name, person)

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
        self.ignored[f"value of type {type(value).__name__}"] += 1
        return None


def _picture_column(pa: Any, schema: Any) -> str:
    for column in schema:
        if pa.types.is_struct(column.type):
            if {field.name for field in column.type} == {"bytes", "path"}:
                return str(column.name)
        elif column.name == "image" and (
            pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type)
        ):
            return "image"
    return ""


def _picture(cell: Any) -> tuple[bytes | None, str | None]:
    if cell is None or isinstance(cell, bytes):
        return cell, None
    if cell["bytes"] is None and cell["path"]:
        raise UnreadableRecord(
            "row: its picture is a path outside the Parquet file; expected the bytes in it."
        )
    return cell["bytes"], cell["path"]
