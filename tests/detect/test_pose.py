# SPDX-License-Identifier: Apache-2.0
"""Pose: exact on the mean face itself, sane on faces, refused without points."""

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
from polyveil.detect.landmarks import landmarks
from polyveil.detect.pose import MEAN_FACE, pose, pose_of
from polyveil.records.finding import Box, Face


def projected(yaw: float, pitch: float, roll: float) -> NDArray[np.float32]:
    """The mean face as seen in this pose, 50 pixels large."""
    y, p, r = np.radians([-yaw, -pitch, roll])
    turn = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    nod = np.array([[1, 0, 0], [0, np.cos(p), -np.sin(p)], [0, np.sin(p), np.cos(p)]])
    tilt = np.array([[np.cos(r), -np.sin(r), 0], [np.sin(r), np.cos(r), 0], [0, 0, 1]])
    return np.asarray((MEAN_FACE @ (tilt @ nod @ turn).T)[:, :2] * 50 + 100, dtype=np.float32)


@given(st.floats(-80, 80), st.floats(-60, 60), st.floats(-175, 175))
def test_a_known_pose_is_read_back(yaw: float, pitch: float, roll: float) -> None:
    assert np.allclose(pose_of(projected(yaw, pitch, roll)), (yaw, pitch, roll), atol=0.01)


def test_signs_are_those_of_the_docstring() -> None:
    frontal = projected(0, 0, 0)
    assert projected(30, 0, 0)[30, 0] > frontal[30, 0]
    assert projected(0, 20, 0)[30, 1] < frontal[30, 1]
    assert projected(0, 0, 20)[8, 0] < frontal[8, 0]


def test_a_mirror_flips_yaw_and_roll(data: Callable[[str], Path]) -> None:
    picture = np.ascontiguousarray(
        cv2.imread(str(data("faces_group") / "faceapi_bbt3.jpg"))[:, :, ::-1]
    )
    mirrored = np.ascontiguousarray(picture[:, ::-1])
    ours = sorted(landmarks(picture, find_faces(picture)), key=lambda f: f.box.left)
    theirs = sorted(landmarks(mirrored, find_faces(mirrored)), key=lambda f: -f.box.left)
    for face, twin in zip(ours, theirs, strict=True):
        one, two = pose(face), pose(twin)
        assert abs(one.yaw + two.yaw) < 8
        assert abs(one.pitch - two.pitch) < 8
        assert abs(one.roll + two.roll) < 6


def test_points_without_extent_count_as_frontal() -> None:
    assert pose_of(np.full((68, 2), 5, np.float32)) == (0.0, 0.0, 0.0)


def test_a_face_without_outline_is_refused() -> None:
    face = Face(Box(0, 0, 9, 9), np.zeros((5, 2), np.float32), 0.9, "test")
    with pytest.raises(ValueError, match="expected a face with an outline"):
        pose(face)
