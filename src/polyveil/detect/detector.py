# SPDX-License-Identifier: Apache-2.0
"""What a face detector is, and which ones are installed.

A further detector joins by an entry point, without a line of ours changed:

    [project.entry-points."polyveil.face_detectors"]
    mine = "my_package:MyDetector"      # a class; called without arguments
"""

from __future__ import annotations

from functools import cache
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from polyveil.detect.centerface import CenterFace
from polyveil.detect.plugins import plugins
from polyveil.records.finding import Face

GROUP = "polyveil.face_detectors"


@runtime_checkable
class FaceDetector(Protocol):
    """Looks once at one picture. `find_faces` decides on scales, tiles and turns.

    Promises: the same pixels give the same faces; the pixels are left as they were; any size from
    0 x 0 up is accepted; boxes and points are in pixels of what was passed.
    """

    @property
    def name(self) -> str:
        """Goes into `Face.source`; unique among the installed detectors."""
        ...

    def detect(self, pixels: NDArray[np.uint8]) -> list[Face]:
        """Candidates in uint8 (height, width, 3) RGB or (height, width) grey.

        Candidates scoring below `faces.ACCEPT` are welcome: they are not reported, they tell
        where a second look is due.
        """
        ...


@cache
def installed() -> tuple[FaceDetector, ...]:
    """CenterFace, then every detector that an installed package offers, by name.

    Raises:
      UsageError: an entry point loads something that is not a FaceDetector.
    """
    return (CenterFace(), *plugins(GROUP, FaceDetector, members="name, detect"))
