# SPDX-License-Identifier: Apache-2.0
"""Words of place compare faces with one another."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyveil.detect.position import positions
from polyveil.records.facets import POSITIONS
from polyveil.records.finding import Box


def box(x: float, y: float = 100, size: float = 40) -> Box:
    return Box(x - size / 2, y - size / 2, x + size / 2, y + size / 2)


def best(word: str, boxes: list[Box]) -> int:
    scores = positions(boxes)
    return max(range(len(boxes)), key=lambda i: scores[i][word])


def test_a_row() -> None:
    row = [box(300), box(100), box(200)]
    assert (best("left", row), best("middle", row), best("right", row)) == (1, 2, 0)
    assert all(score["top"] == score["bottom"] == score["front"] == 0.5 for score in positions(row))


def test_two_rows_and_two_sizes() -> None:
    rows = [box(100, 60), box(200, 60), box(100, 300), box(200, 300)]
    assert positions(rows)[0]["top"] == 1
    assert positions(rows)[2]["front"] == 1
    sizes = [box(100, 100, 90), box(250, 90, 30)]
    assert (best("front", sizes), best("back", sizes)) == (0, 1)


def test_two_people_have_no_middle() -> None:
    assert [score["middle"] for score in positions([box(10), box(400)])] == [0.5, 0.5]


def test_one_face_or_none_says_nothing() -> None:
    assert positions([]) == []
    assert set(positions([box(5)])[0].values()) == {0.5}


boxes = st.lists(
    st.builds(box, st.floats(0, 900), st.floats(0, 900), st.floats(1, 300)), max_size=6
)


@given(boxes)
def test_scores_lie_between_zero_and_one(found: list[Box]) -> None:
    for score in positions(found):
        assert tuple(score) == POSITIONS
        assert all(0 <= value <= 1 for value in score.values())


@given(boxes, st.floats(0.1, 10))
def test_the_size_of_the_picture_does_not_matter(found: list[Box], scale: float) -> None:
    larger = [Box(*(edge * scale for edge in one)) for one in found]
    if all(one.width > 1 / min(scale, 1) for one in found):
        for one, other in zip(positions(found), positions(larger), strict=True):
            assert one == pytest.approx(other, abs=1e-6)
