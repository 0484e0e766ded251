# SPDX-License-Identifier: Apache-2.0
"""Parquet: Hugging Face pictures, values that JSON does not know, damaged row groups."""

from __future__ import annotations

import datetime
import decimal
import io
from pathlib import Path

import pytest
from PIL import Image

from polyveil.errors import UsageError
from polyveil.records.record import Record, Refused
from polyveil.records.source import open_source

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")


def encoded() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (4, 4), "red").save(buffer, "JPEG")
    return buffer.getvalue()


def test_rows_with_pictures(tmp_path: Path) -> None:
    path = tmp_path / "Anna Smith.parquet"
    columns = {
        "image": [{"bytes": encoded(), "path": "Anna.jpg"}, None, {"bytes": None, "path": "a.jpg"}],
        "text": ["a", "b", "c"],
        "person": ["Anna", None, "Bob"],
        "age": [1.5, float("nan"), None],
        "born": [datetime.date(1990, 5, 17)] * 3,
        "pay": [decimal.Decimal("10.50")] * 3,
        "blob": [b"x", None, None],
        "tags": [["p", "q"], [], None],
    }
    pq.write_table(pa.table(columns), path)
    source = open_source(path)
    first, second, third = source.records()
    assert len(source) == 3
    assert isinstance(first, Record)
    assert (first.id, first.image, first.image_name) == ("data.parquet:1", encoded(), "Anna.jpg")
    assert first.person == "Anna"
    assert first.row == {
        "text": "a", "age": 1.5, "born": "1990-05-17", "pay": "10.50", "blob": None,
        "tags": ["p", "q"],
    }  # fmt: skip
    assert isinstance(second, Record)
    assert (second.image, second.row["age"]) == (None, None)
    assert isinstance(third, Refused)
    assert source.ignored == {"value of type bytes": 1}
    assert "Anna" not in repr(first)
    assert source.fingerprint(b"k") == open_source(path).fingerprint(b"k") != source.fingerprint()


def test_a_binary_column_called_image(tmp_path: Path) -> None:
    pq.write_table(pa.table({"image": [encoded()], "text": ["a"]}), tmp_path / "a.parquet")
    (item,) = open_source(tmp_path / "a.parquet").records()
    assert isinstance(item, Record)
    assert item.image == encoded()


def test_a_damaged_row_group_is_refused_row_by_row(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    table = pa.table({"text": [f"{number} " * 50 for number in range(30)]})
    pq.write_table(table, path, row_group_size=10, compression="zstd", use_dictionary=False)
    with pq.ParquetFile(path) as file:
        at = file.metadata.row_group(1).column(0).data_page_offset
    data = bytearray(path.read_bytes())
    data[at : at + 40] = b"\xff" * 40
    path.write_bytes(data)
    items = list(open_source(path).records())
    assert [item.id for item in items] == [f"data.parquet:{n}" for n in range(1, 31)]
    refused = [item.id for item in items if isinstance(item, Refused)]
    assert refused == [f"data.parquet:{n}" for n in range(11, 21)]


@pytest.mark.parametrize("data", [b"", b"PAR1", b"PAR1" + bytes(500) + b"PAR1", encoded()])
def test_what_is_no_parquet_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "Anna.parquet").write_bytes(data)
    with pytest.raises(UsageError) as caught:
        open_source(tmp_path / "Anna.parquet")
    assert "Anna" not in str(caught.value)
