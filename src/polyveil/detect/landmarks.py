# SPDX-License-Identifier: Apache-2.0
"""68 points on each face: where the brows, eyes, nose, lips and the jaw run.

The stand-in takes its outline, expression and pose from them. A face is cut out upright and at one
size by its five points, in grey and with its own contrast (so that colour casts and exposure do not
matter), and a small network reads off the 68 points, all faces of a picture in one batch.

Order: iBUG. 0-16 jaw, 17-21 and 22-26 brows, 27-35 nose, 36-41 and 42-47 eyes, 48-67 mouth;
from the viewer's left to right. Weights: `weights/landmarks.onnx`, made by `training/landmarks.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from polyveil import _weights
from polyveil.records.finding import Face

if TYPE_CHECKING:
    import onnxruntime

SIDE = 96
"""Pixels of the square crop that the network reads."""

_UNIT = SIDE / 5.8
_TEMPLATE: NDArray[np.float32] = (
    np.array([[-1, -1.041], [1, -1.041], [0, 0.102], [-0.83, 0.99], [0.83, 0.99]]) * _UNIT
    + np.array([SIDE / 2, SIDE / 2 - 0.3 * _UNIT])
).astype(np.float32)
"""Where the five points come to lie: their mean over the synthetic faces, half an eye distance as
the unit, in a square that holds 98 of 100 outlines."""

_AREA_FACTOR = 2.0
"""Shrunk by more than this, linear interpolation skips pixels; such faces are averaged first."""


def landmarks(pixels: NDArray[np.uint8], faces: Sequence[Face]) -> list[Face]:
    """The same faces with `outline` filled, in the same order.

    Args:
      pixels: uint8 (height, width, 3) RGB or (height, width) grey, upright.
      faces: as a detector found them in these pixels; five points each.

    Returns:
      One face per face; the outline may reach beyond the picture's border.
    """
    if not faces:
        return []
    points = np.stack([face.points for face in faces]).astype(np.float32)
    transforms = crop_transforms(points)
    crops = np.stack([crop(pixels, transform) for transform in transforms])
    read = _session().run(None, {"crops": standardised(crops)})[0]
    outlines = back(np.asarray(read, dtype=np.float32), transforms)
    return [replace(face, outline=outline) for face, outline in zip(faces, outlines, strict=True)]


@cache
def _session() -> onnxruntime.InferenceSession:
    return _weights.session("landmarks.onnx")


def crop_transforms(points: NDArray[np.float32]) -> NDArray[np.float32]:
    """(n, 5, 2) points -> (n, 2, 3): picture to crop, the similarity of least squares.

    With the plane as complex numbers, rotation and scale together are one factor, in closed form.
    Points that coincide have no size; they count as one pixel wide, so that the map stays finite.
    """
    plane = points[..., 0].astype(np.float64) + 1j * points[..., 1]
    goal = _TEMPLATE[:, 0].astype(np.float64) + 1j * _TEMPLATE[:, 1]
    middle = plane.mean(axis=1, keepdims=True)
    centred, aim = plane - middle, goal - goal.mean()
    size = np.maximum((np.abs(centred) ** 2).sum(axis=1), 1.0)
    factor = (np.conj(centred) * aim).sum(axis=1) / size
    factor = np.where(np.abs(factor) < 1e-3, 1.0 + 0j, factor)
    shift = goal.mean() - factor * middle[:, 0]
    rows = [
        np.stack([factor.real, -factor.imag, shift.real], axis=-1),
        np.stack([factor.imag, factor.real, shift.imag], axis=-1),
    ]
    return np.stack(rows, axis=1).astype(np.float32)


def crop(pixels: NDArray[np.uint8], transform: NDArray[np.float32]) -> NDArray[np.uint8]:
    """The SIDE x SIDE grey crop under a transform; beyond the border the edge is continued."""
    matrix = transform.astype(np.float64)
    shrink = 1.0 / max(float(np.hypot(matrix[0, 0], matrix[1, 0])), 1e-6)
    if shrink > _AREA_FACTOR:
        pixels, matrix = _averaged(pixels, matrix, shrink)
    cut = cv2.warpAffine(
        pixels, matrix, (SIDE, SIDE), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    grey = cut if cut.ndim == 2 else cv2.cvtColor(cut, cv2.COLOR_RGB2GRAY)
    return np.asarray(grey, dtype=np.uint8)


def _averaged(
    pixels: NDArray[np.uint8], matrix: NDArray[np.float64], shrink: float
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """The part of the picture around a large face, block-averaged, and the matrix that fits it."""
    inverse = np.linalg.inv(np.vstack([matrix, [0, 0, 1]]))[:2]
    corners = np.array([[0, 0, 1], [SIDE, 0, 1], [0, SIDE, 1], [SIDE, SIDE, 1]]) @ inverse.T
    height, width = pixels.shape[:2]
    left, top = np.clip(np.floor(corners.min(axis=0)), 0, (width - 1, height - 1)).astype(int)
    right, bottom = np.clip(np.ceil(corners.max(axis=0)), 1, (width, height)).astype(int)
    right, bottom = max(right, left + 1), max(bottom, top + 1)
    size = (max(1, round((right - left) / shrink)), max(1, round((bottom - top) / shrink)))
    small = cv2.resize(pixels[top:bottom, left:right], size, interpolation=cv2.INTER_AREA)
    scale = np.array([(right - left) / size[0], (bottom - top) / size[1]])
    # cv2 puts pixel CENTRES on whole numbers: x = left + (x' + 0.5) * scale - 0.5.
    offset = np.array([left, top]) + 0.5 * scale - 0.5
    fitted = np.column_stack([matrix[:, :2] * scale, matrix[:, :2] @ offset + matrix[:, 2]])
    return np.asarray(small, dtype=np.uint8), fitted


def standardised(crops: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(n, side, side) grey -> float32 (n, 1, side, side), each with mean 0 and deviation 1."""
    values = crops.astype(np.float32)
    values -= values.mean(axis=(1, 2), keepdims=True)
    values /= values.std(axis=(1, 2), keepdims=True) + 4.0
    return values[:, None]


def back(read: NDArray[np.float32], transforms: NDArray[np.float32]) -> NDArray[np.float32]:
    """Network output (n, 136), in [-1, 1] over the crop, -> (n, 68, 2) pixels of the picture."""
    in_crop = (read.reshape(len(read), 68, 2).astype(np.float64) + 1) * (SIDE / 2)
    linear, shift = transforms[:, :, :2].astype(np.float64), transforms[:, :, 2].astype(np.float64)
    solved = np.linalg.solve(linear, (in_crop - shift[:, None]).transpose(0, 2, 1))
    return np.asarray(solved.transpose(0, 2, 1), dtype=np.float32)
