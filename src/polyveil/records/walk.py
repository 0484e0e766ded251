# SPDX-License-Identifier: Apache-2.0
"""Walking a folder that strangers filled: sorted, never through a link, never out of the folder.

Every entry gets one verdict, so that nothing is lost in silence: a picture, a table, something
to refuse, or something left out with a reason that can be counted.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum, auto
from pathlib import Path

from polyveil.errors import UnreadableRecord
from polyveil.records import picture

TABLES = ("metadata.jsonl", "metadata.csv")
_PICTURES = frozenset(
    (*picture.SUFFIXES.values(), ".jpeg", ".jpe", ".jfif", ".tiff", ".dib", ".apng")
)


class Verdict(Enum):
    """What to do with an entry of the folder."""

    PICTURE = auto()
    TABLE = auto()
    SHARD = auto()
    """A Parquet file."""
    REFUSE = auto()
    IGNORE = auto()


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the folder.

    Attributes:
      name: path relative to the folder, with "/". Secret.
      verdict: what to do with it.
      reason: why it is refused or left out, without its name.
      size, changed: bytes and nanoseconds, for the fingerprint; 0 where unknown.
    """

    name: str = field(repr=False)
    verdict: Verdict
    reason: str = ""
    size: int = 0
    changed: int = 0


def walk(root: Path) -> Iterator[Entry]:
    """Every entry below root: files of a folder first, then its folders, both sorted by name."""
    top = root.resolve()
    waiting = [""]
    while waiting:
        folder = waiting.pop()
        prefix = f"{folder}/" if folder else ""
        try:
            with os.scandir(root / folder) as listing:
                entries = sorted(listing, key=lambda entry: entry.name)
        except OSError as error:
            yield Entry(folder, Verdict.REFUSE, f"a folder that cannot be listed ({_name(error)})")
            continue
        below = []
        for entry in entries:
            name = prefix + entry.name
            if entry.name.startswith("."):
                yield Entry(name, Verdict.IGNORE, "hidden file or folder")
            elif entry.is_symlink():
                yield _linked(top, Path(entry.path), name)
            elif entry.is_dir(follow_symlinks=False):
                below.append(name)
            else:
                yield _judge(Path(entry.path), name)
        waiting.extend(reversed(below))


def inside(top: Path, path: Path) -> Path | None:
    """The file that a path leads to if that lies in `top` (resolved); else None."""
    try:
        real = path.resolve(strict=True)
    except (OSError, RuntimeError, ValueError):
        return None
    return real if real.is_relative_to(top) else None


def _linked(top: Path, path: Path, name: str) -> Entry:
    real = inside(top, path)
    if real is None:
        return Entry(name, Verdict.REFUSE, "a link that is broken or leads out of the data set")
    if real.is_dir():
        return Entry(name, Verdict.IGNORE, "link to a folder of the same data set")
    return _judge(real, name)


def _judge(path: Path, name: str) -> Entry:
    try:
        status = path.stat()
    except OSError as error:
        return Entry(name, Verdict.REFUSE, f"a file that cannot be read ({_name(error)})")
    if not stat.S_ISREG(status.st_mode):
        return Entry(name, Verdict.REFUSE, "a pipe, socket or device")
    verdict, reason = Verdict.IGNORE, "not a picture in one of the formats that are read"
    last = name.rpartition("/")[2]
    if last in TABLES:
        verdict, reason = Verdict.TABLE, ""
    elif last.lower().endswith(".parquet"):
        verdict, reason = Verdict.SHARD, "Parquet file beside pictures or rows: open it alone"
    elif os.path.splitext(last)[1].lower() in _PICTURES or _looks_like_picture(path):  # noqa: PTH122
        verdict, reason = Verdict.PICTURE, ""
    return Entry(name, verdict, reason, status.st_size, status.st_mtime_ns)


def _looks_like_picture(path: Path) -> bool:
    try:
        return picture.format_of(path) is not None
    except UnreadableRecord:
        return False


def _name(error: OSError) -> str:
    return type(error).__name__
