# SPDX-License-Identifier: Apache-2.0
"""Messages come back as they were; any changed, missing or added byte is noticed."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polyveil.encrypted import envelope
from polyveil.errors import UsageError

MESSAGE = envelope.seal("probe", {"key": "k"}, [b"one", b"", b"three"])


@given(st.dictionaries(st.text(), st.integers()), st.lists(st.binary(max_size=20), max_size=4))
def test_round_trip(facts: dict[str, int], blobs: list[bytes]):
    assert envelope.open_("x", envelope.seal("x", facts, blobs), where="w") == (facts, blobs)


@settings(max_examples=300)
@given(st.integers(0, len(MESSAGE) - 1), st.integers(1, 255))
def test_a_changed_byte_is_noticed(place: int, change: int):
    broken = bytearray(MESSAGE)
    broken[place] ^= change
    with pytest.raises(UsageError):
        envelope.open_("probe", bytes(broken), where="w")


@pytest.mark.parametrize("length", range(len(MESSAGE)))
def test_every_truncation_is_noticed(length: int):
    with pytest.raises(UsageError):
        envelope.open_("probe", MESSAGE[:length], where="w")


def test_an_added_byte_and_another_kind_are_noticed():
    with pytest.raises(UsageError, match="changed or are missing"):
        envelope.open_("probe", MESSAGE + b"x", where="w")
    with pytest.raises(UsageError, match="expected scores, got 'probe'"):
        envelope.open_("scores", MESSAGE, where="w")


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"{",
        b"[" * 100_000,
        b'{"kind":"x","facts":{},"sizes":[-1,1]}',
        b'{"kind":"x","facts":{},"sizes":[true]}',
        b'{"kind":"x","facts":{},"sizes":[4]}',
        b'{"kind":"x","facts":3,"sizes":[]}',
        b'{"kind":"x","sizes":[]}',
    ],
)
def test_a_message_of_another_form_is_refused_even_with_a_fitting_digest(body: bytes):
    content = b"polyveil encrypted 1\n" + len(body).to_bytes(8, "big") + body
    with pytest.raises(UsageError, match="another form"):
        envelope.open_("x", content + hashlib.sha256(content).digest(), where="w")


def test_a_missing_file_is_a_usage_error(tmp_path: Path):
    with pytest.raises(UsageError, match="cannot be read"):
        envelope.read(tmp_path / "none")


@pytest.mark.parametrize("value", [None, "1", 1.0, True, -1, 11])
def test_numbers_outside_their_range_are_refused(value: object):
    with pytest.raises(UsageError, match="count"):
        envelope.whole({"count": value}, "count", most=10)
