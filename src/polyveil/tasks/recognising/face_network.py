# SPDX-License-Identifier: Apache-2.0
"""Any face recognition network of ArcFace's layout as an encoder: the largest face of a picture."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polyveil import _weights
from polyveil.attack.people.recogniser import OnnxRecogniser
from polyveil.detect.faces import find_faces
from polyveil.errors import UnreadableRecord, UsageError
from polyveil.recognize.encoder import PROBE_DRAWS, identity, unit
from polyveil.records.picture import decode
from polyveil.records.record import Record

MODALITY = "face"
FILE = "network.onnx"


@dataclass(frozen=True)
class FaceNetwork:
    """A network from an ONNX file: float32 (n, 3, 112, 112) RGB in [-1, 1], aligned on five points.

    Attributes:
      path: the file.
      digest: SHA-256 of its bytes.
    """

    path: Path = field(repr=False)
    digest: str

    @classmethod
    def open(cls, path: Path) -> FaceNetwork:
        """
        Raises:
          UsageError: no file there, or no such network.
        """
        if not path.is_file():
            raise UsageError("encoder: no such file; expected an ONNX network or a trained run.")
        made = cls(path, _weights.sha256(path))
        if made.dimensions[MODALITY] < 2:
            raise UsageError("encoder: the network gives one number; expected an embedding.")
        return made

    @property
    def id(self) -> str:
        """See `Encoder`."""
        return identity("face network", network=self.digest, crop="five points, 112 x 112, RGB")

    @cached_property
    def _network(self) -> OnnxRecogniser:
        return OnnxRecogniser(self.path)

    @cached_property
    def dimensions(self) -> dict[str, int]:
        """See `Encoder`; asks the network once."""
        grey = np.full((112, 112, 3), 127, np.uint8)
        try:
            return {MODALITY: int(self._network.describe(grey, _middle()).size)}
        except UsageError:
            raise
        except Exception as error:  # noqa: BLE001 - ONNX Runtime has one of its own a kind of file
            raise UsageError(
                f"encoder: {type(error).__name__} while opening the file; expected an ONNX network "
                "of ArcFace's layout, 3 x 112 x 112 to a vector."
            ) from None

    def modalities(self, record: Record) -> frozenset[str]:
        """See `Encoder`."""
        return frozenset() if record.image is None else frozenset({MODALITY})

    def embed(self, record: Record, *, draws: int = PROBE_DRAWS) -> dict[str, NDArray[np.float32]]:
        """See `Encoder`."""
        if record.image is None:
            return {}
        pixels = decode(record.image).pixels
        faces = find_faces(pixels)
        if not faces:
            raise UnreadableRecord("face: no face was found in the picture.")
        largest = max(faces, key=lambda face: face.box.area)
        vector = self._network.describe(pixels, largest)
        return {MODALITY: unit(vector, modality=MODALITY, dimension=self.dimensions[MODALITY])}


def _middle() -> Any:
    """A face in the middle of a crop, to ask a network for the size of its answer."""
    from polyveil.records.finding import Box, Face

    points = np.array([[38, 52], [74, 52], [56, 72], [42, 92], [71, 92]], dtype=np.float32)
    return Face(Box(20, 20, 92, 108), points, 1.0, "crop")
