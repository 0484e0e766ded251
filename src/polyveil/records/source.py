# SPDX-License-Identifier: Apache-2.0
"""Opening a data set: a folder with rows, a folder of pictures, Parquet in one or many files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Protocol

from polyveil.records.folder import FolderSource, check_root
from polyveil.records.record import Record, Refused
from polyveil.records.table import Table
from polyveil.records.walk import Verdict, inside, walk


class Source(Protocol):
    """A data set that is read as a stream, in the same order in every run."""

    @property
    def kind(self) -> str:
        """ "folder" or "parquet"."""

    @property
    def root(self) -> Path:
        """The folder or file that was opened."""

    @property
    def tables(self) -> Mapping[str, Table]:
        """Prefix of a record's id -> the table that it points into."""

    @property
    def ignored(self) -> Counter[str]:
        """Reason -> how many files or values were left out for it."""

    def __len__(self) -> int:
        """Exactly how many items `records` yields; cheap, decodes nothing."""

    def records(self) -> Iterator[Record | Refused]:
        """Every record once; what cannot be read is a Refused, and the rest goes on."""

    def fingerprint(self, key: bytes = b"") -> str:
        """Hex that changes when the input does; keyed, it says nothing without the key."""


def open_source(path: Path) -> Source:
    """The data set at a path.

    Raises:
      UsageError: nothing is there that can be read as a data set.
      MissingExtra: it is Parquet and pyarrow is not installed.
    """
    if path.suffix.lower() == ".parquet" and path.is_file():
        from polyveil.records.parquet import ParquetSource  # pyarrow is an extra

        return ParquetSource(path)
    shards = _shards(check_root(path))
    if shards:
        from polyveil.records.parquet import ParquetSource

        return ParquetSource(path, shards)
    return FolderSource(path)


def _shards(root: Path) -> list[tuple[str, Path]]:
    """(name, file) of the Parquet files of a folder that holds no pictures and no other rows."""
    top, found = root.resolve(), []
    for entry in walk(root):
        if entry.verdict in {Verdict.PICTURE, Verdict.TABLE}:
            return []
        if entry.verdict is Verdict.SHARD and (path := inside(top, root / entry.name)):
            found.append((entry.name, path))
    return found
