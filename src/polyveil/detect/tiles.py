# SPDX-License-Identifier: Apache-2.0
"""Views: the parts, scales and quarter turns at which a detector gets to see a picture.

A detector is sure of faces between about 16 and 400 pixels. A tiny picture is therefore enlarged;
a large one is seen as a pyramid: tiles at native resolution, then at a half, a quarter, ... until
one view holds it whole. What a tile's inner edge cuts is dropped there, because a neighbour or the
next floor of the pyramid sees it complete.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from polyveil.records.finding import Box, Face

ENLARGE_TO = 192
"""Longest side to which tiny pictures are enlarged, at most threefold."""

WHOLE = 640
"""Up to this longest side one view of the whole picture is enough."""

TILE, OVERLAP = 1024, 128
"""Largest side of a tile, and what neighbours share; a single tile may be a quarter larger."""

LARGEST_AREA = 8_000_000
"""Pixels that the first floor of the pyramid has at most; it bounds the time per picture."""

_GRAIN = 32
"""Most detectors read multiples of this many pixels."""

_CUT = 0.02
"""A box that reaches beyond an inner edge by this share of its side is cut by it."""


@dataclass(frozen=True, slots=True)
class View:
    """A rectangle of the picture, resized to width x height, then turned.

    Attributes:
      left, top, right, bottom: pixels of the picture; right and bottom exclusive.
      width, height: pixels after resizing and before turning.
      turns: counter-clockwise quarter turns.
      picture: (height, width) of the picture.
    """

    left: int
    top: int
    right: int
    bottom: int
    width: int
    height: int
    turns: int
    picture: tuple[int, int]

    def cut(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """What the detector gets to see."""
        part = pixels[self.top : self.bottom, self.left : self.right]
        if part.shape[:2] != (self.height, self.width):
            smaller = self.width * self.height < part.shape[0] * part.shape[1]
            how = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
            resized = cv2.resize(part, (self.width, self.height), interpolation=how)
            part = np.asarray(resized, dtype=np.uint8)
        return np.ascontiguousarray(np.rot90(part, self.turns)) if self.turns % 4 else part

    def back(self, face: Face) -> Face | None:
        """A face of this view in pixels of the picture; None if an inner edge cuts it."""
        corners = self._upright(np.array(face.box, dtype=np.float32).reshape(2, 2))
        low, high = corners.min(axis=0), corners.max(axis=0)
        slack = _CUT * float((high - low).max())
        height, width = self.picture
        if (
            (self.left > 0 and low[0] < self.left - slack)
            or (self.top > 0 and low[1] < self.top - slack)
            or (self.right < width and high[0] > self.right + slack)
            or (self.bottom < height and high[1] > self.bottom + slack)
        ):
            return None
        box = Box(float(low[0]), float(low[1]), float(high[0]), float(high[1]))
        return replace(face, box=box, points=self._upright(face.points))

    def _upright(self, points: NDArray[np.float32]) -> NDArray[np.float32]:
        x, y = points[:, 0], points[:, 1]
        turned = {
            0: (x, y),
            1: (self.width - y, x),
            2: (self.width - x, self.height - y),
            3: (y, self.height - x),
        }
        x, y = turned[self.turns % 4]
        ratio_x = (self.right - self.left) / self.width
        ratio_y = (self.bottom - self.top) / self.height
        return np.stack([self.left + x * ratio_x, self.top + y * ratio_y], 1).astype(np.float32)


def pyramid(picture: tuple[int, int]) -> tuple[View, ...]:
    """The upright views of a first look, the finest first."""
    height, width = picture
    longest = max(height, width)
    if longest <= WHOLE:
        return (whole(picture, scale=min(3.0, max(1.0, ENLARGE_TO / longest))),)
    views: list[View] = []
    scale = min(1.0, (LARGEST_AREA / (height * width)) ** 0.5)
    while True:
        floor = tuple(_floor(picture, scale))
        views.extend(floor)
        if len(floor) == 1 and longest * scale <= WHOLE:
            return tuple(views)
        scale /= 2


def whole(picture: tuple[int, int], *, scale: float, turns: int = 0) -> View:
    """The whole picture at a scale, turned."""
    height, width = picture
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return View(0, 0, width, height, *size, turns, picture)


def small(picture: tuple[int, int], *, side: int, turns: int = 0) -> View:
    """The whole picture, at most `side` long, in sizes that a network of stride 32 reads as such.

    Its proportions change by little; what padding or stretching later would add is saved.
    """
    view = whole(picture, scale=min(1.0, side / max(picture)), turns=turns)
    fitted = (max(_GRAIN, round(one / _GRAIN) * _GRAIN) for one in (view.width, view.height))
    width, height = fitted
    return replace(view, width=width, height=height)


def around(box: Box, picture: tuple[int, int], *, side: int) -> tuple[View, ...]:
    """The surroundings of a box, two and a half times as large, at all four quarter turns."""
    height, width = picture
    half = 1.25 * max(box.width, box.height, 4.0)
    x, y = (box.left + box.right) / 2, (box.top + box.bottom) / 2
    left, top = max(0, int(x - half)), max(0, int(y - half))
    right, bottom = min(width, int(x + half) + 1), min(height, int(y + half) + 1)
    if right - left < 2 or bottom - top < 2:
        return ()
    scale = side / max(right - left, bottom - top)
    size = max(1, round((right - left) * scale)), max(1, round((bottom - top) * scale))
    return tuple(View(left, top, right, bottom, *size, turn, picture) for turn in range(4))


def _floor(picture: tuple[int, int], scale: float) -> Iterator[View]:
    """Overlapping tiles of one floor, in pixels of the picture."""
    height, width = picture
    for top, bottom in _spans(height, scale):
        for left, right in _spans(width, scale):
            size = max(1, round((right - left) * scale)), max(1, round((bottom - top) * scale))
            yield View(left, top, right, bottom, *size, 0, picture)


def _spans(length: int, scale: float) -> list[tuple[int, int]]:
    """Overlapping stretches of TILE pixels at this scale that cover [0, length)."""
    scaled = length * scale
    if scaled <= 1.25 * TILE:
        return [(0, length)]
    count = int(np.ceil((scaled - OVERLAP) / (TILE - OVERLAP)))
    tile = (scaled + (count - 1) * OVERLAP) / count
    starts = np.arange(count) * (tile - OVERLAP) / scale
    return [(int(start), min(length, int(np.ceil(start + tile / scale)))) for start in starts]
