# SPDX-License-Identifier: Apache-2.0
"""Opening a data set, whatever it is: a folder with rows, a bare folder of pictures, Parquet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Protocol

from polyveil.records.folder import FolderSource, check_root
from polyveil.records.record import Record, Refused
from polyveil.records.table import Table


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
    return FolderSource(check_root(path))
