# SPDX-License-Identifier: Apache-2.0
"""Traces of behaviour: one table however it is written, and nothing unfolds, unpickles or lies."""

from __future__ import annotations

import io
import json
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyveil.errors import UnreadableRecord
from polyveil.records.behaviour import TraceLimits, decode

ROWS = [[80.0, 0.0, 65.0], [95.5, 210.0, 32.0]]
NAMES = ("hold_ms", "down_down_ms", "keycode")
TABLE = np.array(ROWS, np.float32)


def npy(array: Any) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=True)
    return buffer.getvalue()


def npz(**arrays: Any) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def named() -> list[dict[str, float]]:
    return [dict(zip(NAMES, row, strict=True)) for row in ROWS]


@pytest.mark.parametrize(
    ("source", "names"),
    [
        (ROWS, ()),
        (named(), NAMES),
        (json.dumps(ROWS).encode(), ()),
        (json.dumps(named()).encode(), NAMES),
        (json.dumps(dict(zip(NAMES, zip(*ROWS, strict=True), strict=True))).encode(), NAMES),
        (b"80,0,65\n95.5,210,32\n", ()),
        (b"\xef\xbb\xbfhold_ms;down_down_ms;keycode\r\n80;0;65\r\n\r\n95.5;210;32", NAMES),
        (b'"hold_ms"\t"down_down_ms"\t"keycode"\n80\t0\t65\n95.5\t210\t32\n', NAMES),
        (npy(TABLE), ()),
        (npy(np.asfortranarray(TABLE)), ()),
        (npy(TABLE.astype(">f8")), ()),
        (npz(anything=TABLE), ()),
        (npz(**dict(zip(NAMES, TABLE.T, strict=True))), NAMES),
    ],
)
def test_one_table_however_it_is_written(source: Any, names: tuple[str, ...]) -> None:
    trace = decode(source)
    assert trace.values.dtype == np.float32
    np.testing.assert_array_equal(trace.values, TABLE)
    assert trace.names == names
    assert "hold" not in repr(trace)


@pytest.mark.parametrize("source", [[1, 2.5], b"1\n2.5\n", npy(np.array([1, 2.5])), b"[1, 2.5]"])
def test_one_number_a_row(source: Any) -> None:
    assert decode(source).values.tolist() == [[1.0], [2.5]]


def test_a_file_is_read_as_its_bytes(tmp_path: Path) -> None:
    path = tmp_path / "trace"
    path.write_bytes(npy(TABLE))
    assert (decode(path).values == TABLE).all()
    with pytest.raises(UnreadableRecord, match="behaviour: "):
        decode(tmp_path)


def bomb() -> bytes:
    """An archive of 30 kB whose one member unfolds to 30 MB."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.npy", npy(np.zeros(4_000_000)))
    return buffer.getvalue()


def understated() -> bytes:
    """The same, stating that it unfolds to 200 bytes."""
    data = bytearray(bomb())
    for mark, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        at = data.index(mark) + offset
        data[at : at + 4] = (200).to_bytes(4, "little")
    return bytes(data)


def vast() -> bytes:
    """A header of 128 bytes that states an array of 8 TB."""
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,), }"
    return b"\x93NUMPY\x01\x00\x76\x00" + header.ljust(117) + b"\n" + b"\0" * 8


class Trap:
    def __reduce__(self) -> tuple[Any, ...]:
        return (exec, ("raise SystemExit('unpickled')",))


@pytest.mark.parametrize(
    "source",
    [
        [],
        [[]],
        [[1, 2], [3]],
        [[1], [True]],
        [["1"]],
        [[None]],
        [[10**400]],
        [[float("nan")]],
        [[1e39]],
        [{"a": 1}, {"b": 1}],
        [{"a": 1}, [1]],
        "1,2",
        {"a": 1},
        5,
        b"",
        b"  \n ",
        b"\xff\xfe\x00",
        b"anna,bert\nmaria,keller\n",
        b"a,b\n1\n",
        b"a,a\n1,2\n",
        b"a,b\n",
        b"1_000\n",
        "١٢\n".encode(),  # digits of another script: float() would take them
        b"1,2\n3\n",
        b"nan\n",
        b"[[1, NaN]]",
        b"[" * 100_000,
        b'{"a": [1], "a": [2]}',
        b'{"a": [1], "b": [2, 3]}',
        b'{"a": 1}',
        b"{}",
        b"\x93NUMPY",
        npy(np.zeros((2, 2, 2))),
        npy(np.zeros((0, 3))),
        npy(np.array(5.0)),
        npy(np.array(["a"])),
        npy(np.array([1j])),
        npy(np.array([np.inf])),
        npy(np.array([True])),
        npy(np.zeros(3, [("a", "f4")])),
        npy(np.array([Trap()], dtype=object)),
        npy(TABLE)[:-4],
        npy(TABLE) + b"\0",
        vast(),
        bomb(),
        understated(),
        npz(a=TABLE, b=TABLE[:1]),
        npz(a=np.array([Trap()], dtype=object)),
        b"PK\x03\x04" + b"\0" * 50,
        pickle.dumps([[1.0]]),
    ],
)
def test_what_is_refused(source: Any) -> None:
    with pytest.raises(UnreadableRecord, match="behaviour: ") as caught:
        decode(source)
    assert "maria" not in str(caught.value)
    assert caught.value.__context__ is None


def test_limits() -> None:
    few = TraceLimits(max_steps=3, max_features=2)
    assert decode([[1, 2]] * 3, limits=few).values.shape == (3, 2)
    for source in ([[1, 2]] * 4, [[1, 2, 3]], b"1\n2\n3\n4\n", npy(np.zeros((4, 1))), npy(TABLE)):
        with pytest.raises(UnreadableRecord, match="expected at most 3 of 2"):
            decode(source, limits=few)
    with pytest.raises(UnreadableRecord, match="expected at most 9"):
        decode(b"1\n" * 5, limits=TraceLimits(max_bytes=9))
    with pytest.raises(ValueError, match="max_steps"):
        TraceLimits(max_steps=0)


numbers = st.floats(-1e6, 1e6, width=32)
tables = st.integers(1, 5).flatmap(
    lambda width: st.lists(
        st.lists(numbers, min_size=width, max_size=width), min_size=1, max_size=20
    )
)


@given(tables)
def test_json_csv_npy_and_rows_agree(rows: list[list[float]]) -> None:
    inline = decode(rows).values
    csv = "\n".join(",".join(map(repr, row)) for row in rows).encode()
    for source in (json.dumps(rows).encode(), csv, npy(np.array(rows)), npz(x=np.array(rows))):
        np.testing.assert_array_equal(decode(source).values, inline)


@given(st.binary(max_size=400), st.sampled_from([b"", b"\x93NUMPY\x01\x00", b"PK\x03\x04", b"[["]))
def test_hostile_bytes_are_traces_or_refused(data: bytes, head: bytes) -> None:
    try:
        trace = decode(head + data)
    except UnreadableRecord:
        return
    assert trace.values.ndim == 2 and np.isfinite(trace.values).all()


@given(st.data(), st.sampled_from([npy(TABLE), npz(a=TABLE), npz(a=TABLE[0], b=TABLE[1])]))
def test_damaged_arrays_are_traces_or_refused(draw: st.DataObject, whole: bytes) -> None:
    damaged = bytearray(whole)
    for _ in range(draw.draw(st.integers(1, 5))):
        damaged[draw.draw(st.integers(0, len(damaged) - 1))] = draw.draw(st.integers(0, 255))
    try:
        trace = decode(bytes(damaged))
    except UnreadableRecord:
        return
    assert trace.values.ndim == 2 and np.isfinite(trace.values).all()
