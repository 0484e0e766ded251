# SPDX-License-Identifier: Apache-2.0
"""The socket for a face recogniser: a face goes in, a vector comes out.

polyveil ships a weak one (local binary patterns of the inside of the face). What a strong one finds
is what counts, so an audit takes any: a function, an ONNX file in the usual layout of face
recognition networks, or an embedder that is plugged in for linking.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from polyveil import _weights
from polyveil.assess.reidentify import describe
from polyveil.detect.embedder import FaceEmbedder
from polyveil.errors import UsageError
from polyveil.records.finding import Face

_CROP = 112
_POINTS = np.array(
    [[38.3, 51.7], [73.5, 51.5], [56.0, 71.7], [41.5, 92.4], [70.7, 92.2]], dtype=np.float32
)
"""Where the five points lie in the crop that networks for face recognition are trained on."""


class Recogniser(Protocol):
    """Maps faces to vectors whose cosine is high for the same person."""

    @property
    def name(self) -> str:
        """As a report prints it."""
        ...

    def describe(self, pixels: NDArray[np.uint8], face: Face) -> NDArray[np.float32]:
        """(d,) for one face of an upright picture, uint8 (h, w, 3) RGB or (h, w) grey. The face's
        place and points are given; in a released picture they are the original's."""
        ...


@dataclass(frozen=True, slots=True)
class LocalPatterns:
    """The recogniser that needs no weights: local binary patterns, brows to mouth."""

    name: str = "local binary patterns"

    def describe(self, pixels: NDArray[np.uint8], face: Face) -> NDArray[np.float32]:
        """See `Recogniser`; d = 9,216."""
        return describe(pixels, face)


@dataclass(frozen=True, slots=True)
class Function:
    """Any function of pixels and face as a recogniser."""

    name: str
    function: Callable[[NDArray[np.uint8], Face], NDArray[Any]] = field(repr=False)

    def describe(self, pixels: NDArray[np.uint8], face: Face) -> NDArray[np.float32]:
        """See `Recogniser`."""
        return unit(np.asarray(self.function(pixels, face), dtype=np.float32))


@dataclass(frozen=True, slots=True)
class Plugged:
    """An embedder that is plugged in for linking faces across records."""

    embedder: FaceEmbedder

    @property
    def name(self) -> str:
        """The embedder's own."""
        return self.embedder.name

    def describe(self, pixels: NDArray[np.uint8], face: Face) -> NDArray[np.float32]:
        """See `Recogniser`."""
        return unit(np.asarray(self.embedder.embed(coloured(pixels), [face])[0], np.float32))


@dataclass(frozen=True)
class OnnxRecogniser:
    """A network from a file: input float32 (n, 3, 112, 112) RGB in [-1, 1], aligned on five points,
    output (n, d); the layout of ArcFace and its kin.

    Raises:
      UsageError: on first use, where the file is no such network.
    """

    path: Path

    @property
    def name(self) -> str:
        """The file's name."""
        return self.path.name

    @cached_property
    def _session(self) -> Any:
        if not self.path.is_file():
            raise UsageError("recogniser: no such file; expected an ONNX network.")
        session = _weights.session(self.path)
        shape = list(session.get_inputs()[0].shape[1:])
        if shape != [3, _CROP, _CROP]:
            raise UsageError(f"recogniser: input {shape}; expected [3, {_CROP}, {_CROP}].")
        return session

    def describe(self, pixels: NDArray[np.uint8], face: Face) -> NDArray[np.float32]:
        """See `Recogniser`."""
        session = self._session
        matrix, _ = cv2.estimateAffinePartial2D(face.points, _POINTS, method=cv2.LMEDS)
        size = int(np.prod(session.get_outputs()[0].shape[1:]))
        if matrix is None:
            return np.zeros(size, np.float32)
        crop = cv2.warpAffine(coloured(pixels), matrix, (_CROP, _CROP))
        batch = ((crop.astype(np.float32) - 127.5) / 127.5).transpose(2, 0, 1)[None]
        return unit(np.asarray(session.run(None, {session.get_inputs()[0].name: batch})[0]).ravel())


def coloured(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The picture with three channels."""
    return pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, axis=2)


def unit(vector: NDArray[np.float32]) -> NDArray[np.float32]:
    """The vector at length 1; zero stays zero."""
    scaled: NDArray[np.float32] = vector / (np.linalg.norm(vector) + 1e-9)
    return scaled.astype(np.float32)
