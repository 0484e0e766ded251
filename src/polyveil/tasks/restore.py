# SPDX-License-Identifier: Apache-2.0
"""Turns the texts of a safe copy back, with the vault. Pictures stay: what was replaced is gone."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

from polyveil.errors import EXIT_CLEAN, EXIT_RECORDS_REFUSED, UsageError, VaultError
from polyveil.privacy.vault import Vault
from polyveil.records.record import Record, Refused
from polyveil.records.source import open_source
from polyveil.tasks.output_key import output_key


@dataclass(frozen=True, slots=True)
class Restored:
    """What came back.

    Attributes:
      records: rows written.
      texts: strings turned back.
      unchanged: strings that the vault knows nothing of, written as they are.
      refused: rows whose text was changed since its release, by position.
    """

    records: int
    texts: int
    unchanged: int
    refused: tuple[str, ...]

    @property
    def exit_code(self) -> int:
        """3 where a row could not be turned back."""
        return EXIT_RECORDS_REFUSED if self.refused else EXIT_CLEAN

    def to_json(self) -> dict[str, Any]:
        """Versioned JSON."""
        return {"schema": "polyveil.restored/1", **asdict(self)}

    def summary(self) -> str:
        """One sentence, and one for what was refused."""
        text = f"{self.texts} texts of {self.records} records turned back, {self.unchanged} kept."
        if self.refused:
            text += f"\n{len(self.refused)} records were changed since their release and refused."
        return text


def restore(safe: str | Path, *, vault: str | Path, passphrase: str, out: str | Path) -> Restored:
    """Writes the rows of a safe copy with their original texts, as JSON lines.

    Args:
      safe: output folder (or Parquet file) of `desensitize`; rows may have been left out since.
      vault: the vault of that job.
      out: a new file; it holds originals, so it is written with mode 0600.

    Raises:
      UsageError: `out` exists already, or `safe` is no data set.
      VaultError: wrong passphrase, or a damaged vault.
    """
    target = Path(out)
    if target.exists():
        raise UsageError(f"{target.name}: exists already; originals overwrite nothing.")
    counts = _Counts()
    with Vault.open(Path(vault), passphrase) as kept, _private(target) as file:
        for record in open_source(Path(safe)).records():
            row = _row(record, kept, counts)
            if row is not None:
                file.write(json.dumps(row, ensure_ascii=False).encode() + b"\n")
    return counts.result()


@contextmanager
def _private(target: Path) -> Iterator[BinaryIO]:
    """A file of mode 0600 that appears under its name when it is whole."""
    draft = target.with_name(f".{target.name}.{secrets.token_hex(6)}.part")
    try:
        with os.fdopen(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)


class _Counts:
    def __init__(self) -> None:
        self.records = self.texts = self.unchanged = 0
        self.refused: list[str] = []

    def result(self) -> Restored:
        return Restored(self.records, self.texts, self.unchanged, tuple(self.refused))


def _row(record: Record | Refused, vault: Vault, counts: _Counts) -> dict[str, Any] | None:
    if isinstance(record, Refused):
        counts.refused.append(record.id)
        return None
    key = output_key(record.row, record.image_name)
    if not vault.knows(key):
        counts.unchanged += sum(1 for _ in record.texts())
        row = dict(record.row)
    else:
        try:
            row = record.with_texts(lambda path, text: vault.restore_text(key, text, path))
        except VaultError:
            counts.refused.append(record.id)
            return None
        counts.texts += sum(1 for _ in record.texts())
    counts.records += 1
    return {"file_name": record.image_name, **row} if record.image_name else row
