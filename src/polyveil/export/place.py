# SPDX-License-Identifier: Apache-2.0
"""The output folder: whether it may be written to, and how a file appears in it all at once."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from polyveil._disk import sync_folder
from polyveil.errors import UsageError

PRIVATE = ".polyveil"
"""Folder of the journal and of unfinished files: mode 0700, no part of the release."""

JOURNAL = "journal.sqlite"


def prepare(out: Path, source: Path | None = None) -> Path:
    """Make the output folder and its private folder; returns the private one.

    Raises:
      UsageError: the output lies in the input, is the input, holds files that are not ours, or
        cannot be made.
    """
    if source is not None:
        check_apart(out, source)
    private = out / PRIVATE
    if out.exists() and not out.is_dir():
        raise UsageError("output: a file of that name exists; expected a new or empty folder.")
    if private.is_symlink():
        raise UsageError(f"output: {PRIVATE} is a link. Choose a new or empty folder.")
    foreign = out.is_dir() and any(entry.name != PRIVATE for entry in out.iterdir())
    if foreign and not (private / JOURNAL).is_file():
        raise UsageError(
            "output: the folder holds files and no polyveil journal. Nothing was written. "
            "Choose a new or empty folder."
        )
    try:
        out.mkdir(parents=True, exist_ok=True)
        for folder in (private, private / "tmp", private / "pictures"):
            folder.mkdir(mode=0o700, exist_ok=True)
        private.chmod(0o700)
    except OSError as error:
        raise UsageError(
            f"output: {type(error).__name__} while making the folder. Choose one you may write to."
        ) from None
    return private


def check_apart(out: Path, source: Path) -> None:
    """Raises UsageError if the output is the input or lies in it."""
    real, origin = out.resolve(), source.resolve()
    if real == origin or real.is_relative_to(origin):
        raise UsageError(
            "output: it is the input folder or lies inside it. Nothing was written. "
            "Choose a folder elsewhere."
        )


@contextmanager
def appearing(out: Path, name: str, *, durable: bool = True) -> Iterator[BinaryIO]:
    """A file to write that appears under out/name, whole and on the disk, when the block ends well.

    Until then it lies in the private folder; a kill at any moment leaves nothing under the name.
    """
    final = out / name
    draft = out / PRIVATE / "tmp" / f"{secrets.token_hex(12)}.part"
    try:
        with draft.open("xb") as file:
            yield file
            if durable:
                file.flush()
                os.fsync(file.fileno())
        final.parent.mkdir(parents=True, exist_ok=True)
        draft.replace(final)
    finally:
        draft.unlink(missing_ok=True)
    if durable:
        sync_folder(final.parent)


def settle(path: Path) -> None:
    """Makes a file that appeared without `durable` survive a loss of power."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    sync_folder(path.parent)
