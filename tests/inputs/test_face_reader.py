# SPDX-License-Identifier: Apache-2.0
"""Faces: laid on fixed places however they stand, the clear one of several, or refused."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from polyveil.errors import UnreadableRecord, UsageError
from polyveil.inputs import front_end
from polyveil.inputs.face import PLACES, RIVAL, aligned, fitted, largest
from polyveil.records import picture
from polyveil.records.finding import Box, Face
from polyveil.records.record import Record

POINTS = np.array([[30, 40], [60, 41], [46, 60], [34, 75], [58, 76]], np.float64)


def face(side: float, score: float = 0.9) -> Face:
    return Face(Box(0, 0, side, side * 0.8), POINTS.astype(np.float32), score, "test")


def record(pixels: NDArray[np.uint8]) -> Record:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return Record("a:1", {}, image=buffer.getvalue())


@given(
    st.floats(-3.1, 3.1), st.floats(0.05, 20), st.floats(-500, 500), st.floats(-500, 500)
)  # fmt: skip
def test_the_fit_undoes_every_turn_scale_and_shift(
    angle: float, scale: float, x: float, y: float
) -> None:
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix = fitted(PLACES @ turn.T + (x, y), PLACES)
    back = (PLACES @ turn.T + (x, y)) @ matrix[:, :2].T + matrix[:, 2]
    np.testing.assert_allclose(back, PLACES, atol=1e-6)


def test_the_fit_is_the_least_square_one() -> None:
    """Against the normal equations, solved by numpy."""
    x, y = POINTS.T
    ones, none = np.ones(5), np.zeros(5)
    left = np.concatenate(
        [np.stack([x, -y, ones, none], axis=1), np.stack([y, x, none, ones], axis=1)]
    )
    a, b, dx, dy = np.linalg.lstsq(left, np.concatenate([PLACES[:, 0], PLACES[:, 1]]))[0]
    np.testing.assert_allclose(fitted(POINTS, PLACES), [[a, -b, dx], [b, a, dy]], atol=1e-9)


def test_points_that_fall_together_give_a_finite_fit() -> None:
    assert np.isfinite(fitted(np.zeros((5, 2)), PLACES)).all()


@pytest.mark.parametrize("scale", [0.7, 1.0, 4.0])
def test_marks_land_on_their_places(scale: float) -> None:
    points, size = POINTS * scale, 96
    canvas = np.zeros((round(120 * scale), round(110 * scale)), np.uint8)
    for at, (x, y) in enumerate(points):
        cv2.circle(canvas, (round(x), round(y)), max(2, round(3 * scale)), 60 + 40 * at, -1)
    cut = aligned(canvas, points, size)
    expected = points @ fitted(points, PLACES * size)[:, :2].T + fitted(points, PLACES * size)[:, 2]
    for at, (x, y) in enumerate(expected):
        assert cut[round(y), round(x)] == pytest.approx(60 + 40 * at, abs=8)


def test_the_largest_face_is_meant_unless_another_is_nearly_as_large() -> None:
    small, large = face(30, 0.99), face(100, 0.5)
    np.testing.assert_array_equal(largest([small, large]), large.points)
    largest([face(100), face(100 * RIVAL - 1)])
    with pytest.raises(UnreadableRecord, match="nearly as large"):
        largest([face(100), face(100 * RIVAL)])
    with pytest.raises(UnreadableRecord, match="no face found"):
        largest([])


@pytest.mark.parametrize("pixels", [np.full((80, 60), 127, np.uint8), np.zeros((1, 1), np.uint8)])
def test_no_face_is_refused_not_read_as_a_whole(pixels: NDArray[np.uint8]) -> None:
    with pytest.raises(UnreadableRecord, match="no face found"):
        front_end("face").read(record(pixels))


def test_a_size_too_small_to_show_a_face() -> None:
    with pytest.raises(UsageError, match="face: expected size >= 8"):
        front_end("face", size=4)


@pytest.fixture
def portraits(data: Callable[[str], Path]) -> list[Path]:
    return sorted((data("faces_orl") / "dev").rglob("*.png"))[::30]


def test_portraits_are_found_and_fill_the_range(portraits: list[Path]) -> None:
    front = front_end("face")
    for path in portraits:
        got = front.read(Record("a:1", {}, image=path))
        assert got is not None
        assert (got.shape, got.dtype) == ((1, 48, 48), np.float32)
        assert got.min() >= 0 and got.max() <= 1 and got.std() > 0.05


def test_turned_enlarged_and_moved_a_face_reads_nearly_the_same(portraits: list[Path]) -> None:
    front = front_end("face")
    for path in portraits[:3]:
        pixels = picture.decode(path).pixels
        canvas = np.full((600, 700), 90, np.uint8)
        matrix = cv2.getRotationMatrix2D((46, 56), 15, 3.0)
        matrix[:, 2] += (300, 250)
        moved = cv2.warpAffine(
            pixels, matrix, (700, 600), dst=canvas, borderMode=cv2.BORDER_TRANSPARENT
        )
        plain = front.read(Record("a:1", {}, image=path))
        other = front.read(record(np.asarray(moved, np.uint8)))
        assert plain is not None and other is not None
        centre = (0, slice(12, 40), slice(10, 38))
        assert np.corrcoef(plain[centre].ravel(), other[centre].ravel())[0, 1] > 0.75


def test_two_people_side_by_side_are_refused(portraits: list[Path]) -> None:
    one, two = (picture.decode(path).pixels for path in portraits[:2])
    with pytest.raises(UnreadableRecord, match="nearly as large"):
        front_end("face").read(record(np.hstack([one, two])))
    behind = np.full((112, 60), 120, np.uint8)
    behind[30:79, 10:50] = cv2.resize(two, (40, 49), interpolation=cv2.INTER_AREA)
    beside = front_end("face").read(record(np.hstack([one, behind])))
    alone = front_end("face").read(record(one))
    assert beside is not None and alone is not None
    assert np.corrcoef(beside.ravel(), alone.ravel())[0, 1] > 0.9
