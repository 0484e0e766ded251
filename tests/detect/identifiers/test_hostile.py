# SPDX-License-Identifier: Apache-2.0
"""No text makes a detector raise, lie about offsets, or take more than linear time."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyveil.detect.identifiers import IdentifierFinder, finder
from polyveil.detect.normalise import normalise

_PIECES = st.sampled_from(
    ["john", "@", ".", "com", "4111 ", "1111", "GB29", "12", "/", "-", " ", "\n", "March ",
     "aged ", "Street", "ssn ", "tel ", "+", "(", ")", "°", "N", "\u200b", "é", "\ud800", "٤", "Ａ",
     "AB", ":", "one ", "two ", "three ", " at ", " dot ", "&#64;", "%40", "😀", "O", "l", "0"]
)  # fmt: skip
_UNITS = [
    "a", "1", "1 ", "a ", "A ", "@", "a@", "a.", "a.a@", "1.", "12/", "A1", "http://", "http://a",
    ":", "1:", "ab:", "Aa ", "rue de la ", "calle Mayor ", "12 Aa ", "12 rue ", "GB12 ",
    "GB12ABCD1",
    "+1 ", "(1", "in 19", "may 1", "12 may ", "aged ", "twenty-",
    "N 1.1 ", "48.12345, ",
    "1° ", "passport A1 ", "plate A", "@a.", "user: ", "\n", "Aa\n", "é", "0O", "1,", "&#", "www.",
    "x" * 63 + ".", "taxi to 1 ab", "Apt 1 ", "PSC A ", "12345 Aa ", "c/ ", "AAAAA0", "ssn ", "l1 ",
]  # fmt: skip


@given(st.one_of(st.text(max_size=80), st.lists(_PIECES, max_size=25).map("".join)))
def test_any_text_is_read_and_offsets_fit(text: str) -> None:
    for mention in IdentifierFinder().find(text):
        assert 0 <= mention.start < mention.end <= len(text)
        assert text[mention.start : mention.end] == mention.surface
        assert 0 < mention.score <= 1
        assert mention.canonical


@pytest.mark.parametrize("unit", _UNITS)
def test_every_detector_is_linear_on_repeats(unit: str) -> None:
    view = normalise(unit * (8_000 // len(unit)))
    for detector in finder._DETECTORS:
        begun = time.process_time()
        for _ in detector.find(view):
            pass
        assert time.process_time() - begun < 1.0, detector.__name__


def test_a_megabyte_of_prose() -> None:
    prose = "The committee met in the large hall and spoke about the budget of the coming years. "
    begun = time.process_time()
    assert IdentifierFinder().find(prose * (1_000_000 // len(prose))) == []
    assert time.process_time() - begun < 12.0
