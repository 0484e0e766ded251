# SPDX-License-Identifier: Apache-2.0
"""Strict JSON lines: what is read can be written again, and line numbers are those of an editor."""

from __future__ import annotations

import io
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from polyveil.errors import UnreadableRecord
from polyveil.records import jsonl

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda child: st.lists(child, max_size=3) | st.dictionaries(st.text("abc"), child, max_size=3),
    max_leaves=9,
)


@given(st.dictionaries(st.text("abc"), values, max_size=4))
def test_every_plain_object_is_read_as_it_is(row: dict[str, Any]) -> None:
    assert jsonl.parse(json.dumps(row).encode()) == row
    assert jsonl.parse(json.dumps(row, ensure_ascii=False).encode()) == row


@given(st.binary(max_size=200))
def test_any_bytes_are_an_object_or_one_refusal(line: bytes) -> None:
    try:
        assert isinstance(jsonl.parse(line), dict)
    except UnreadableRecord as error:
        assert error.__cause__ is None


def test_refusals_never_quote_the_line() -> None:
    for line in (b'{"text": "Anna Smith"', b'["Anna Smith"]', b'{"Anna Smith": NaN}'):
        try:
            jsonl.parse(line)
        except UnreadableRecord as error:
            assert "Anna" not in str(error)


def test_lines_are_counted_like_an_editor_does() -> None:
    file = io.BytesIO(b"\xef\xbb\xbfa\r\n\n  \nb\n" + b"c" * 50 + b"\nd")
    got = list(jsonl.lines(file, max_line=20))
    assert got == [(1, b"a\r\n"), (4, b"b\n"), (5, None), (6, b"d")]


def test_a_line_of_just_the_limit_is_read() -> None:
    for end in (b"\n", b"\r\n", b""):
        assert list(jsonl.lines(io.BytesIO(b"a" * 20 + end), max_line=20)) == [(1, b"a" * 20 + end)]
