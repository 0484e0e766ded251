# SPDX-License-Identifier: Apache-2.0
"""Text as hashed counts: fixed, unit length, without names, near to its relatives."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyveil.errors import UnreadableRecord, UsageError
from polyveil.inputs import FrontEnd, front_end
from polyveil.inputs.text import hashed, tokens
from polyveil.records.record import Record


def test_tokens() -> None:
    said = "Sooo GOOD!! RT @Anna: https://t.co/x 42 #LoveIt 😀 :) don't"
    assert tokens(said) == [
        *("soo", "good", "!!", "rt", "\x01h", "\x01a", "\x01d"),
        *("#loveit", "😀", ":)", "don't"),
    ]
    assert tokens("你好 Привет ...") == ["你好", "привет", "..."]
    assert tokens("a@b.example") == ["a", "@", "b", "example"]


@given(st.text(max_size=80), st.sampled_from([1, 64, 4096]))
def test_unit_length_and_the_same_every_time(text: str, width: int) -> None:
    row = hashed(text, width)
    assert row.shape == (width,) and row.dtype == np.float32
    # Signs may cancel in a single place; else a text with tokens has length 1.
    length = float(np.linalg.norm(row))
    assert length == pytest.approx(1, abs=1e-5) or length == 0
    np.testing.assert_array_equal(row, hashed(text, width))


def test_golden_places() -> None:
    """The hash is part of every trained network: it must never change."""
    assert np.flatnonzero(hashed("good", 512)).tolist() == [
        8,
        106,
        201,
        249,
        267,
        329,
        395,
        403,
        422,
    ]


def test_relatives_are_near_and_strangers_far() -> None:
    def cosine(first: str, second: str) -> float:
        return float(hashed(first) @ hashed(second))

    assert cosine("what a wonderful day", "such wonderful days") > 0.25
    assert abs(cosine("what a wonderful day", "traffic jam tonight")) < 0.15
    assert cosine("love", "#LOVE") > 0.7
    assert cosine("@anna is here", "@bert is here") == pytest.approx(1, abs=1e-6)


def test_hashing_keeps_inner_products_on_average() -> None:
    """The signed hash is unbiased: a naive dictionary of counts agrees over many pairs."""
    words = [f"word{chr(97 + at)}{chr(98 + at % 20)}x" for at in range(26)]
    draw = np.random.default_rng(0)
    pairs = [[" ".join(draw.choice(words, 6)) for _ in range(2)] for _ in range(60)]
    small = [float(hashed(a, 1024) @ hashed(b, 1024)) for a, b in pairs]
    large = [float(hashed(a, 1 << 16) @ hashed(b, 1 << 16)) for a, b in pairs]
    assert abs(np.mean(small) - np.mean(large)) < 0.02


def test_reading_records() -> None:
    end = front_end("text", column="tweet", width=64)
    assert end.shape == (64,) and FrontEnd.from_json(end.to_json()) == end
    found = end.read(Record("1", {"tweet": "good day"}))
    assert found is not None
    np.testing.assert_array_equal(found, hashed("good day", 64))
    several = end.read(Record("2", {"tweet": ["good", "day"]}))
    assert several is not None and several.shape == (64,)
    for row in ({}, {"tweet": None}, {"tweet": "  "}, {"tweet": []}):
        assert end.read(Record("3", row)) is None
    with pytest.raises(UnreadableRecord, match="the column holds no text"):
        end.read(Record("4", {"tweet": 7}))


def test_refusals() -> None:
    with pytest.raises(UsageError, match="width"):
        front_end("text", width=0)
    with pytest.raises(UsageError, match="name of a column"):
        front_end("text", column="")
