# SPDX-License-Identifier: Apache-2.0
"""Tables from files that strangers wrote, and the types of their columns."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyveil.attack.tables import Table, read_table
from polyveil.attack.tables.table import column, stacked
from polyveil.errors import UsageError


def test_types_are_inferred_column_by_column(tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    file.write_text("age,sex,postcode,note\n31,f,00123,\n,m,0815,?\n4.5,f,,NA\n", encoding="utf-8")
    reading = read_table(file)
    table = reading.table
    assert len(table) == 3 and not reading.refused
    np.testing.assert_array_equal(table.columns["age"], [31.0, math.nan, 4.5])
    assert list(table.columns["sex"]) == ["f", "m", "f"]
    # A code of digits keeps its zeros; nothing but missing is a column of numbers.
    assert list(table.columns["postcode"]) == ["00123", "0815", None]
    assert np.isnan(table.columns["note"]).all()


def test_a_bad_row_is_one_refusal_and_the_rest_goes_on(tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    file.write_bytes(b"a,b\n1,2\n3\n4,5,6\n7,\xff\n8,9\n")
    reading = read_table(file)
    np.testing.assert_array_equal(reading.table.columns["a"], [1.0, 8.0])
    assert len(reading.refused) == 3


def test_lines_of_json_with_gaps_and_nested_columns(tmp_path: Path) -> None:
    file = tmp_path / "metadata.jsonl"
    file.write_text(
        '{"age": 3, "ok": true}\n{"age": 4, "city": "Ulm", "box": [1, 2]}\nnot json\n{"age": 5}\n',
        encoding="utf-8",
    )
    reading = read_table(file)
    assert reading.table.names == ("age", "ok", "city") and reading.left_out == ("box",)
    assert list(reading.table.columns["city"]) == [None, "Ulm", None]
    assert len(reading.refused) == 1


def test_parquet(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    file = tmp_path / "people.parquet"
    parquet.write_table(pyarrow.table({"age": [1, None, 3], "sex": ["f", "m", None]}), file)
    table = read_table(file).table
    np.testing.assert_array_equal(table.columns["age"], [1.0, math.nan, 3.0])
    assert list(table.columns["sex"]) == ["f", "m", None]
    file.write_bytes(file.read_bytes()[:-9])
    with pytest.raises(UsageError, match="Parquet"):
        read_table(file)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.xlsx", b"a\n1\n", "expected .csv"),
        ("a.csv", b"a,a\n1,2\n", "twice"),
        ("a.csv", b"a,b\n", "no row"),
        ("a.csv", b"", "no row"),
        ("a.jsonl", b'{"a": [1]}\n', "no column"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UsageError, match=said):
        read_table(tmp_path / name)


def test_size_and_absence_are_refused_by_name(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("a\n1\n2\n")
    with pytest.raises(UsageError, match="expected at most 3"):
        read_table(file, max_bytes=3)
    with pytest.raises(UsageError, match="no such file"):
        read_table(tmp_path / "b.csv")


def test_an_unclosed_quote_and_an_endless_line_end(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_bytes(b'a,b\n1,2\n"3,' + b"x" * 300_000 + b"\n5,6\n" + b"y" * 3_000_000 + b"\n")
    reading = read_table(file)
    # The broken row ends where a cell may not go on; what follows is read again.
    np.testing.assert_array_equal(reading.table.columns["a"], [1.0, 5.0])
    assert len(reading.refused) >= 2


@given(st.lists(st.one_of(st.none(), st.floats(), st.integers(), st.text(max_size=5))))
def test_a_column_is_numbers_or_categories_and_as_long(values: list[object]) -> None:
    found = column(values)
    assert len(found) == len(values) and found.dtype in (np.float64, np.object_)
    if found.dtype == np.float64:
        assert not np.isinf(found).any()
    else:
        assert all(value is None or isinstance(value, str) for value in found)


def test_rows_are_the_same_by_value_whatever_their_order_and_zeros() -> None:
    one = Table.of({"a": [0.0, 1.5], "b": ["x", None]})
    other = Table.of({"b": [None, "x"], "a": [1.5, -0.0]})
    assert set(one.digests()) == set(other.digests())
    assert len(stacked([one, other])) == 4
    with pytest.raises(UsageError, match="no column 'c'"):
        one.only(["c"])
    with pytest.raises(UsageError, match="equally long"):
        Table.of({"a": [1], "b": [1, 2]})
