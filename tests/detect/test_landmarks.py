# SPDX-License-Identifier: Apache-2.0
"""68 points land on the face at every turn and size; alignment is exact."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from polyveil.detect.faces import find_faces
from polyveil.detect.landmarks import SIDE, back, crop, crop_transforms, landmarks, standardised
from polyveil.records.finding import Box, Face


def load(path: Path) -> NDArray[np.uint8]:
    return np.ascontiguousarray(cv2.imread(str(path))[:, :, ::-1])


def outline(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    (face,) = landmarks(pixels, find_faces(pixels)[:1])
    assert face.outline is not None
    return face.outline


def eye_distance(points: NDArray[np.float32]) -> float:
    return float(np.linalg.norm(points[36] - points[45]))


def test_eyes_nose_and_mouth_agree_with_the_five_points(data: Callable[[str], Path]) -> None:
    picture = load(data("faces_group") / "faceapi_bbt3.jpg")
    faces = find_faces(picture)
    for before, after in zip(faces, landmarks(picture, faces), strict=True):
        points = after.outline
        assert points is not None
        assert points.shape == (68, 2)
        assert points.dtype == np.float32
        read = [points[36:42].mean(0), points[42:48].mean(0), points[30], points[48], points[54]]
        assert np.linalg.norm(np.array(read) - before.points, axis=1).max() < (
            0.3 * eye_distance(points)
        )
        assert before.box == after.box


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_the_outline_turns_with_the_picture(data: Callable[[str], Path], turns: int) -> None:
    picture = load(data("synthetic_faces") / "images/1542.jpg")
    expected = outline(picture)
    found = outline(np.ascontiguousarray(np.rot90(picture, turns)))
    height, width = picture.shape[:2]
    for turn in range(turns, 0, -1):
        wide = width if turn % 2 else height
        found = np.stack([wide - found[:, 1], found[:, 0]], axis=1)
    assert np.linalg.norm(found - expected, axis=1).mean() < 0.06 * eye_distance(expected)


@pytest.mark.parametrize("scale", [0.4, 3.0, 6.0])
def test_the_outline_grows_with_the_picture(data: Callable[[str], Path], scale: float) -> None:
    picture = load(data("synthetic_faces") / "images/1542.jpg")
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    grown = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=how)
    expected = outline(picture) * scale
    found = outline(np.asarray(grown, dtype=np.uint8))
    assert np.linalg.norm(found - expected, axis=1).mean() < 0.06 * eye_distance(expected)


def test_grey_gives_what_colour_gives(data: Callable[[str], Path]) -> None:
    picture = load(data("synthetic_faces") / "images/1542.jpg")
    grey = np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), dtype=np.uint8)
    faces = find_faces(picture)
    one, two = landmarks(picture, faces)[0].outline, landmarks(grey, faces)[0].outline
    assert one is not None
    assert two is not None
    assert np.abs(one - two).max() < 0.05 * eye_distance(one)


def test_a_batch_gives_what_single_faces_give(data: Callable[[str], Path]) -> None:
    picture = load(data("faces_group") / "faceapi_bbt3.jpg")
    faces = find_faces(picture)
    together = landmarks(picture, faces)
    for face, other in zip(faces, together, strict=True):
        (alone,) = landmarks(picture, [face])
        assert alone.outline is not None
        assert other.outline is not None
        assert np.allclose(alone.outline, other.outline, atol=0.02)


def test_nobody_gives_nothing() -> None:
    assert landmarks(np.zeros((5, 5), np.uint8), []) == []


@pytest.mark.parametrize("size", [(1, 1), (10, 2000), (40, 40, 3)])
def test_points_without_extent_or_outside_stay_finite(size: tuple[int, ...]) -> None:
    pixels = np.full(size, 77, np.uint8)
    for where in (0.0, -500.0, 3000.0):
        face = Face(Box(0, 0, 1, 1), np.full((5, 2), where, np.float32), 0.9, "test")
        (found,) = landmarks(pixels, [face])
        assert found.outline is not None
        assert np.isfinite(found.outline).all()


@given(st.floats(-3.1, 3.1), st.floats(0.05, 30), st.floats(-500, 3000), st.floats(-500, 3000))
def test_alignment_undoes_any_similarity(angle: float, size: float, x: float, y: float) -> None:
    base = np.array([[-1, -1], [1, -1], [0.1, 0], [-0.8, 1], [0.8, 1.1]]) * 8
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    moved = (size * base @ turn.T + [x, y]).astype(np.float32)
    first, second = crop_transforms(np.stack([base.astype(np.float32), moved]))
    in_first = base @ first[:, :2].T + first[:, 2]
    in_second = moved @ second[:, :2].T + second[:, 2]
    assert np.allclose(in_first, in_second, atol=0.05)


def test_back_inverts_the_crop() -> None:
    five = np.array([[[30, 40], [60, 42], [44, 55], [33, 70], [58, 71]]], np.float32)
    transforms = crop_transforms(five)
    in_crop = five[0] @ transforms[0, :, :2].T + transforms[0, :, 2]
    read = np.zeros((1, 68, 2), np.float32)
    read[0, :5] = in_crop / (SIDE / 2) - 1
    assert np.allclose(back(read.reshape(1, 136), transforms)[0, :5], five[0], atol=1e-2)


def test_a_large_face_is_averaged_to_the_same_crop(data: Callable[[str], Path]) -> None:
    picture = load(data("synthetic_faces") / "images/1542.jpg")
    (face, *_) = find_faces(picture)
    large = np.asarray(cv2.resize(picture, None, fx=8, fy=8), dtype=np.uint8)
    one = crop(picture, crop_transforms(face.points[None])[0])
    two = crop(large, crop_transforms(face.points[None] * 8)[0])
    assert np.abs(one.astype(int) - two.astype(int)).mean() < 4


def test_contrast_and_exposure_are_taken_out() -> None:
    rng = np.random.default_rng(0)
    values = rng.integers(40, 200, (1, SIDE, SIDE)).astype(np.uint8)
    assert np.abs(standardised(values) - standardised(values // 2 + 30)).mean() < 0.1
    assert np.isfinite(standardised(np.zeros((1, SIDE, SIDE), np.uint8))).all()
