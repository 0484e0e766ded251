# SPDX-License-Identifier: Apache-2.0
"""Attack the stand-ins: how often does a face matcher find the person behind one?

The attacker holds the ORIGINAL pictures of everyone in the job and sees the face region of an
output, brows to mouth. He matches local binary patterns of aligned faces, naively, and after
learning, on half of the faces, how outputs look for originals that he knows (ridge regression into
the original's space). He is a weak recogniser beside
a deep one; benchmarks use a deep one, and the report says which was used. The rest of a picture is
not hidden: who holds the original knows it again by that.

Source: Ahonen, Hadid & Pietikäinen, "Face Description with Local Binary Patterns", PAMI 2006.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from polyveil.interval import Interval, clopper_pearson
from polyveil.records.finding import Face

SIDE = 72
"""Pixels of an aligned face."""
GRID = 6
"""Cells along a side, each with a histogram of patterns."""
FEWEST = 20
"""Faces below which a rate says nothing."""

# Where the five points come to lie: brows to mouth. Hair and background stay as they are and are
# no stand-in's doing; to the bit the same, they would answer for it.
_TARGET = np.array([[14, 16], [58, 16], [36, 38], [20, 57], [52, 57]], dtype=np.float32)
_RIDGE = 10.0


@dataclass(frozen=True, slots=True)
class Reidentification:
    """Rank-1 rates of one attacker.

    Attributes:
      attacker: who, in words.
      rate: share of stand-ins whose person he names first.
      original: the same attacker on a mirrored-back, recompressed original: what he is able to do.
      chance: 1 / gallery.
    """

    attacker: str
    rate: Interval
    original: float
    chance: float


def describe(pixels: NDArray[np.uint8], face: Face) -> NDArray[np.float32]:
    """Histograms of local binary patterns of the aligned face, unit length."""
    matrix, _ = cv2.estimateAffinePartial2D(face.points, _TARGET, method=cv2.LMEDS)
    if matrix is None:
        return np.zeros(GRID * GRID * 256, np.float32)
    crop = cv2.warpAffine(pixels, matrix, (SIDE, SIDE), borderMode=cv2.BORDER_REFLECT)
    grey = crop if crop.ndim == 2 else cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)
    codes = _patterns(np.asarray(grey, np.uint8))
    cell = (SIDE - 2) // GRID
    histograms = [
        np.bincount(codes[y : y + cell, x : x + cell].ravel(), minlength=256)
        for y in range(0, cell * GRID, cell)
        for x in range(0, cell * GRID, cell)
    ]
    # Square roots make the dot product a Bhattacharyya coefficient, the usual match for histograms.
    vector = np.sqrt(np.concatenate(histograms).astype(np.float32))
    unit: NDArray[np.float32] = vector / (np.linalg.norm(vector) + 1e-9)
    return unit


def weaken(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The original as a control: JPEG at quality 50, so that equality of bytes is no help."""
    channels = pixels if pixels.ndim == 2 else pixels[..., ::-1]
    _, data = cv2.imencode(".jpg", channels, [cv2.IMWRITE_JPEG_QUALITY, 50])
    back = np.asarray(cv2.imdecode(data, cv2.IMREAD_UNCHANGED), dtype=np.uint8)
    return np.ascontiguousarray(back if pixels.ndim == 2 else back[..., ::-1])


def reidentification(
    before: NDArray[np.float32], control: NDArray[np.float32], after: NDArray[np.float32]
) -> list[Reidentification]:
    """What the two attackers reach.

    Args:
      before, control, after: (faces, d) descriptions of the originals, of weakened originals and
        of the outputs, in the same order, one person a row.

    Returns:
      Empty below `FEWEST` faces.
    """
    count = len(before)
    if count < FEWEST:
        return []
    naive = Reidentification(
        attacker="local binary patterns",
        rate=_rate(before, after),
        original=_rate(before, control).estimate,
        chance=1 / count,
    )
    half = count // 2
    learned = translate(after[:half], before[:half], after[half:])
    trained = Reidentification(
        attacker="local binary patterns, trained on half of the outputs with originals",
        rate=_rate(before[half:], learned),
        original=_rate(before[half:], control[half:]).estimate,
        chance=1 / (count - half),
    )
    return [naive, trained]


def _patterns(grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
    centre, codes = grey[1:-1, 1:-1], np.zeros((SIDE - 2, SIDE - 2), np.uint8)
    around = ((0, 0), (0, 1), (0, 2), (1, 2), (2, 2), (2, 1), (2, 0), (1, 0))
    for bit, (dy, dx) in enumerate(around):
        neighbour = grey[dy : dy + SIDE - 2, dx : dx + SIDE - 2]
        codes |= (neighbour >= centre).astype(np.uint8) << bit
    return codes


def _rate(gallery: NDArray[np.float32], probes: NDArray[np.float32]) -> Interval:
    first = (probes @ gallery.T).argmax(axis=1)
    return clopper_pearson(int((first == np.arange(len(gallery))).sum()), len(gallery))


def translate(
    seen: NDArray[np.float32], wanted: NDArray[np.float32], probes: NDArray[np.float32]
) -> NDArray[np.float32]:
    """What originals `probes` would have, learned from pairs (`seen`, `wanted`), all (n, d): ridge
    regression in its dual form, since there are fewer faces than features. Unit length."""
    mean_in, mean_out = seen.mean(axis=0), wanted.mean(axis=0)
    centred = seen - mean_in
    gram = centred @ centred.T
    scale = _RIDGE * np.trace(gram) / len(gram) ** 2 + 1e-6
    weights = np.linalg.solve(gram + scale * np.eye(len(gram), dtype=np.float32), wanted - mean_out)
    guess = (probes - mean_in) @ centred.T @ weights + mean_out
    result: NDArray[np.float32] = guess / (np.linalg.norm(guess, axis=1, keepdims=True) + 1e-9)
    return result.astype(np.float32)
