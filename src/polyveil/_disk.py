# SPDX-License-Identifier: Apache-2.0
"""Where files may be written, and how they survive a kill and a loss of power: whole or absent."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable
from pathlib import Path

from polyveil.errors import UsageError


def check_outside(out: Path, read: Iterable[Path]) -> None:
    """Whether a result may be written there: data with one file more are others to the ledger.

    Args:
      out: file or folder to be written, links followed.
      read: files and folders that it is made from.

    Raises:
      UsageError: it is one of them, or lies inside.
    """
    real = out.resolve()
    if any(real.is_relative_to(one.resolve()) for one in read):
        raise UsageError(
            "out: it lies inside what is read, or is it. Nothing was written. Choose a place "
            "elsewhere."
        )


def write_whole(path: Path, content: bytes, *, mode: int = 0o600) -> None:
    """A file that appears under its name whole and on the disk, or not at all."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}.part")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Bring a folder's entries to the disk, where the system can do that for folders."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:  # Windows opens no folders; its rename is durable enough
        return
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
