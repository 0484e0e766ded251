# SPDX-License-Identifier: Apache-2.0
"""What a face is doing, in six numbers, carried from one head to another."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from polyveil.replace.arrays import Array

_EYES = (([37, 38], [41, 40], [36, 39]), ([43, 44], [47, 46], [42, 45]))


@dataclass(frozen=True, slots=True)
class Expression:
    """Pixels of the frontal frame unless stated.

    Attributes:
      mouth: gap between the lips.
      width: distance of the mouth's corners.
      smile: how far the corners are above the middle of the lips.
      eyes: opening of both eyes, as a share of their width.
      brows: height of the brows above the eyes.
    """

    mouth: float
    width: float
    smile: float
    eyes: float
    brows: float

    @classmethod
    def of(cls, head: Array) -> Expression:
        """Of a head (68, 3) in the frontal frame."""
        y = head[:, 1]
        mouth = float(max(0.0, (y[[65, 66, 67]] - y[[63, 62, 61]]).mean()))
        corners = y[[48, 54]].mean()
        middle = 0.5 * (y[[61, 62, 63]].mean() + y[[65, 66, 67]].mean())
        opening = [
            (y[low].mean() - y[up].mean()) / np.linalg.norm(head[ends[0]] - head[ends[1]])
            for up, low, ends in _EYES
        ]
        return cls(
            mouth=mouth,
            width=float(np.linalg.norm(head[54] - head[48])),
            smile=float(middle - corners),
            eyes=float(np.clip(np.mean(opening), 0.05, 0.5)),
            brows=float(y[36:48].mean() - y[17:27].mean()),
        )

    def on(self, head: Array) -> Array:
        """`head` (68, 3) doing this, its own proportions otherwise kept."""
        own = Expression.of(head)
        out = head.astype(np.float32).copy()
        # Lips that are pulled too far apart tear: not far beyond the texture's own opening.
        gap = min(self.mouth, 1.35 * own.mouth + 1) - own.mouth
        out[[65, 66, 67, 56, 57, 58], 1] += 0.75 * gap
        out[[55, 59], 1] += 0.4 * gap
        out[[61, 62, 63, 50, 51, 52], 1] -= 0.25 * gap
        centre = out[48:68, 0].mean()
        stretch = 1 + 0.5 * (self.width / max(own.width, 1.0) - 1)
        out[48:68, 0] = centre + (out[48:68, 0] - centre) * np.float32(stretch)
        rise = 0.7 * (self.smile - own.smile)
        out[[48, 54, 60, 64], 1] -= rise
        out[[49, 53, 59, 55], 1] -= 0.4 * rise
        for up, low, ends in _EYES:
            line = out[ends, 1].mean()
            ratio = 1 + 0.5 * (self.eyes / max(own.eyes, 0.05) - 1)
            out[up + low, 1] = line + (out[up + low, 1] - line) * np.float32(ratio)
        out[17:27, 1] -= 0.3 * (self.brows - own.brows)
        return out
