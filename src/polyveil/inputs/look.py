# SPDX-License-Identifier: Apache-2.0
"""What a whole picture gives at a glance: who it shows, roughly, and its colours. A vector.

For small data sets, where a network on pixels learns nothing: the embedding of the alignment tower
that ships (trained on faces and the words for them) beside a histogram of colours. On tweets with
pictures each told feelings apart better than pixels did, and both together better than each.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from polyveil.detect.alignment import HEAD, AlignmentModel
from polyveil.inputs.image import rgb
from polyveil.records import picture
from polyveil.records.record import Record

EMBEDDING = 72
HUES, SATURATIONS, VALUES = 8, 4, 4


@dataclass(frozen=True, slots=True)
class LookReader:
    """float32 [72 + 128]: an embedding of length 1, and the roots of a histogram's shares."""

    @property
    def shape(self) -> tuple[int]:
        """(numbers,)."""
        return (EMBEDDING + HUES * SATURATIONS * VALUES,)

    @property
    def spread(self) -> float:
        """About what one number varies by."""
        return 0.1

    def read(self, record: Record) -> NDArray[np.float32] | None:
        """Of a record's picture; None without one.

        Raises:
          UnreadableRecord: it cannot be decoded safely.
        """
        if record.image is None:
            return None
        pixels = rgb(picture.decode(record.image).pixels)
        small = cv2.resize(pixels, (HEAD, HEAD), interpolation=cv2.INTER_AREA)
        embedding = towers().image(np.asarray(small, dtype=np.uint8)[None])[0]
        return np.concatenate([embedding, colours(pixels)])


def colours(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Square roots of the shares of pixels by hue, saturation and value: float32 [128], length 1.

    Roots, so that a difference of small shares counts beside one of large shares (Hellinger).
    """
    hsv = cv2.cvtColor(pixels, cv2.COLOR_RGB2HSV)
    bins, edges = [HUES, SATURATIONS, VALUES], [0, 180, 0, 256, 0, 256]
    counts = cv2.calcHist([hsv], [0, 1, 2], None, bins, edges).ravel()
    return np.asarray(np.sqrt(counts / counts.sum()), dtype=np.float32)


@cache
def towers() -> AlignmentModel:
    """The encoders that ship, loaded once."""
    return AlignmentModel()
