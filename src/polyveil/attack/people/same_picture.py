# SPDX-License-Identifier: Apache-2.0
"""Which of many pictures is this one, if faces in it were changed? By what was left as it was.

A `Look` is the picture at 24 x 24 pixels, brightness and contrast taken out. Replaced faces touch a
part of it; the rest still tells pictures apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from polyveil.records.finding import Face

SIDE = 24
"""Pixels of a look's side."""
CLEAR = 0.02
"""How much nearer the best must be than the second for a pair to count as told."""
ALIKE = 0.6
"""Correlation below which two pictures are not the same one."""
_AROUND = 0.2
"""Share of a face box's size by which the masked part is larger than the box."""


@dataclass(frozen=True, slots=True)
class Look:
    """One picture, made small.

    Attributes:
      shape: height and width of the whole picture, pixels.
      grey: float32 (SIDE * SIDE,), mean 0 and length 1; all zero for a picture of one colour.
    """

    shape: tuple[int, int]
    grey: NDArray[np.float32] = field(repr=False)

    @staticmethod
    def of(pixels: NDArray[np.uint8], hidden: Sequence[Face] = ()) -> Look:
        """The look of a picture; faces in `hidden`, with a margin, are painted over in grey."""
        plain = pixels if pixels.ndim == 2 else cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
        grey = np.asarray(plain, np.uint8)
        if hidden:
            grey = grey.copy()
            for face in hidden:
                _paint(grey, face)
        small = cv2.resize(grey, (SIDE, SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
        values = small.ravel() - small.mean()
        length = float(np.linalg.norm(values))
        height, width = grey.shape[:2]
        return Look((height, width), values / length if length > SIDE else values * 0.0)


def likeness(one: Sequence[Look], other: Sequence[Look]) -> NDArray[np.float32]:
    """(len(one), len(other)): correlation of looks, -1 where the pictures' shapes differ."""
    table = np.stack([a.grey for a in one]) @ np.stack([b.grey for b in other]).T
    shapes = np.array([a.shape for a in one])[:, None] == np.array([b.shape for b in other])[None]
    table[~shapes.all(axis=2)] = -1.0
    return table


def nearest_pairs(
    one: Sequence[Look | None], other: Sequence[Look | None]
) -> list[tuple[int, int]]:
    """Pairs of places that are each other's nearest, alike, and clearly before the second."""
    mine = [at for at, look in enumerate(one) if look is not None]
    theirs = [at for at, look in enumerate(other) if look is not None]
    if not mine or not theirs:
        return []
    table = likeness([one[a] for a in mine], [other[b] for b in theirs])  # type: ignore[misc]
    pairs = []
    for row, column in enumerate(table.argmax(axis=1)):
        best = float(table[row, column])
        rivals = np.concatenate([np.delete(table[row], column), np.delete(table[:, column], row)])
        if best > ALIKE and best > CLEAR + rivals.max(initial=-1.0):
            pairs.append((mine[row], theirs[int(column)]))
    return pairs


def _paint(grey: NDArray[np.uint8], face: Face) -> None:
    wide, high = _AROUND * face.box.width, _AROUND * face.box.height
    left, top = max(0, int(face.box.left - wide)), max(0, int(face.box.top - high))
    right, bottom = int(face.box.right + wide) + 1, int(face.box.bottom + high) + 1
    grey[top:bottom, left:right] = 128
