# SPDX-License-Identifier: Apache-2.0
"""Decoding a trace of behaviour that may be hostile: rows of numbers, one a step, nothing else.

A trace is a table: one row a key, a sample of a sensor, a move of a pointer. It comes as CSV, JSON,
NPY, NPZ, or as rows within the record. Arrays are read by their header and their bytes, never
unpickled; sizes are checked before anything is unfolded. Names of columns are kept where they are
given, because a reader of keystrokes finds its columns by them.

| What came                                         | What is returned                           |
|---------------------------------------------------|--------------------------------------------|
| rows of numbers; one number a row                 | [steps, features], without names           |
| rows of {"hold_ms": 80, "keycode": 65, ...}       | the same with names, in the first's order  |
| CSV, with or without a line of names              | the same; comma, semicolon or tab          |
| NPY of one or two axes                            | the same, without names                    |
| NPZ: one array; or one column an array            | the same; columns with their names         |
| Booleans in JSON, NaN, infinity, ragged rows      | refused by name                            |
"""

from __future__ import annotations

import io
import math
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from polyveil import _validate
from polyveil.errors import UnreadableRecord
from polyveil.records import jsonl
from polyveil.records.regular_file import read_bytes

_EXPECTED = "rows of numbers"
_LARGEST = float(np.finfo(np.float32).max)
_STORED = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})


@dataclass(frozen=True, slots=True)
class TraceLimits:
    """What a trace may cost. Public.

    Attributes:
      max_bytes: size of the encoded trace, and of what a packed one unfolds to, bytes.
      max_steps: rows.
      max_features: columns.
    """

    max_bytes: int = 16 << 20
    max_steps: int = 1_000_000
    max_features: int = 256

    def __post_init__(self) -> None:
        _validate.at_least(
            1,
            max_bytes=self.max_bytes,
            max_steps=self.max_steps,
            max_features=self.max_features,
        )


DEFAULT_LIMITS = TraceLimits()


@dataclass(frozen=True, slots=True)
class Trace:
    """A decoded trace of behaviour.

    Attributes:
      values: float32 (steps, features), finite, in the units in which they came. Secret.
      names: of the columns where the trace gives them, else (). Secret: a stranger wrote them.
    """

    values: NDArray[np.float32] = field(repr=False)
    names: tuple[str, ...] = field(default=(), repr=False)


def decode(source: Path | bytes | Sequence[Any], *, limits: TraceLimits = DEFAULT_LIMITS) -> Trace:
    """The rows of a trace.

    Args:
      source: a file, its bytes, or the rows themselves as JSON gives them.
      limits: checked before anything is unfolded.

    Raises:
      UnreadableRecord: no allowed format, beyond a limit, empty, ragged, or not all numbers that a
        float32 holds. The message holds no name and no content.
    """
    if isinstance(source, list | tuple):
        return _rows(source, limits)
    if not isinstance(source, Path | bytes):
        raise _refused(f"a {type(source).__name__}")
    data = read_bytes(source, "behaviour", limit=limits.max_bytes)
    trouble = "unknown"
    try:
        return _reader(data)(data, limits)
    except UnreadableRecord:
        raise
    except Exception as error:  # noqa: BLE001 - zip and array headers are parsers of their own
        trouble = type(error).__name__
    # Raised outside the handler: no traceback carries the parser's own message along.
    raise _refused(f"its reader stopped with {trouble}")


def _reader(data: bytes) -> Callable[[bytes, TraceLimits], Trace]:
    if data.startswith(npy.MAGIC_PREFIX):
        return _npy
    if data.startswith(b"PK\x03\x04"):
        return _npz
    return _json if data.lstrip()[:1] in (b"[", b"{") else _csv


def _json(data: bytes, limits: TraceLimits) -> Trace:
    found = jsonl.value_of(data, "behaviour", expected=_EXPECTED)
    if isinstance(found, dict):
        return _columns(found, limits)
    return _rows(found, limits)


def _rows(rows: Sequence[Any], limits: TraceLimits) -> Trace:
    if not rows:
        raise _refused("no rows")
    _check_size(len(rows), 1, limits)
    names: tuple[str, ...] = ()
    if isinstance(rows[0], dict):
        names = tuple(rows[0])
        if any(not isinstance(row, dict) or set(row) != set(names) for row in rows):
            raise _refused("rows with other names than the first")
        rows = [[row[name] for name in names] for row in rows]
    elif not isinstance(rows[0], list | tuple):
        rows = [[row] for row in rows]
    if any(not isinstance(row, list | tuple) or len(row) != len(rows[0]) for row in rows):
        raise _refused("rows of several lengths")
    _check_size(len(rows), len(rows[0]), limits)
    if any(isinstance(cell, bool) or not isinstance(cell, int | float) for r in rows for cell in r):
        raise _refused("values that are no numbers")
    return _trace(_floats(rows), names, limits)


def _floats(rows: Sequence[Sequence[Any]]) -> NDArray[np.float64]:
    try:
        return np.array([[float(cell) for cell in row] for row in rows], dtype=np.float64)
    except OverflowError:  # an integer of hundreds of digits
        pass
    raise _refused("a number that no float holds")


def _columns(columns: dict[str, Any], limits: TraceLimits) -> Trace:
    names = tuple(columns)
    if any(not isinstance(column, list) for column in columns.values()):
        raise _refused("columns that are no lists")
    if len({len(column) for column in columns.values()}) != 1:
        raise _refused("no columns, or columns of several lengths")
    trace = _rows([list(row) for row in zip(*columns.values(), strict=True)], limits)
    return Trace(trace.values, names)


def _csv(data: bytes, limits: TraceLimits) -> Trace:
    try:
        lines = [line for line in data.decode("utf-8-sig").splitlines() if line.strip()]
    except UnicodeDecodeError:
        lines = []
    if not lines:
        raise _refused("bytes that announce no allowed format")
    _check_size(len(lines) - 1, 1, limits)
    comma = max(",;\t", key=lines[0].count)
    first = [cell.strip().strip('"') for cell in lines[0].split(comma)]
    named = any(_number(cell) is None for cell in first)
    _check_size(len(lines) - named, len(first), limits)
    rows = [[_number(cell) for cell in line.split(comma)] for line in lines[named:]]
    if any(cell is None for row in rows for cell in row):
        raise _refused("cells that are no numbers")
    if named and len(set(first)) != len(first):
        raise _refused("a name of a column that comes twice")
    trace = _rows(rows, limits)
    if named and len(first) != trace.values.shape[1]:
        raise _refused("another number of cells than names")
    return Trace(trace.values, tuple(first) if named else ())


def _number(cell: str) -> float | None:
    """The number in a cell; None for anything else, "1_000" and other digits than ours included."""
    text = cell.strip().strip('"')
    if not text.isascii() or "_" in text:
        return None
    try:
        return float(text)
    except ValueError:
        return None


def _npy(data: bytes, limits: TraceLimits) -> Trace:
    values = _array(data, limits)
    if values.ndim == 1:
        values = values[:, None]
    if values.ndim != 2:
        raise _refused(f"an array of {values.ndim} axes")
    _check_size(values.shape[0], values.shape[1], limits)
    return _trace(values.astype(np.float64), (), limits)


def _npz(data: bytes, limits: TraceLimits) -> Trace:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = archive.infolist()
        _check_size(1, len(members), limits)
        if sum(member.file_size for member in members) > limits.max_bytes:
            raise _refused(f"more than {limits.max_bytes} bytes unfolded")
        arrays: dict[str, bytes] = {}
        for member in members:
            if member.compress_type not in _STORED or member.flag_bits & 1:
                raise _refused("an archive packed or locked in another way")
            with archive.open(member) as file:
                arrays[member.filename.removesuffix(".npy")] = file.read(member.file_size)
    if len(arrays) != len(members):
        raise _refused("a name of an array that comes twice")
    if len(arrays) == 1:
        return _npy(next(iter(arrays.values())), limits)
    columns = [_array(part, limits) for part in arrays.values()]
    if any(column.ndim != 1 or len(column) != len(columns[0]) for column in columns):
        raise _refused("several arrays that are no columns of one length")
    values = np.stack([column.astype(np.float64) for column in columns], axis=1)
    return _trace(values, tuple(arrays), limits)


def _array(data: bytes, limits: TraceLimits) -> NDArray[Any]:
    """The array of an NPY file: numbers only, exactly as many bytes as its header says."""
    file = io.BytesIO(data)
    version = npy.read_magic(file)
    read = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}.get(version)
    if read is None:
        raise _refused("an NPY file of another version than 1.0 and 2.0")
    shape, by_columns, kind = read(file)
    # Kinds: no objects (pickles), no text, no records, no complex numbers.
    if kind.kind not in "fiu" or kind.itemsize > 8 or kind.subdtype is not None:
        raise _refused("an array of something else than numbers")
    body = data[file.tell() :]
    if min(shape, default=0) < 1 or len(shape) > 2:
        raise _refused("an array that is empty or has more than two axes")
    if math.prod(shape) * kind.itemsize != len(body):
        raise _refused("an array of another length than its header says")
    _check_size(shape[0], shape[1] if len(shape) == 2 else 1, limits)
    return np.frombuffer(body, dtype=kind).reshape(shape, order="F" if by_columns else "C")


def _check_size(steps: int, features: int, limits: TraceLimits) -> None:
    if steps > limits.max_steps or features > limits.max_features:
        raise _refused(
            f"at least {steps} steps of {features} features",
            f"at most {limits.max_steps} of {limits.max_features}",
        )


def _trace(values: NDArray[np.float64], names: tuple[str, ...], limits: TraceLimits) -> Trace:
    if not values.size:
        raise _refused("no rows or no columns")
    _check_size(values.shape[0], values.shape[1], limits)
    if not np.isfinite(values).all() or float(np.abs(values).max()) > _LARGEST:
        raise _refused("NaN, infinity, or a number that no float32 holds")
    return Trace(np.ascontiguousarray(values, dtype=np.float32), names)


def _refused(trouble: str, expected: str = _EXPECTED) -> UnreadableRecord:
    return UnreadableRecord(f"behaviour: {trouble}; expected {expected}.")
