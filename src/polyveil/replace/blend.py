# SPDX-License-Identifier: Apache-2.0
"""How a stand-in joins its picture: which pixels, how softly, and a last correction at the seam.

Poisson blending copies whatever touches the border across the whole face: a dark fringe becomes a
stain. Here the mismatch along the seam is averaged robustly, faded inwards within a fifth of the
face, and capped.
"""

from __future__ import annotations

import cv2
import numpy as np

from polyveil.replace.arrays import Array, f32


def hull(points: Array, size: tuple[int, int]) -> Array:
    """float32 (h, w), 1 inside of the closed curve through `points` (n, 2), antialiased."""
    plane = np.zeros(size, np.uint8)
    shifted = np.round(points * 16).astype(np.int32)
    cv2.fillPoly(plane, [shifted], 255, lineType=cv2.LINE_AA, shift=4)
    return f32(plane) / np.float32(255)


def feather(solid: Array, width: float) -> Array:
    """Alpha that is 0 outside of `solid` and rises to 1 within `width` pixels of its border."""
    padded = cv2.copyMakeBorder((solid > 0.5).astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_REPLICATE)
    distance = cv2.distanceTransform(padded, cv2.DIST_L2, 5)[1:-1, 1:-1]
    t = np.clip(distance / max(width, 1.0), 0, 1)
    smooth: Array = (t * t * (3 - 2 * t)).astype(np.float32)
    return smooth


def seam(new: Array, old: Array, alpha: Array, reach: float) -> Array:
    """Low-frequency colour correction (h, w, 3) to add to `new` so that it meets `old` at the seam.

    Only pixels where alpha is strictly between 0 and 1 are compared.

    Args:
      new, old: Lab. `old` is read at the seam only.
      reach: pixels over which the correction fades.
    """
    ring = (4 * alpha * (1 - alpha)).astype(np.float32)
    gap = old - new
    far = np.abs(gap[..., 0]) / 14 + np.abs(gap[..., 1]) / 12 + np.abs(gap[..., 2]) / 12
    weight = ring / (1 + far**2) ** 2
    shrink = max(int(reach / 4), 1)
    size = (max(weight.shape[1] // shrink, 2), max(weight.shape[0] // shrink, 2))
    sigma = reach / shrink
    blurred, mass = (
        cv2.GaussianBlur(
            cv2.resize(plane, size, interpolation=cv2.INTER_AREA),
            (0, 0), sigma, borderType=cv2.BORDER_REFLECT,
        )
        for plane in (gap * weight[..., None], np.dstack([weight, ring]))
    )  # fmt: skip
    # A seam that agrees with itself is trusted; a fringe of hair is not.
    bounded = blurred / (mass[..., :1] + 0.15 * mass[..., 1:] + 1e-4)
    spread = cv2.resize(bounded, alpha.shape[::-1], interpolation=cv2.INTER_LINEAR)
    return np.clip(spread, -16, 16).astype(np.float32)
