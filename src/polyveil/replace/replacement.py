# SPDX-License-Identifier: Apache-2.0
"""What every way of replacing a face takes and returns, and how a way is found by its name.

Further ways come as entry points of the group `polyveil.face_replacers`: name -> a callable
without arguments that returns a `FaceReplacer`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from polyveil.records.finding import Face
from polyveil.replace.persona import Persona


@dataclass(frozen=True, slots=True)
class Replacement:
    """A picture with one face replaced.

    Attributes:
      pixels: uint8, the whole picture, same shape as it came.
      mask: bool (h, w), the pixels that may differ; every other one is as it came, to the bit.
      facets: what the new face shows, facet -> value; empty where there is no new face.
    """

    pixels: NDArray[np.uint8]
    mask: NDArray[np.bool_]
    facets: Mapping[str, str] = field(default_factory=dict)


@runtime_checkable
class FaceReplacer(Protocol):
    """A way to make a face unrecognisable.

    Attributes:
      name: as users write it.
      weak: an attacker trained on its outputs undoes it; users are warned.
      warning: a sentence to show whenever it is chosen; empty if there is none.
    """

    name: str
    weak: bool
    warning: str

    def replace(self, pixels: NDArray[np.uint8], face: Face, persona: Persona) -> Replacement:
        """The picture with this face replaced.

        Pixels outside of the mask stay as they came; the same persona gets the same face in every
        picture; grey pictures stay grey.

        Args:
          pixels: uint8 RGB (h, w, 3), RGBA (h, w, 4) or grey (h, w), upright.
          face: where; its outline if it is known, else its five points are used.
          persona: who stands in.
        """
        ...
