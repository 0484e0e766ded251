# SPDX-License-Identifier: Apache-2.0
"""A table: the file of a data set that holds rows, and where its twin will stand."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from polyveil.errors import UnreadableRecord

FILE_NAME = "file_name"
PERSON = "person"
VOICE = "voice"
BEHAVIOUR = "behaviour"

KEPT_BACK = {
    VOICE: "sound of a voice (column voice), which no copy holds: no stand-in speaks yet",
    BEHAVIOUR: "trace of behaviour (column behaviour), which no copy holds: it has no stand-in yet",
}
"""Column -> why a safe copy is without what stands there, in the words of a report."""


@dataclass(frozen=True, slots=True)
class Table:
    """One metadata.jsonl, metadata.csv or Parquet file.

    Attributes:
      id: prefix of its records' ids, e.g. "train/metadata.jsonl". Its position: may be logged.
      folder: where it stands relative to the data set, with "/"; "" for the top. Secret.
      kind: how its rows are written.
      columns: names of its columns in their order, where the format fixes them; else empty.
      schema: Arrow's serialised schema without its metadata, for Parquet; else empty.
      picture: name of the column that holds the pictures, for Parquet; else "".
    """

    id: str
    folder: str = field(repr=False)
    kind: Literal["jsonl", "csv", "parquet"]
    columns: tuple[str, ...] = field(default=(), repr=False)
    schema: bytes = field(default=b"", repr=False)
    picture: str = field(default="", repr=False)


def table_id(record_id: str) -> str:
    """The table that a record's id points into; "picture" for a picture that no table names."""
    return record_id.rpartition(":")[0]


def take_person(row: dict[str, Any]) -> str | None:
    """Take the label of who the row is about out of it: the label itself must not be released.

    Raises:
      UnreadableRecord: the label is neither a string nor a number.
    """
    label = row.pop(PERSON, None)
    if label is None or label == "":
        return None
    if isinstance(label, bool) or not isinstance(label, str | int | float):
        raise UnreadableRecord(
            f"{PERSON}: a {type(label).__name__}; expected a string or a number."
        )
    return str(label)
