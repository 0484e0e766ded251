# SPDX-License-Identifier: Apache-2.0
"""Protected templates: keyed, revocable, renewable, of one shape for everybody.

In the words of ISO/IEC 24745 the cells are the pseudonymous identifier and the enrolment id is the
auxiliary data; both may be stored, neither says who it is. The secret is derived from the project
key, the subject, the modality and the enrolment id, and is never stored. A fresh enrolment id gives
a fresh, unrelated template of the same person.

Where the key is held by whoever compares, an impostor's probe is transformed under the victim's
secret. Every figure of polyveil is taken that way, also called the stolen-token case; figures where
the impostor brings a wrong key look perfect and say nothing about the biometrics.

Source: ISO/IEC 24745:2022; Kong et al., An analysis of BioHashing, Pattern Recognition 39 (2006).
"""

from __future__ import annotations

import secrets
import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from polyveil.errors import UsageError
from polyveil.privacy.key import ProjectKey
from polyveil.recognize.scheme import (
    Cells,
    Scheme,
    Subspace,
    cells_of,
    embeddings_of,
    similarity,
)

VERSION = 1
_MAGIC = b"PVTM"
_HEAD = struct.Struct(">4sBHHB")
_ENROLMENT_BYTES = 16


@dataclass(frozen=True, slots=True)
class Template:
    """One protected template: public parameters and packed cells; equal length for everybody.

    Attributes:
      scheme: how it was made.
      packed: kept * bits bits, the rest of the last byte zero.
    """

    scheme: Scheme
    packed: bytes

    def __post_init__(self) -> None:
        expected = _length(self.scheme)
        if len(self.packed) != expected:
            raise UsageError(f"template: expected {expected} bytes, got {len(self.packed)}.")
        spare = 8 * expected - self.scheme.kept * self.scheme.bits
        if self.packed[-1] & ((1 << spare) - 1):
            raise UsageError("template: the bits behind its end are not zero; it is damaged.")

    @property
    def cells(self) -> Cells:
        """The cell of each kept direction: uint8 (kept,)."""
        bits = np.unpackbits(np.frombuffer(self.packed, dtype=np.uint8))
        rows = bits[: self.scheme.kept * self.scheme.bits].reshape(self.scheme.kept, -1)
        weights = 2 ** np.arange(self.scheme.bits - 1, -1, -1)
        return np.asarray(rows @ weights, dtype=np.uint8)

    def to_bytes(self) -> bytes:
        """Name and version of the format, the scheme, the cells."""
        scheme = self.scheme
        head = _HEAD.pack(_MAGIC, VERSION, scheme.dimension, scheme.kept, scheme.bits)
        return head + self.packed

    @classmethod
    def from_bytes(cls, data: bytes) -> Template:
        """The template that `to_bytes` wrote.

        Raises:
          UsageError: no template, another version, or a damaged one.
        """
        if len(data) < _HEAD.size:
            raise UsageError(f"template: expected at least {_HEAD.size} bytes, got {len(data)}.")
        magic, version, dimension, kept, bits = _HEAD.unpack(data[: _HEAD.size])
        if magic != _MAGIC or version != VERSION:
            raise UsageError(
                f"template: expected a template of version {VERSION}; these bytes are none. "
                "Enrol again with this version."
            )
        return cls(Scheme(dimension, kept, bits), data[_HEAD.size :])


def new_enrolment() -> str:
    """A fresh enrolment id, 32 hex digits: public, never used twice."""
    return secrets.token_hex(_ENROLMENT_BYTES)


def template_secret(key: ProjectKey, *, subject: str, modality: str, enrolment: str) -> bytes:
    """The secret of one template, 32 bytes. Secret; derived whenever needed, never stored."""
    return key.mac("recognize/template", subject, modality, enrolment)


def protect(samples: ArrayLike, secret: bytes, scheme: Scheme) -> Template:
    """A protected template of one person's embeddings.

    Args:
      samples: (dimension,) or (n, dimension); several are averaged as unit vectors. Secret.
      secret: 32 bytes, for this template alone.

    Raises:
      UsageError: embeddings or secret of another shape; samples that cancel out.
    """
    mean = embeddings_of(embeddings_of(samples, scheme).mean(axis=0), scheme)
    return _pack(cells_of(mean, Subspace.of(secret, scheme), scheme)[0], scheme)


def compare(probe: Template, reference: Template) -> float:
    """Similarity of two templates made under the same secret, in [-1, 1]; needs no key.

    Under different secrets the score is around 0 whoever they are of.

    Raises:
      UsageError: templates of different schemes.
    """
    if probe.scheme != reference.scheme:
        raise UsageError(
            f"templates: expected one scheme, got {probe.scheme} and {reference.scheme}. "
            "Enrol again under the newer scheme."
        )
    return float(similarity(probe.cells, reference.cells, reference.scheme))


def _length(scheme: Scheme) -> int:
    return -(-scheme.kept * scheme.bits // 8)


def _pack(cells: Cells, scheme: Scheme) -> Template:
    shifts = np.arange(scheme.bits - 1, -1, -1)
    bits = (cells[:, None] >> shifts) & 1
    return Template(scheme, np.packbits(bits.astype(np.uint8).ravel()).tobytes())
