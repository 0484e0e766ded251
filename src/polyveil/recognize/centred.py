# SPDX-License-Identifier: Apache-2.0
"""An encoder with what everybody has in common taken out: what a calibrated recogniser embeds by.

The centre is part of the id: templates made around another centre are of another encoder.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from polyveil.errors import UnreadableRecord, UsageError
from polyveil.recognize.centre import Centre
from polyveil.recognize.encoder import PROBE_DRAWS, Encoder, identity
from polyveil.records.record import Record


@dataclass(frozen=True, slots=True, eq=False)
class Centred:
    """An encoder around centres; see `Encoder`.

    Attributes:
      encoder: that makes the embeddings.
      centres: modality -> its centre, for every modality of the encoder.
    """

    encoder: Encoder
    centres: Mapping[str, Centre] = field(repr=False)

    def __post_init__(self) -> None:
        sizes = {name: len(one.mean) for name, one in self.centres.items()}
        if sizes != dict(self.encoder.dimensions):
            raise UsageError(
                f"centres: of {sizes} numbers; expected {dict(self.encoder.dimensions)}, as the "
                "encoder has."
            )

    @property
    def id(self) -> str:
        """Of the encoder and the centres."""
        means = {
            name: hashlib.sha256(one.mean.astype("<f8").tobytes()).hexdigest()
            for name, one in self.centres.items()
        }
        return identity("centred", encoder=self.encoder.id, centres=means)

    @property
    def dimensions(self) -> Mapping[str, int]:
        """As the encoder's."""
        return self.encoder.dimensions

    def modalities(self, record: Record) -> frozenset[str]:
        """As the encoder's."""
        return self.encoder.modalities(record)

    def embed(self, record: Record, *, draws: int = PROBE_DRAWS) -> dict[str, NDArray[np.float32]]:
        """The encoder's embeddings around the centres, of length 1."""
        found = self.encoder.embed(record, draws=draws)
        try:
            return {
                name: self.centres[name].apply(vector)[0].astype(np.float32)
                for name, vector in found.items()
            }
        except UsageError:
            raise UnreadableRecord(
                "record: its embedding is the centre of all people itself; expected a direction."
            ) from None
