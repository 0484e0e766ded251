# SPDX-License-Identifier: Apache-2.0
"""The whole picture, shrunk to a square; nothing is cut off, so that other sides are squeezed."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from polyveil import _validate
from polyveil.records import picture
from polyveil.records.record import Record


@dataclass(frozen=True, slots=True)
class ImageReader:
    """float32 [channels, size, size] in [0, 1].

    Attributes:
      size: side, pixels.
      channels: 3 for sRGB, 1 for grey.
    """

    size: int = 32
    channels: int = 3

    def __post_init__(self) -> None:
        _validate.at_least(1, size=self.size)
        if self.channels not in (1, 3):
            raise ValueError(f"expected channels 1 or 3, got {self.channels}.")

    @property
    def shape(self) -> tuple[int, int, int]:
        """(channels, size, size)."""
        return self.channels, self.size, self.size

    @property
    def spread(self) -> float:
        """A tenth of the range of values."""
        return 0.1

    def read(self, record: Record) -> NDArray[np.float32] | None:
        """The picture of a record; None without one.

        Raises:
          UnreadableRecord: it cannot be decoded safely.
        """
        if record.image is None:
            return None
        pixels = picture.decode(record.image).pixels
        pixels = grey(pixels) if self.channels == 1 else rgb(pixels)
        smaller = self.size * self.size < pixels.shape[0] * pixels.shape[1]
        how = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
        square = np.asarray(cv2.resize(pixels, (self.size, self.size), interpolation=how))
        channels = square.reshape(self.size, self.size, self.channels).transpose(2, 0, 1)
        return np.ascontiguousarray(channels, dtype=np.float32) / np.float32(255)


def rgb(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """uint8 (height, width, 3) RGB or (height, width) grey -> (height, width, 3)."""
    if pixels.ndim == 3:
        return pixels
    return np.repeat(pixels[:, :, None], 3, axis=2)


def grey(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """uint8 (height, width, 3) RGB or (height, width) grey -> (height, width) grey, Rec. 601."""
    if pixels.ndim == 2:
        return pixels
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), dtype=np.uint8)
