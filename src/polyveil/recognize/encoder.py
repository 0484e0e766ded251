# SPDX-License-Identifier: Apache-2.0
"""The socket for whatever makes embeddings: a record goes in, unit vectors by modality come out."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from polyveil.errors import UnreadableRecord
from polyveil.records.record import Record

ENROLMENT_DRAWS = 8
"""Embeddings of one record that an enrolment averages, where the encoder samples its codes."""
PROBE_DRAWS = 1
"""A probe is sampled once, as the encoder was trained."""


class Encoder(Protocol):
    """Makes embeddings of records. Embeddings of two encoders have nothing in common."""

    @property
    def id(self) -> str:
        """SHA-256 of what makes the embeddings, 64 hex digits."""

    @property
    def dimensions(self) -> Mapping[str, int]:
        """Modality -> numbers of an embedding."""

    def modalities(self, record: Record) -> frozenset[str]:
        """What a record claims to hold, of this encoder's modalities; decodes nothing."""

    def embed(self, record: Record, *, draws: int = PROBE_DRAWS) -> dict[str, NDArray[np.float32]]:
        """Modality -> float32 (dimension,) of length 1, for what the record holds. Secret.

        Args:
          draws: embeddings to average where codes are sampled; others ignore it.

        Raises:
          UnreadableRecord: what the record holds cannot be read, or shows nobody.
        """


def identity(kind: str, **facts: Any) -> str:
    """The id of an encoder: SHA-256 over public facts, equal wherever they are."""
    text = json.dumps([kind, facts], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def unit(vector: NDArray[Any], *, modality: str, dimension: int) -> NDArray[np.float32]:
    """A vector at length 1.

    Raises:
      UnreadableRecord: another number of dimensions, numbers that are not finite, or zeros alone.
    """
    flat = np.asarray(vector, dtype=np.float64)
    if flat.shape != (dimension,):
        raise UnreadableRecord(
            f"{modality}: an embedding of shape {flat.shape}; expected ({dimension},)."
        )
    largest = float(np.abs(flat).max())
    if not np.isfinite(largest) or largest == 0.0:
        raise UnreadableRecord(
            f"{modality}: an embedding of zeros or of numbers that are not finite; expected a "
            "direction."
        )
    scaled = flat / largest  # the square of a large number is none
    return np.asarray(scaled / np.linalg.norm(scaled), dtype=np.float32)
