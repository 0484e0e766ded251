# SPDX-License-Identifier: Apache-2.0
"""Findings survive the journal to the bit."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from polyveil.records.codec import from_bytes, to_bytes
from polyveil.records.finding import Box, Face, Findings, Kind, Mention
from polyveil.records.identity import Ambiguity, LocalPerson, RecordIdentities

paths = st.lists(st.text(max_size=5) | st.integers(0, 9), min_size=1, max_size=3).map(tuple)
mentions = st.builds(
    Mention,
    path=paths,
    start=st.integers(0, 50),
    end=st.integers(51, 99),
    kind=st.sampled_from(Kind),
    surface=st.text(max_size=20),
    canonical=st.text(max_size=20),
    score=st.floats(0, 1),
    source=st.just("names"),
    facets=st.dictionaries(st.text(max_size=4), st.text(max_size=4), max_size=2),
)


@given(st.lists(mentions, max_size=4), st.none() | st.integers(0, 2**64 - 1))
def test_mentions_round_trip(found: list[Mention], picture_hash: int | None) -> None:
    findings = Findings("r:1", (), tuple(found), picture_hash)
    people = RecordIdentities(
        "r:1", (LocalPerson((), (0,), ("name:a b",), {"sex": "man"}),), (Ambiguity(0, (1, 2), "x"),)
    )
    assert from_bytes(to_bytes(findings, people)) == (findings, people)


def test_faces_round_trip_to_the_bit() -> None:
    rng = np.random.default_rng(1)
    face = Face(
        Box(1.5, -2, 30, 40.25),
        rng.normal(size=(5, 2)).astype(np.float32),
        0.9,
        "centerface",
        rng.normal(size=(68, 2)).astype(np.float32),
        {"sex": {"man": 0.25, "woman": 0.75}},
        rng.normal(size=64).astype(np.float32),
    )
    findings, _ = from_bytes(to_bytes(Findings("r", (face,)), RecordIdentities("r", ())))
    back = findings.faces[0]
    assert back.box == face.box and back.attributes == face.attributes
    for name in ("points", "outline", "embedding"):
        assert np.array_equal(getattr(back, name), getattr(face, name))
