# SPDX-License-Identifier: Apache-2.0
"""What every face detector promises. A test class inherits it and names the detector."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from polyveil.detect.detector import FaceDetector

SIZES = [(0, 0), (0, 7), (1, 1), (10, 2000), (2000, 10), (33, 31), (240, 320)]


class FaceDetectorContract:
    """Inherit, and override `detector`."""

    @pytest.fixture
    def detector(self) -> FaceDetector:
        raise NotImplementedError

    @pytest.fixture
    def portrait(self, data: Callable[[str], Path]) -> NDArray[np.uint8]:
        path = data("synthetic_faces") / "images/0000.jpg"
        return np.ascontiguousarray(cv2.imread(str(path))[:, :, ::-1])

    def test_is_a_face_detector(self, detector: FaceDetector) -> None:
        assert isinstance(detector, FaceDetector)
        assert detector.name

    @pytest.mark.parametrize("size", SIZES)
    @pytest.mark.parametrize("channels", [(), (3,)])
    def test_any_size_is_accepted(
        self, detector: FaceDetector, size: tuple[int, int], channels: tuple[int, ...]
    ) -> None:
        pixels = np.full((*size, *channels), 90, dtype=np.uint8)
        for face in detector.detect(pixels):
            assert np.isfinite(face.points).all()
            assert np.isfinite(face.box).all()

    def test_faces_are_well_formed_and_best_first(
        self, detector: FaceDetector, portrait: NDArray[np.uint8]
    ) -> None:
        faces = detector.detect(portrait)
        scores = [face.score for face in faces]
        assert faces
        assert scores == sorted(scores, reverse=True)
        for face in faces:
            assert 0 <= face.score <= 1
            assert face.source == detector.name
            assert face.points.shape == (5, 2)
            assert face.points.dtype == np.float32
            assert face.box.width > 0
            assert face.box.height > 0

    def test_the_same_pixels_give_the_same_faces(
        self, detector: FaceDetector, portrait: NDArray[np.uint8]
    ) -> None:
        before = portrait.copy()
        first, second = detector.detect(portrait), detector.detect(portrait)
        assert [face.box for face in first] == [face.box for face in second]
        assert [face.score for face in first] == [face.score for face in second]
        assert np.array_equal(portrait, before)

    def test_a_view_that_is_not_contiguous_is_read_as_it_looks(
        self, detector: FaceDetector, portrait: NDArray[np.uint8]
    ) -> None:
        mirrored = portrait[:, ::-1]
        assert [face.box for face in detector.detect(mirrored)] == [
            face.box for face in detector.detect(np.ascontiguousarray(mirrored))
        ]

    def test_grey_and_coloured_grey_are_the_same_picture(
        self, detector: FaceDetector, portrait: NDArray[np.uint8]
    ) -> None:
        grey = np.asarray(cv2.cvtColor(portrait, cv2.COLOR_RGB2GRAY), dtype=np.uint8)
        one, three = detector.detect(grey), detector.detect(np.dstack([grey] * 3))
        assert [face.box for face in one] == [face.box for face in three]
        assert one
