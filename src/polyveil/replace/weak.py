# SPDX-License-Identifier: Apache-2.0
"""Blur, pixelation and a solid box: what people know, kept for comparison and for the hurried.

Blur and pixelation are NOT anonymisation: a network trained on blurred or pixelated faces tells
them apart again (measured in benchmarks/reidentification.py). A solid box cannot be undone, but a
picture full of boxes is of no use to anyone who wanted faces in it.

Source: McPherson, Shokri & Shmatikov 2016, https://arxiv.org/abs/1609.00408
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from polyveil.records.finding import Face
from polyveil.replace.persona import Persona
from polyveil.replace.replacement import Replacement

Pixels = NDArray[np.uint8]

UNDONE = "{} faces are recognised again by an attacker who trains on {} faces; prefer 'model'."


class Covering:
    """A replacer that changes the pixels of an ellipse around the face and asks no persona.

    Attributes:
      name, weak: see `FaceReplacer`.
      warning: a sentence to show whenever it is chosen; empty if there is none.
    """

    def __init__(
        self, name: str, change: Callable[[Pixels], Pixels], *, weak: bool, warning: str
    ) -> None:
        self.name, self.weak, self.warning, self._change = name, weak, warning, change

    def replace(self, pixels: Pixels, face: Face, persona: Persona) -> Replacement:
        """The picture with the face covered; the persona is not used."""
        height, width = pixels.shape[:2]
        box = face.box
        # A detector's box ends at the brows' edge; people are recognised by what is around it, too.
        grow_x, grow_y = 0.1 * box.width, 0.1 * box.height
        left, top = max(0, int(box.left - grow_x)), max(0, int(box.top - grow_y))
        right = min(width, int(np.ceil(box.right + grow_x)))
        bottom = min(height, int(np.ceil(box.bottom + grow_y)))
        out, mask = pixels.copy(), np.zeros((height, width), np.bool_)
        if right <= left or bottom <= top:
            return Replacement(out, mask)
        y, x = np.mgrid[top:bottom, left:right] + 0.5
        centre_x, centre_y = (box.left + box.right) / 2, (box.top + box.bottom) / 2
        radius_x, radius_y = max(box.width / 2 + grow_x, 1), max(box.height / 2 + grow_y, 1)
        inside = ((x - centre_x) / radius_x) ** 2 + ((y - centre_y) / radius_y) ** 2 <= 1
        mask[top:bottom, left:right] = inside
        changed = self._change(pixels[top:bottom, left:right])
        out[top:bottom, left:right][inside] = changed[inside]
        return Replacement(out, mask)


def blur(pixels: Pixels) -> Pixels:
    """A box blur a quarter of the face wide, repeated: what common tools do by default."""
    reach = max(pixels.shape[1] // 8, 1)
    return np.asarray(cv2.GaussianBlur(pixels, (0, 0), reach), np.uint8)


def pixelate(pixels: Pixels) -> Pixels:
    """Eight tiles across."""
    height, width = pixels.shape[:2]
    across = min(8, width)
    down = max(1, round(across * height / width))
    small = cv2.resize(pixels, (across, down), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_NEAREST), np.uint8)


def solid(pixels: Pixels) -> Pixels:
    """Mid grey."""
    return np.full_like(pixels, 127)


def blurring() -> Covering:
    """The backend `blur`."""
    return Covering("blur", blur, weak=True, warning=UNDONE.format("Blurred", "blurred"))


def pixelating() -> Covering:
    """The backend `pixelate`."""
    return Covering(
        "pixelate", pixelate, weak=True, warning=UNDONE.format("Pixelated", "pixelated")
    )


def boxing() -> Covering:
    """The backend `solid`."""
    return Covering("solid", solid, weak=False, warning="A solid box hides the face and looks it.")
