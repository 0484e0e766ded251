# SPDX-License-Identifier: Apache-2.0
"""The socket for a face recogniser that tells whether two faces are the same person.

polyveil ships none: its own linking across records goes by names, labels and near-duplicate
pictures. A site that has one plugs it in,

    [project.entry-points."polyveil.face_embedders"]
    mine = "my_package:MyEmbedder"      # a class; called without arguments

and the task turns clusters of its embeddings into keys "face:<cluster>".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from polyveil.detect.plugins import plugins
from polyveil.records.finding import Face

GROUP = "polyveil.face_embedders"


@runtime_checkable
class FaceEmbedder(Protocol):
    """Maps faces to vectors that lie close together for the same person.

    Attributes:
      threshold: cosine above which two faces count as the same person.
    """

    name: str
    threshold: float

    def embed(self, pixels: NDArray[np.uint8], faces: Sequence[Face]) -> NDArray[np.float32]:
        """Unit vectors, float32 (len(faces), d), for faces of one upright RGB picture."""
        ...


def discover() -> tuple[FaceEmbedder, ...]:
    """Every embedder that an installed package offers, by name; empty where none is installed.

    Raises:
      UsageError: an entry point loads something that is not a FaceEmbedder.
    """
    return plugins(GROUP, FaceEmbedder, members="name, threshold, embed")
