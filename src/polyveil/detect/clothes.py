# SPDX-License-Identifier: Apache-2.0
"""The colour of the clothes below a face, as probabilities over colour names.

The torso is guessed from the face box; pixels of the person's own skin are left out. Each pixel
votes for named prototypes in CIE L*a*b*, where a shadow moves lightness and barely hue, so
lightness counts half. What counts is the share of votes, so a pattern yields several colours.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from polyveil.records.facets import COLOURS
from polyveil.records.finding import Box, Face

_PROTOTYPES: Mapping[str, tuple[str, ...]] = {
    "red": ("c8102e", "e02020", "8b1a1a", "a02030"),
    "orange": ("f08020", "e86a10", "c86418"),
    "yellow": ("f5d020", "e8c840", "c8b428", "f0e070"),
    "green": ("208040", "50a050", "205028", "80b060", "607030", "40c060"),
    "blue": ("2050b0", "4080d0", "203060", "80b0e0", "50a0c0", "1a2850"),
    "purple": ("703090", "9050b0", "502060", "a080c0"),
    "pink": ("f090b0", "e060a0", "f0b8c8", "d84080"),
    "brown": ("704828", "8a5a34", "503420", "a07850", "b89468"),
    "black": ("0c0c0e", "1c1c20", "2a2a2c"),
    "white": ("fafafa", "ececec", "dcdcdc", "f0ece4"),
    "grey": ("808080", "a0a0a0", "606064", "b8b8bc", "505054"),
}
_LIGHTNESS = 0.5
_SPREAD = 11.0
_SCALE = np.array([_LIGHTNESS, 1.0, 1.0], np.float32)
_SKIN = 11.0
_GRID = 40
_MIN_VISIBLE = 0.15


def torso(face: Face) -> Box:
    """Where the chest should be, in pixels; may reach beyond the picture."""
    box = face.box
    middle, half = (box.left + box.right) / 2, 0.85 * box.width
    return Box(
        middle - half, box.bottom + 0.35 * box.height, middle + half, box.bottom + 1.7 * box.height
    )


def colours(pixels: NDArray[np.uint8], face: Face) -> dict[str, float]:
    """Colour -> probability for the clothes below a face; empty where they are not in the picture.

    Args:
      pixels: uint8 (height, width, 3) RGB or (height, width) grey, the upright picture.
      face: a face in it.
    """
    wanted = torso(face)
    part = _cut(pixels, wanted)
    if part is None or part.shape[0] * part.shape[1] < _MIN_VISIBLE * wanted.area:
        return {}
    lab = _lab(cv2.resize(part, (_GRID, _GRID), interpolation=cv2.INTER_AREA)).reshape(-1, 3)
    # The middle of the chest is more surely the person's own clothes than its sides.
    weight = np.tile(np.hanning(_GRID + 2)[1:-1] + 0.1, _GRID)
    skin = _skin(pixels, face)
    if skin is not None:
        apart = np.hypot(
            np.linalg.norm(lab[:, 1:] - skin[1:], axis=1), 0.35 * (lab[:, 0] - skin[0])
        )
        # A shirt of the skin's own colour must not vanish: skin votes a little where all is skin.
        weight = weight * np.where(apart < _SKIN, 0.1, 1.0)
    votes = weight @ _memberships(lab)
    return {name: float(vote) for name, vote in zip(COLOURS, votes / votes.sum(), strict=True)}


def dressed(pixels: NDArray[np.uint8], faces: Sequence[Face]) -> list[Face]:
    """The same faces with the facet `clothes` filled in where clothes are visible."""
    result = []
    for face in faces:
        found = colours(pixels, face)
        attributes = {**face.attributes, "clothes": found} if found else face.attributes
        result.append(dataclasses.replace(face, attributes=attributes))
    return result


def _memberships(lab: NDArray[np.float32]) -> NDArray[np.float64]:
    """(n, colours): how much each pixel is of each colour; rows sum to one."""
    prototypes, starts = _prototypes()
    scaled = lab * _SCALE
    squared = (
        (scaled**2).sum(axis=1)[:, None] + (prototypes**2).sum(axis=1) - 2 * scaled @ prototypes.T
    )
    near = np.minimum.reduceat(np.maximum(squared, 0), starts, axis=1)
    logits = (-0.5 / _SPREAD**2 * near).astype(np.float64)
    table = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(table / table.sum(axis=1, keepdims=True))


@cache
def _prototypes() -> tuple[NDArray[np.float32], NDArray[np.intp]]:
    """All prototypes in scaled L*a*b*, colour after colour, and where each colour begins."""
    codes = [_PROTOTYPES[name] for name in COLOURS]
    rgb = [[[int(code[i : i + 2], 16) for i in (0, 2, 4)] for row in codes for code in row]]
    starts = np.cumsum([0, *(len(row) for row in codes[:-1])])
    return _lab(np.array(rgb, np.uint8))[0] * _SCALE, starts


def _skin(pixels: NDArray[np.uint8], face: Face) -> NDArray[np.float32] | None:
    """Median L*a*b* of the middle of the face; None where it lies outside the picture."""
    box = face.box
    part = _cut(
        pixels,
        Box(
            box.left + 0.25 * box.width,
            box.top + 0.4 * box.height,
            box.right - 0.25 * box.width,
            box.bottom - 0.2 * box.height,
        ),
    )
    if part is None:
        return None
    small = cv2.resize(part, (12, 12), interpolation=cv2.INTER_AREA)
    return np.asarray(np.median(_lab(small).reshape(-1, 3), axis=0), np.float32)


def _cut(pixels: NDArray[np.uint8], box: Box) -> NDArray[np.uint8] | None:
    """The visible part of a box as RGB; None where nothing of it is in the picture."""
    height, width = pixels.shape[:2]
    left, right = max(0, round(box.left)), min(width, round(box.right))
    top, bottom = max(0, round(box.top)), min(height, round(box.bottom))
    if right - left < 2 or bottom - top < 2:
        return None
    part = pixels[top:bottom, left:right]
    return np.repeat(part[:, :, None], 3, axis=2) if part.ndim == 2 else part[:, :, :3]


def _lab(rgb: NDArray[Any]) -> NDArray[np.float32]:
    """CIE L*a*b*, float32, L in [0, 100]."""
    scaled = np.ascontiguousarray(rgb).astype(np.float32) / 255.0
    return np.asarray(cv2.cvtColor(scaled, cv2.COLOR_RGB2LAB), np.float32)
