# SPDX-License-Identifier: Apache-2.0
"""Views cover the picture, and what is found in them maps back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyveil.detect.tiles import LARGEST_AREA, TILE, View, around, pyramid, small, whole
from polyveil.records.finding import Box, Face

sides = st.integers(1, 9000)


def face(box: Box) -> Face:
    points = np.array([[box.left, box.top], [box.right, box.top], [0, 0], [1, 2], [3, 4]])
    return Face(box, points.astype(np.float32), 0.9, "test")


@given(sides, sides)
def test_every_floor_covers_the_picture_and_costs_a_bounded_time(height: int, width: int) -> None:
    views = pyramid((height, width))
    assert min(view.left for view in views) == min(view.top for view in views) == 0
    assert max(view.right for view in views) == width
    assert max(view.bottom for view in views) == height
    assert all(max(view.width, view.height) <= 1.25 * TILE + 1 for view in views)
    # Tiles overlap and floors add a third; thin strips cost little whatever their shape.
    assert sum(view.width * view.height for view in views) <= 2 * LARGEST_AREA + 2_000_000
    last = views[-1]
    assert (last.left, last.top, last.right, last.bottom) == (0, 0, width, height)


@given(st.integers(1300, 6000), st.data())
def test_tiles_leave_no_gap(width: int, data: st.DataObject) -> None:
    row = [view for view in pyramid((1000, width)) if view.height > 500 and not view.top]
    x = data.draw(st.integers(0, width - 1))
    assert any(view.left <= x < view.right for view in row)


def test_a_small_picture_is_seen_once_and_a_tiny_one_enlarged() -> None:
    assert len(pyramid((480, 640))) == 1
    (tiny,) = pyramid((32, 32))
    assert (tiny.width, tiny.height) == (96, 96)
    (small,) = pyramid((240, 320))
    assert (small.width, small.height) == (320, 240)


@pytest.mark.parametrize("turns", range(4))
@pytest.mark.parametrize("scale", [0.5, 1.0, 2.0])
def test_a_marked_spot_maps_back_from_every_turn_and_scale(turns: int, scale: float) -> None:
    pixels = np.zeros((120, 200), np.uint8)
    pixels[40:60, 150:180] = 255
    view = whole((120, 200), scale=scale, turns=turns)
    rows, columns = np.nonzero(view.cut(pixels) > 128)
    seen = Box(columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
    mapped = view.back(face(seen))
    assert mapped is not None
    assert np.allclose(mapped.box, (150, 40, 180, 60), atol=1.01)


@given(sides, sides, st.integers(0, 3))
def test_a_small_whole_view_needs_no_padding_and_maps_back(
    height: int, width: int, turns: int
) -> None:
    view = small((height, width), side=128, turns=turns)
    assert view.width % 32 == view.height % 32 == 0
    assert 32 <= max(view.width, view.height) <= 128
    seen = (view.height, view.width) if turns % 2 else (view.width, view.height)
    mapped = view.back(face(Box(0, 0, *seen)))
    assert mapped is not None
    assert np.allclose(mapped.box, (0, 0, width, height), rtol=1e-4, atol=1e-2)


def test_points_turn_with_the_picture() -> None:
    view = View(10, 20, 110, 220, 100, 200, 1, (400, 400))
    found = Face(Box(0, 0, 10, 10), np.array([[5, 7]] * 5, np.float32), 0.9, "test")
    mapped = view.back(found)
    assert mapped is not None
    assert mapped.points[0].tolist() == [10 + 100 - 7, 20 + 5]


def test_an_inner_edge_drops_what_it_cuts_and_the_border_does_not() -> None:
    view = View(0, 0, 100, 100, 100, 100, 0, (100, 300))
    assert view.back(face(Box(90, 10, 112, 30))) is None
    assert view.back(face(Box(-8, 10, 12, 30))) is not None


def test_surroundings_stay_inside_the_picture() -> None:
    views = around(Box(-5, -5, 20, 20), (50, 60), side=96)
    assert [view.turns for view in views] == [0, 1, 2, 3]
    assert all(view.left >= 0 and view.right <= 60 and view.bottom <= 50 for view in views)
    assert max(views[0].width, views[0].height) == 96
    assert around(Box(500, 500, 510, 510), (50, 60), side=96) == ()
