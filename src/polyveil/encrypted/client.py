# SPDX-License-Identifier: Apache-2.0
"""The client: holds plain vectors for a moment, encrypts them, and can decrypt nothing.

It enrols (templates) and asks (probes). Encryption draws on the operating system's randomness, so
two encryptions of one vector have nothing in common.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from polyveil.encrypted import scheme, vectors
from polyveil.encrypted.ciphertexts import MOST_DIMENSIONS, EncryptedProbe, EncryptedTemplates
from polyveil.encrypted.keys import PublicContext
from polyveil.errors import UsageError


class Client:
    """Encrypts probes and templates under a public context."""

    def __init__(self, public: PublicContext) -> None:
        self._public = public
        self._slots = public.parameters.slots

    def encrypt_probe(self, probe: ArrayLike) -> EncryptedProbe:
        """One probe, one ciphertext a coordinate.

        Args:
          probe: (d,), finite, of length 1: see `normalised`.

        Raises:
          UsageError: another shape, NaN, or another length; nothing was encrypted.
        """
        vector = vectors.checked(probe, dimensions=1)
        _check_dimension(len(vector))
        return EncryptedProbe(
            self._public.id,
            tuple(self._encrypted(np.full(self._slots, value)) for value in vector),
        )

    def encrypt_templates(self, templates: ArrayLike, *, first: int) -> EncryptedTemplates:
        """Templates for the columns from `first` on.

        Args:
          templates: (n, d), finite, rows of length 1: see `normalised`.
          first: column of the first row: `EncryptedDatabase.next_column`.

        Raises:
          UsageError: another shape, NaN, or another length; nothing was encrypted.
        """
        return self._columns(vectors.checked(templates, dimensions=2), first)

    def encrypt_erasure(self, template: ArrayLike, *, column: int) -> EncryptedTemplates:
        """The negative of an enrolled template: added to its column, it leaves zero.

        Args:
          template: (d,), the very vector that was enrolled.
          column: `EncryptedDatabase.column` of its name.

        Raises:
          UsageError: another shape, NaN, or another length; nothing was encrypted.
        """
        return self._columns(-vectors.checked(template, dimensions=1)[np.newaxis], column)

    def _columns(self, rows: NDArray[np.float64], first: int) -> EncryptedTemplates:
        if first < 0:
            raise UsageError(f"expected a column >= 0, got {first}.")
        count, dimension = rows.shape
        _check_dimension(dimension)
        skipped = first % self._slots
        chunks = -(-(skipped + count) // self._slots)
        table = np.zeros((chunks * self._slots, dimension))
        table[skipped : skipped + count] = rows
        parts = table.reshape(chunks, self._slots, dimension)
        return EncryptedTemplates(
            self._public.id,
            first,
            count,
            tuple(
                tuple(self._encrypted(part[:, place]) for place in range(dimension))
                for part in parts
            ),
        )

    def _encrypted(self, values: NDArray[np.float64]) -> bytes:
        return scheme.dump(scheme.encrypt(self._public.context, values))

    def __repr__(self) -> str:
        return f"Client(key={self._public.id})"


def _check_dimension(dimension: int) -> None:
    if dimension > MOST_DIMENSIONS:
        raise UsageError(f"expected at most {MOST_DIMENSIONS} coordinates, got {dimension}.")
