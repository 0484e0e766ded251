# SPDX-License-Identifier: Apache-2.0
"""Reading a file that a stranger placed: a regular one, not too large, without ever waiting."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from polyveil.errors import UnreadableRecord

_O_BINARY = getattr(os, "O_BINARY", 0)


def read_file(path: Path, what: str, *, limit: int | None = None, head: int | None = None) -> bytes:
    """Bytes of a regular file; never waits for one that is a pipe.

    Args:
      path: of the file.
      what: a word for messages, such as "picture".
      limit: bytes that it may have at most; None: any number.
      head: how many of its first bytes are read; None: all.

    Raises:
      UnreadableRecord: missing, not a regular file (pipe, device, folder), or larger than limit.
    """
    trouble, size = "", 0
    try:
        # Non-blocking: opening a named pipe would otherwise wait for its writer for ever.
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | _O_BINARY)
        with os.fdopen(handle, "rb") as file:
            status = os.fstat(handle)
            size = status.st_size
            if not stat.S_ISREG(status.st_mode):
                trouble = "not a regular file"
            elif limit is None or size <= limit:
                return file.read(-1 if head is None else head)
    except (OSError, ValueError) as error:
        trouble = type(error).__name__
    if trouble:
        raise UnreadableRecord(f"{what}: {trouble}; expected a readable, regular file.")
    raise too_large(what, size, limit or 0)


def read_bytes(source: Path | bytes, what: str, *, limit: int) -> bytes:
    """The bytes of a file, or the bytes themselves; at least one, at most `limit`.

    Raises:
      UnreadableRecord: as `read_file`, or there is nothing in it.
    """
    data = source if isinstance(source, bytes) else read_file(source, what, limit=limit)
    if not data:
        raise UnreadableRecord(f"{what}: 0 bytes; expected an encoded {what}.")
    if len(data) > limit:
        raise too_large(what, len(data), limit)
    return data


def too_large(what: str, size: int, limit: int) -> UnreadableRecord:
    """The refusal of more bytes than allowed."""
    return UnreadableRecord(f"{what}: {size} bytes; expected at most {limit}. Raise max_bytes.")
