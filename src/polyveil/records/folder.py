# SPDX-License-Identifier: Apache-2.0
"""A folder of pictures, with rows (metadata.jsonl, metadata.csv) or without.

The Hugging Face ImageFolder convention: a table stands in any folder, its `file_name` is relative
to that folder. A picture that no row names is a record of its own, so nothing is lost in silence;
a row without `file_name` is text alone. `voice` and `behaviour` name files in the same way, and
are taken out of the row: what is made from rows holds neither. The records come in the same order
in every run: tables as the sorted walk meets them, each in line order, then the pictures that no
row names.

Source: https://huggingface.co/docs/datasets/image_dataset#imagefolder
"""

from __future__ import annotations

import csv
import hashlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from polyveil.errors import UnreadableRecord, UsageError
from polyveil.records import jsonl
from polyveil.records.record import Record, Refused
from polyveil.records.table import BEHAVIOUR, FILE_NAME, KEPT_BACK, VOICE, Table, take_person
from polyveil.records.walk import Verdict, inside, walk

SPLITS = frozenset({"train", "test", "validation", "val", "valid", "dev", "images", "data"})
"""Folder names that say nothing about anybody: they may be logged and released."""

_Row = dict[str, Any] | UnreadableRecord


class FolderSource:
    """Records of a folder, streamed. Public: kind, tables' ids, ignored reasons. Secret: the rest.

    Attributes:
      root: the folder.
      tables: prefix of a record's id -> the table that it points into.
    """

    kind = "folder"

    def __init__(self, root: Path) -> None:
        self.root = root
        self.tables: dict[str, Table] = {}
        self._entries: Counter[str] = Counter()
        self._ignored: Counter[str] | None = None
        self._length: int | None = None
        self._paths: dict[str, Path] = {}
        for entry in walk(root):
            if entry.verdict is Verdict.TABLE:
                self._add_table(entry.name)
            elif entry.verdict in {Verdict.IGNORE, Verdict.SHARD}:
                self._entries[entry.reason] += 1

    def __len__(self) -> int:
        """How many items `records` yields; reads the rows once, decodes nothing."""
        if self._length is None:
            self._length = sum(1 for _ in self._rows()) + sum(1 for _ in self._alone())
        return self._length

    @property
    def ignored(self) -> Counter[str]:
        """Reason -> how many entries of the folder, or cells of its rows, no copy holds for it."""
        if self._ignored is None:
            self._ignored = Counter(self._entries)
            for _, _, row in self._rows():
                if isinstance(row, dict):
                    self._ignored.update(why for name, why in KEPT_BACK.items() if row.get(name))
        return self._ignored

    def records(self) -> Iterator[Record | Refused]:
        """Every record once, in the same order in every run; what cannot be read is a Refused."""
        top = self.root.resolve()
        for table, number, row in self._rows():
            record_id = f"{table.id}:{number}"
            try:
                yield _record(record_id, row, top, table.folder)
            except UnreadableRecord as error:
                yield Refused(record_id, "UnreadableRecord", str(error))
        for number, (name, reason) in enumerate(self._alone(), start=1):
            record_id = f"picture:{number}"
            path = None if reason else inside(top, self.root / name)
            if path is None:
                why = f"picture: {reason or 'moved away'}; expected a regular file in the data set."
                yield Refused(record_id, "UnreadableRecord", why)
            else:
                yield Record(record_id, {}, path, name)

    def fingerprint(self, key: bytes = b"") -> str:
        """Hex that changes when the input does: names, sizes, times of change, the tables' bytes.

        Args:
          key: up to 64 bytes; keyed, the fingerprint says nothing about the input without the key.
        """
        digest = hashlib.blake2b(key=key, digest_size=16)
        for entry in walk(self.root):
            fact = (entry.name, entry.verdict.name, entry.size, entry.changed)
            digest.update(repr(fact).encode("utf-8", "surrogateescape"))
        for path in self._paths.values():
            with path.open("rb") as file:
                for block in iter(lambda: file.read(1 << 20), b""):
                    digest.update(block)
        return digest.hexdigest()

    def _add_table(self, name: str) -> None:
        folder, _, file = name.rpartition("/")
        parts = folder.split("/") if folder else []
        public = SPLITS.issuperset(parts)
        # A folder may bear a person's name; the id may be logged, so it counts instead.
        stem = folder if public else f"folder-{len(self.tables) + 1}"
        table_id = f"{stem}/{file}" if stem else file
        path = self.root / name
        is_csv = file.endswith(".csv")
        columns = _csv_header(path) if is_csv else ()
        self.tables[table_id] = Table(table_id, folder, "csv" if is_csv else "jsonl", columns)
        self._paths[table_id] = path

    def _rows(self) -> Iterator[tuple[Table, int, _Row]]:
        for table_id, table in self.tables.items():
            number = 0
            try:
                reader = _csv_rows if table.kind == "csv" else _jsonl_rows
                for number, row in reader(self._paths[table_id]):
                    yield table, number, row
            except OSError as error:
                trouble = f"table: {type(error).__name__} while reading; the rest of it is missing."
                yield table, number + 1, UnreadableRecord(trouble)

    def _alone(self) -> Iterator[tuple[str, str]]:
        """(name, reason to refuse or "") of the pictures that no row names."""
        named = {
            name
            for table, _, row in self._rows()
            if isinstance(row, dict) and (name := _full_name(table.folder, row.get(FILE_NAME)))
        }
        for entry in walk(self.root):
            if entry.verdict is Verdict.REFUSE:
                yield entry.name, entry.reason
            elif entry.verdict is Verdict.PICTURE and entry.name not in named:
                yield entry.name, ""


def _record(record_id: str, row: _Row, top: Path, folder: str) -> Record:
    if isinstance(row, UnreadableRecord):
        raise row
    rest = dict(row)
    person, trace = take_person(rest), rest.pop(BEHAVIOUR, None)
    _, voice = _file(rest.pop(VOICE, None), VOICE, "sound", top, folder)
    behaviour: Path | list[Any] | None = trace or None if isinstance(trace, list) else None
    if not isinstance(trace, list):
        _, behaviour = _file(trace, BEHAVIOUR, "trace", top, folder)
    name, image = _file(rest.pop(FILE_NAME, None), FILE_NAME, "picture", top, folder)
    return Record(record_id, rest, image, name, person, voice, behaviour)


def _file(
    value: object, column: str, what: str, top: Path, folder: str
) -> tuple[str | None, Path | None]:
    """(path relative to the data set, file) that a row names; (None, None) where it names none."""
    if value is None or value == "":
        return None, None
    name = _full_name(folder, value)
    if name is None:
        raise UnreadableRecord(
            f"{column}: no relative path inside the data set; expected one without '..'."
        )
    path = inside(top, top / name)
    if path is None or not path.is_file():
        raise UnreadableRecord(
            f"{column}: the {what} is missing or lies outside; expected a file in the data set."
        )
    return name, path


def _full_name(folder: str, file_name: object) -> str | None:
    """Path relative to the data set; None if it is no relative path that stays inside."""
    if not isinstance(file_name, str) or not file_name or "\0" in file_name:
        return None
    path = PurePosixPath(file_name)
    if path.is_absolute() or ".." in path.parts or not path.parts:
        return None
    return f"{folder}/{path}" if folder else str(path)


def _jsonl_rows(path: Path) -> Iterator[tuple[int, _Row]]:
    with path.open("rb") as file:
        for number, line in jsonl.lines(file):
            try:
                yield number, jsonl.parse(line)
            except UnreadableRecord as error:
                yield number, error


def _csv_header(path: Path) -> tuple[str, ...]:
    try:
        with path.open("rb") as file:
            return tuple(next(csv.reader(_csv_lines(jsonl.lines(file)), strict=True), ()))
    except (OSError, csv.Error):
        return ()


def _csv_rows(path: Path) -> Iterator[tuple[int, _Row]]:
    """Rows of a CSV file with a header; numbers are those of the line that a row ends on."""
    with path.open("rb") as file:
        text = _csv_lines(jsonl.lines(file))
        reader = csv.DictReader(text, restkey=None, strict=True)
        while True:
            try:
                row = next(reader)
            except StopIteration:
                return
            except csv.Error:
                yield reader.line_num, UnreadableRecord("line: broken CSV; expected RFC 4180.")
                continue
            cells = list(row.values())
            if None in row or None in cells or not jsonl.plain({str(k): v for k, v in row.items()}):
                yield (
                    reader.line_num,
                    UnreadableRecord(
                        "line: too long, not UTF-8, or another number of cells than columns."
                    ),
                )
            else:
                yield reader.line_num, dict(row)


def _csv_lines(numbered: Iterator[tuple[int, bytes | None]]) -> Iterator[str]:
    for _, line in numbered:
        # Too long: a row with a cell too many, which is refused as one row further up.
        yield "," * 10_000 if line is None else line.decode("utf-8", "surrogateescape")


def check_root(path: Path) -> Path:
    """The folder itself, if it is one.

    Raises:
      UsageError: it is missing or no folder.
    """
    if not path.is_dir():
        raise UsageError("input: no such folder or Parquet file. Give the path of one.")
    return path
