# SPDX-License-Identifier: Apache-2.0
"""The first impression of a picture: its colours, and how people in it look. 24 numbers, a vector.

For data sets that are small, or small for a budget: `polyveil.inputs.look` says more in 200
numbers, and every number that is learned from costs noise. Here the histogram of colours is folded
into its three edges, and faces are counted and read for their expression by the network that
ships. Faces turned aside or smaller than a tenth of the picture are often missed.

| Picture              | What comes out                              |
|----------------------|---------------------------------------------|
| without a face       | figures of faces 0                          |
| of one colour        | one hue, one saturation, one value          |
| shrunk or enlarged   | nearly the same                             |
| grey                 | its values; hue and saturation the lowest   |

Source: Machajdik & Hanbury, Affective image classification using features inspired by psychology
and art theory, ACM Multimedia 2010 (colours and faces)
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from polyveil.detect.faces import look_at
from polyveil.inputs.image import rgb
from polyveil.inputs.look import HUES, SATURATIONS, VALUES, colours, towers
from polyveil.records import picture
from polyveil.records.finding import Box, Face
from polyveil.records.record import Record

LOOK = 256
"""Longest side at which a picture is looked at."""
MANY = 6
"""Faces that are looked at, the largest first."""
EXPRESSIONS = ("neutral", "smiling", "sad", "angry", "surprised")

NAMES = (
    *(f"hue {at}" for at in range(HUES)),
    *(f"saturation {at}" for at in range(SATURATIONS)),
    *(f"value {at}" for at in range(VALUES)),
    *("a face", "faces, by three", "side of the largest face, of the picture's"),
    *EXPRESSIONS,
)
"""Of the figures. Colours: root of the share of pixels, less that of an even histogram. People:
from 0 without a face; expressions: half the mean probability."""


@dataclass(frozen=True, slots=True)
class ImpressionReader:
    """float32 [24], in the order of `NAMES`, within [-1, 1]; no options."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(features,)."""
        return (len(NAMES),)

    @property
    def spread(self) -> float:
        """About half of what a figure varies by."""
        return 0.15

    def read(self, record: Record) -> NDArray[np.float32] | None:
        """Of a record's picture; None without one.

        Raises:
          UnreadableRecord: it cannot be decoded safely.
        """
        if record.image is None:
            return None
        return impression(np.ascontiguousarray(rgb(picture.decode(record.image).pixels)))


def impression(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Figures of a picture, uint8 (height, width, 3) -> float32 (24,)."""
    scale = min(1.0, LOOK / max(pixels.shape[:2]))
    size = tuple(max(1, round(side * scale)) for side in pixels.shape[1::-1])
    small = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    shares = (colours(pixels) ** 2).reshape(HUES, SATURATIONS, VALUES)
    edges = [shares.sum(axis=(1, 2)), shares.sum(axis=(0, 2)), shares.sum(axis=(0, 1))]
    shown = [np.sqrt(edge) - np.sqrt(1 / len(edge)) for edge in edges]
    return np.concatenate([*shown, _people(small) / 2]).astype(np.float32)


def _people(pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    """How many faces, how large, with which expression; zeros where there is none."""
    height, width = pixels.shape[:2]
    found = look_at(pixels, [Box(0.0, 0.0, float(width), float(height))])
    faces = sorted(found, key=_area, reverse=True)[:MANY]
    if not faces:
        return np.zeros(3 + len(EXPRESSIONS))
    described = towers().faces(pixels, faces)
    shown = [[face.attributes["expression"][one] for one in EXPRESSIONS] for face in described]
    side = np.sqrt(min(1.0, _area(faces[0]) / (height * width)))
    return np.array([1.0, min(2.0, len(faces) / 3), side, *np.mean(shown, axis=0)])


def _area(face: Face) -> float:
    return (face.box.right - face.box.left) * (face.box.bottom - face.box.top)
