# SPDX-License-Identifier: Apache-2.0
"""A face network from a file: real faces in, unit vectors out; anything else is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from polyveil.errors import UnreadableRecord, UsageError
from polyveil.records.record import Record
from polyveil.tasks.recognising.face_network import FaceNetwork


def network(path: Path, *, size: int = 112, seed: int = 0) -> Path:
    """Means of 7 x 7 patches, times a matrix: about as much of a face as a blind man sees."""
    pytest.importorskip("onnx")
    from onnx import TensorProto, helper, numpy_helper

    draw = np.random.default_rng(seed)
    matrix = draw.normal(size=(3 * (size // 7) ** 2, 32)).astype(np.float32)
    nodes = [
        helper.make_node("AveragePool", ["x"], ["p"], kernel_shape=[7, 7], strides=[7, 7]),
        helper.make_node("Flatten", ["p"], ["f"]),
        helper.make_node("MatMul", ["f", "w"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "face",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, size, size])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 32])],
        [numpy_helper.from_array(matrix, "w")],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    path.write_bytes(made.SerializeToString())
    return path


def test_faces_become_unit_vectors(data: Callable[[str], Path], tmp_path: Path) -> None:
    encoder = FaceNetwork.open(network(tmp_path / "n.onnx"))
    assert encoder.dimensions == {"face": 32}
    pictures = sorted((data("faces_lfw") / "dev" / "multi").glob("*/*.jpg"))[:2]
    found = [encoder.embed(Record("r", {}, image=path))["face"] for path in pictures]
    assert all(np.isclose(np.linalg.norm(one), 1.0, atol=1e-5) for one in found)
    assert np.array_equal(found[0], encoder.embed(Record("r", {}, image=pictures[0]))["face"])
    assert encoder.embed(Record("r", {})) == {}


def test_a_picture_without_a_face_is_refused(tmp_path: Path) -> None:
    encoder = FaceNetwork.open(network(tmp_path / "n.onnx"))
    Image.new("RGB", (160, 160), (90, 120, 90)).save(tmp_path / "wall.png")
    with pytest.raises(UnreadableRecord, match="no face"):
        encoder.embed(Record("r", {}, image=tmp_path / "wall.png"))


def test_another_file_is_another_encoder_or_none(tmp_path: Path) -> None:
    one, other = (FaceNetwork.open(network(tmp_path / f"{s}.onnx", seed=s)) for s in (0, 1))
    assert one.id != other.id
    (tmp_path / "bad.onnx").write_bytes(b"no network")
    for path in (tmp_path / "gone.onnx", tmp_path / "bad.onnx", network(tmp_path / "s", size=56)):
        with pytest.raises(UsageError):
            FaceNetwork.open(path)
