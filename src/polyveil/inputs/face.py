# SPDX-License-Identifier: Apache-2.0
"""The largest face of a picture, upright, at one size, with eyes, nose and mouth in fixed places.

The five points of the face are laid on five fixed ones by the turn, scale and shift that fit best.
All five vote, because in a profile the distance of the eyes says nothing about size; between
frontal faces a simple comparison errs as often by the eyes alone.

A picture without a face is refused, never read as a whole: whoever enrols a landscape is told so.
That costs nobody: the detector finds every one of 1,171 press photographs (LFW) and of 300 tight
portraits of 92 x 112 pixels (ORL), at half their size.

The picture is about the person whose face is largest. Where another face reaches `RIVAL` of its
size, nobody can tell who is meant, and it is refused: a template of the wrong person is worse than
none. On LFW, where the person in the middle is the one meant, 4 % of the pictures are refused so,
and of the others none has a larger face than the one in the middle; at 0.9 it would be two.

Source: Umeyama, IEEE TPAMI 13(4), 1991 (the fit); the five places are those of ArcFace, Deng et
al., CVPR 2019, https://arxiv.org/abs/1801.07698
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from polyveil import _validate
from polyveil.detect.faces import find_faces, look_at
from polyveil.errors import UnreadableRecord
from polyveil.inputs.image import grey
from polyveil.records import picture
from polyveil.records.finding import Box, Face
from polyveil.records.record import Record

LOOK = 256
"""Longest side at which a picture is looked at first, once."""

LOOK_AGAIN = 640
"""Longest side at which it is looked at closely, and turned, where nothing was found."""

SMALLEST = 20
"""Side of the smallest face that is read, in pixels of the picture."""

RIVAL = 0.85
"""A second face of this share of the largest one's side makes the picture ambiguous."""

PLACES = np.array(
    [[0.3419, 0.4616], [0.6565, 0.4598], [0.5002, 0.6405], [0.3710, 0.8247], [0.6315, 0.8232]]
)
"""Of the left eye, right eye, nose and corners of the mouth, as shares of the side, seen from the
front."""


@dataclass(frozen=True, slots=True)
class FaceReader:
    """float32 [1, size, size], grey in [0, 1].

    Attributes:
      size: side of the crop, pixels.
    """

    size: int = 48

    def __post_init__(self) -> None:
        _validate.at_least(8, size=self.size)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(1, size, size)."""
        return 1, self.size, self.size

    @property
    def spread(self) -> float:
        """A tenth of the range of values."""
        return 0.1

    def read(self, record: Record) -> NDArray[np.float32] | None:
        """The face of a record's picture; None without a picture.

        Raises:
          UnreadableRecord: it cannot be decoded safely, shows no face, or several that are nearly
            as large.
        """
        if record.image is None:
            return None
        pixels = picture.decode(record.image).pixels
        crop = aligned(grey(pixels), largest(_faces(pixels)), self.size)
        return crop[None].astype(np.float32) / np.float32(255)


def largest(faces: Sequence[Face]) -> NDArray[np.float64]:
    """The five points of the largest face, float64 (5, 2).

    Raises:
      UnreadableRecord: there is none, or a second one is nearly as large.
    """
    if not faces:
        raise UnreadableRecord("picture: no face found; expected one person's face.")
    ordered = sorted(faces, key=_side, reverse=True)
    if len(ordered) > 1 and _side(ordered[1]) >= RIVAL * _side(ordered[0]):
        raise UnreadableRecord(
            "picture: several faces that are nearly as large; expected one person's face, or one "
            "clearly in front. Cut the picture."
        )
    return np.asarray(ordered[0].points, dtype=np.float64)


def aligned(pixels: NDArray[np.uint8], points: NDArray[np.float64], size: int) -> NDArray[np.uint8]:
    """The face as a square, uint8 (size, size); beyond the picture its edge goes on.

    Args:
      pixels: uint8 (height, width), grey.
      points: the face's five points in pixels, (5, 2), as `Face` orders them.
      size: side of the square, pixels.
    """
    matrix = fitted(points, PLACES * size)
    shrink = 1.0 / max(float(np.hypot(matrix[0, 0], matrix[1, 0])), 1e-6)
    if shrink > 2.0:
        # Interpolation reads four pixels: of a much larger face it would skip most of them.
        height, width = pixels.shape
        small = (max(1, round(width / shrink)), max(1, round(height / shrink)))
        pixels = np.asarray(cv2.resize(pixels, small, interpolation=cv2.INTER_AREA), np.uint8)
        ratio = np.array([small[0] / width, small[1] / height])
        matrix = fitted(points * ratio, PLACES * size)
    flat = cv2.warpAffine(
        pixels, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(flat, dtype=np.uint8)


def fitted(points: NDArray[np.float64], places: NDArray[np.float64]) -> NDArray[np.float64]:
    """The similarity (2, 3) that lays points (n, 2) on places (n, 2) with the least square error.

    In the plane and without mirroring, Umeyama's solution is one complex division.
    """
    middle, target = points.mean(axis=0), places.mean(axis=0)
    x, y = (points - middle).T
    to_x, to_y = (places - target).T
    size = max(float(np.sum(x * x + y * y)), 1e-9)
    along, across = np.sum(x * to_x + y * to_y) / size, np.sum(x * to_y - y * to_x) / size
    turn = np.array([[along, -across], [across, along]])
    return np.hstack([turn, (target - turn @ middle)[:, None]])


def _faces(pixels: NDArray[np.uint8]) -> list[Face]:
    """Every face that is large enough, by the cheapest look that shows one."""
    longest = max(pixels.shape[:2])
    found: list[Face] = []
    for side in (LOOK, LOOK_AGAIN):
        scale = min(1.0, side / longest)
        seen = _shrunk(pixels, scale)
        whole = Box(0.0, 0.0, float(seen.shape[1]), float(seen.shape[0]))
        faces = look_at(seen, [whole]) if side == LOOK else find_faces(seen)
        found = [_grown(face, scale) for face in faces]
        found = [face for face in found if _side(face) >= SMALLEST]
        if found:
            break
    return found


def _shrunk(pixels: NDArray[np.uint8], scale: float) -> NDArray[np.uint8]:
    if scale == 1.0:
        return pixels
    size = tuple(max(1, round(side * scale)) for side in pixels.shape[1::-1])
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _grown(face: Face, scale: float) -> Face:
    """The face of a shrunk picture in pixels of the picture."""
    box = Box(*(edge / scale for edge in face.box))
    return dataclasses.replace(face, box=box, points=face.points / np.float32(scale))


def _side(face: Face) -> float:
    return max(face.box.width, face.box.height)
