# SPDX-License-Identifier: Apache-2.0
"""Where each record lands: the input's layout, without a name that the input gave.

A file or folder may be called after the person that it shows. So a picture's name and a folder's
name are keyed hashes under a salt that the journal draws at random and forgets when the job is
done: the same in a resumed run, and nothing to anyone afterwards. Folder names that say nothing
about anybody (train, test, images ...) stay, as long as only such folders stand above them.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from polyveil.export.journal import Journal
from polyveil.export.place import PRIVATE
from polyveil.records.folder import SPLITS
from polyveil.records.record import Record
from polyveil.records.table import Table, table_id

OURS = re.compile(r"[0-9a-f]{24}\.[a-z]{3,4}")
"""Names of the pictures that we write, and of nothing else."""

TOP = Table("metadata.jsonl", "", "jsonl")
"""Takes the rows of pictures that no table names."""


class _HasTables(Protocol):
    @property
    def tables(self) -> Mapping[str, Table]: ...


@dataclass(frozen=True, slots=True)
class Layout:
    """The output's layout; small and picklable, so that workers can have it.

    Attributes:
      tables: prefix of a record's id -> the input's table. Secret.
      salt: key of the names. Secret until the job is done.
      name_for: a record's id -> the stem of its picture's name, 24 hex digits; None: by the salt.
    """

    tables: dict[str, Table] = field(repr=False)
    salt: bytes = field(repr=False)
    name_for: Callable[[str], str] | None = field(default=None, repr=False)

    @staticmethod
    def of(
        source: _HasTables, journal: Journal, name_for: Callable[[str], str] | None = None
    ) -> Layout:
        """The layout for a data set, with the journal's salt."""
        return Layout(dict(source.tables), journal.salt(), name_for)

    def table_of(self, record_id: str) -> Table:
        """The table that a record's row goes to."""
        return self.tables.get(table_id(record_id)) or self.tables.get(TOP.id, TOP)

    def picture(self, record: Record, suffix: str) -> str:
        """Path of a record's picture relative to the output folder, with "/"."""
        stem = self.name_for(record.id) if self.name_for else self._token("picture", record.id)
        if not OURS.fullmatch(stem + suffix):
            raise ValueError("expected name_for to return 24 hex digits.")
        if self.table_of(record.id).kind == "parquet":
            # Waits here until `finish` writes it into the Parquet file.
            return f"{PRIVATE}/pictures/{stem}{suffix}"
        folder = self.folder((record.image_name or "").rpartition("/")[0])
        return f"{folder}/{stem}{suffix}" if folder else stem + suffix

    def folder(self, folder: str) -> str:
        """The output's folder for a folder of the input, both relative, with "/"."""
        parts = folder.split("/") if folder else []
        result, public = [], True
        for depth, part in enumerate(parts, start=1):
            public = public and part in SPLITS
            result.append(part if public else self._token("folder", "/".join(parts[:depth])))
        return "/".join(result)

    def table_path(self, table: Table) -> str:
        """Path of a table's twin relative to the output folder."""
        folder = self.folder(table.folder)
        name = table.id.rpartition("/")[2]
        return f"{folder}/{name}" if folder else name

    def _token(self, purpose: str, name: str) -> str:
        text = f"{purpose}:{name}".encode("utf-8", "surrogateescape")
        return hashlib.blake2b(text, key=self.salt, digest_size=12).hexdigest()
