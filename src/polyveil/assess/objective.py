# SPDX-License-Identifier: Apache-2.0
"""The joint loss that chooses between candidates: L = l1 L_image + l2 L_text + l3 L_alignment.

Each term lies in [0, 1], so the lambdas are comparable. The words have the paper's form, but here
nothing is trained by it: it picks, among finished candidates, the one that leaves.

Source: Lu et al., "Joint Multimodal Data Desensitization Mechanism", section 3.5.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from polyveil import _validate

RING = 5
"""Pixels on either side of the border of a replaced region that count as its seam."""


@dataclass(frozen=True, slots=True)
class Weights:
    """The lambdas, each >= 0."""

    image: float = 1.0
    text: float = 1.0
    alignment: float = 1.0

    def __post_init__(self) -> None:
        _validate.not_negative(image=self.image, text=self.text, alignment=self.alignment)


def total(weights: Weights, *, image: float, text: float, alignment: float) -> float:
    """The weighted sum; each term in [0, 1], less is better."""
    return weights.image * image + weights.text * text + weights.alignment * alignment


def image_loss(pixels: NDArray[np.uint8], replaced: NDArray[np.bool_]) -> float:
    """How visible the seam is: mean difference of colour across the border of what was replaced.

    Args:
      pixels: (height, width[, 3]), the candidate.
      replaced: (height, width), True where pixels are not the original's.

    Returns:
      [0, 1]; 0 when nothing was replaced.
    """
    left, top, across, down = cv2.boundingRect(replaced.astype(np.uint8))
    if not across:
        return 0.0
    # Only around the stand-ins: on a large picture the rest would cost a gigabyte for nothing.
    rows = slice(max(0, top - 4 * RING), top + down + 4 * RING)
    columns = slice(max(0, left - 4 * RING), left + across + 4 * RING)
    pixels, mask = pixels[rows, columns], replaced[rows, columns].astype(np.uint8)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * RING + 1, 2 * RING + 1))
    inside = (mask > 0) & (cv2.erode(mask, kernel) == 0)
    outside = (cv2.dilate(mask, kernel) > 0) & (mask == 0)
    if not outside.any():
        return 0.0
    colour = pixels if pixels.ndim == 3 else pixels[..., None]
    near_in, near_out = (_local_mean(colour, ring) for ring in (inside, outside))
    gap = np.abs(near_in - near_out)[inside].mean()
    return float(min(1.0, gap / 255.0))


def _local_mean(colour: NDArray[np.uint8], ring: NDArray[np.bool_]) -> NDArray[np.float32]:
    size = (4 * RING + 1, 4 * RING + 1)
    weight = ring.astype(np.float32)
    mass = cv2.blur(weight, size) + 1e-6
    channels = [cv2.blur(colour[..., c] * weight, size) / mass for c in range(colour.shape[2])]
    return np.stack(channels, axis=-1)


def text_loss(original: Sequence[str], rewritten: Sequence[str]) -> float:
    """Share of words that a candidate changed, in [0, 1]."""
    before = [word for text in original for word in text.split()]
    if not before:
        return 0.0
    after = {word for text in rewritten for word in text.split()}
    return sum(word not in after for word in before) / len(before)


def alignment_loss(agreements: Sequence[float]) -> float:
    """1 - the worst agreement between a person's face and the words about it; 0 without a pair."""
    return 1.0 - min(agreements) if agreements else 0.0
