# SPDX-License-Identifier: Apache-2.0
"""Which data set this is, by its content: a budget belongs to people, not to a folder's name.

Two data sets are the same exactly if they hold the same set of record contents:

- **Files.** A record is a file; its content is its bytes. Names, order, folders, dates and copies
  of the same file change nothing. Left out: names that begin with a dot, Thumbs.db, desktop.ini,
  which file managers write unasked. A link counts as what it leads to.
- **Arrays.** A record is one row of the first axis, over all given arrays jointly; its content is
  its values in order: whole numbers, truth values and texts exactly, fractions as 64-bit floats
  (-0 as 0, every NaN alike). Order and copies of records, shape within a record, width and byte
  order of numbers change nothing. The order of the arrays counts.

Where that is doubtful it errs to "the same", which charges one budget too often, never too rarely.
What it cannot see: a part, a resized or re-encoded copy, other labels, or one added record make
another data set with a budget of its own although the people are the same. Charge a part under the
id of the whole. A list of per-record hashes would find overlaps, and would let whoever reads it
test whether a record is in the data: it is not kept.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NewType, TypeAlias

import numpy as np
from numpy.typing import NDArray

from polyveil.errors import UsageError

DataSetId = NewType("DataSetId", str)
Arrays: TypeAlias = Any
"""An array, or a sequence or mapping of arrays with one row a record each."""

_CHUNK = 2**20
_UNASKED = frozenset(("thumbs.db", "desktop.ini"))


def content_hash(data: str | Path | Arrays) -> DataSetId:
    """SHA-256 over the set of record contents, 64 hex digits; see above for what makes two equal.

    Memory: a megabyte, and about 0.1 kB a record.

    Args:
      data: a folder, a file, an array (records first), or a sequence or mapping of such arrays;
        a mapping counts in the order of its sorted keys. Anything with `__array__` is an array.

    Raises:
      UsageError: nothing there, no record in it, arrays of different length or of objects.
    """
    if isinstance(data, str | Path):
        kind, digests = "files", _file_digests(Path(data))
    else:
        kind, digests = "arrays", _record_digests(_arrays(data))
    distinct = sorted(set(digests))
    if not distinct:
        raise UsageError("data set: expected at least one record, got none.")
    total = hashlib.sha256(f"polyveil data set 1 {kind} {len(distinct)}\n".encode())
    for digest in distinct:
        total.update(digest)
    return DataSetId(total.hexdigest())


def _file_digests(root: Path) -> Iterator[bytes]:
    for path in _files(root):
        with path.open("rb") as stream:
            yield hashlib.file_digest(stream, "sha256").digest()


def _files(root: Path) -> Iterator[Path]:
    if root.is_file():
        yield root
        return
    if not root.is_dir():
        raise UsageError(f"{root}: expected a folder or a file; nothing can be read there.")
    seen: set[tuple[int, int]] = set()
    for folder, folders, names in os.walk(root, followlinks=True, onerror=_unreadable):
        status = Path(folder).stat()
        place = (status.st_dev, status.st_ino)
        if place in seen:  # a link that leads back, or a second way to the same files
            folders.clear()
            continue
        seen.add(place)
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            if name.startswith(".") or name.lower() in _UNASKED:
                continue
            path = Path(folder, name)
            if not path.is_file():
                raise UsageError(f"{path}: expected a file; this is a broken link or a device.")
            yield path


def _unreadable(error: OSError) -> None:
    raise UsageError(f"{error.filename}: this folder cannot be read; its records would not count.")


def _arrays(data: Arrays) -> list[NDArray[Any]]:
    if isinstance(data, Mapping):
        parts: Iterable[Any] = (data[name] for name in sorted(data))
    elif isinstance(data, Sequence):
        parts = data
    else:
        parts = [data]
    arrays = [np.asarray(part) for part in parts]
    if not arrays or any(array.ndim == 0 for array in arrays):
        raise UsageError("data set: expected arrays with one row a record, got a single number.")
    lengths = sorted({len(array) for array in arrays})
    if len(lengths) > 1:
        raise UsageError(f"data set: expected arrays of one length, got {lengths}.")
    for array in arrays:
        if array.dtype.kind not in "biufcUS":
            raise UsageError(
                f"data set: expected numbers or texts, got an array of {array.dtype}. Convert it, "
                "or hash the files it was read from."
            )
    return arrays


def _record_digests(arrays: list[NDArray[Any]]) -> Iterator[bytes]:
    width = sum(max(array[:1].nbytes, 1) for array in arrays)
    step = max(1, _CHUNK // width)
    for start in range(0, len(arrays[0]), step):
        chunks = [_canonical(array[start : start + step]) for array in arrays]
        for row in zip(*chunks, strict=True):
            record = hashlib.sha256()
            for kind, content in row:
                record.update(kind + len(content).to_bytes(8, "big"))
                record.update(content)
            yield record.digest()


def _canonical(rows: NDArray[Any]) -> Iterator[tuple[bytes, bytes]]:
    """Each row as (kind, bytes), the same for equal values whatever their type's width."""
    flat = rows.reshape(len(rows), -1)
    if flat.dtype.kind in "US":
        for row in flat:
            words = [word if isinstance(word, bytes) else word.encode() for word in row.tolist()]
            yield b"t", b"".join(len(word).to_bytes(8, "big") + word for word in words)
        return
    kind, wide = _widest(flat.dtype)
    values = flat.astype(wide)
    if kind != b"i":
        values = values + 0.0  # -0 becomes 0
        values[np.isnan(values)] = np.nan
    for row in values:
        yield kind, row.tobytes()


def _widest(dtype: np.dtype[Any]) -> tuple[bytes, str]:
    if dtype.kind == "f":
        return b"f", "<f8"
    if dtype.kind == "c":
        return b"c", "<c16"
    return b"i", "<u8" if dtype == np.uint64 else "<i8"
