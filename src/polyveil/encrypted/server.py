# SPDX-License-Identifier: Apache-2.0
"""The server: computes encrypted scores from an encrypted probe and an encrypted database.

It holds no secret key and takes none. It learns how many templates there are, under which names,
which were revoked, and when it is asked; nothing about a vector or a score.

For chunk j the reply is sum_i database[j][i] * probe[i], in slots: as many products of ciphertexts
as there are coordinates, whatever the number of templates in the chunk. The products are added up
with three polynomials each; the secret key reads those directly, so nobody needs a key for
relinearising.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numpy.typing import ArrayLike

from polyveil.encrypted import scheme, vectors
from polyveil.encrypted.ciphertexts import EncryptedProbe, EncryptedScores
from polyveil.encrypted.database import Chunk, EncryptedDatabase
from polyveil.encrypted.scheme import Ciphertext
from polyveil.errors import UsageError


class Server:
    """Answers probes. Built from a database alone, which holds a public context alone."""

    def __init__(self, database: EncryptedDatabase) -> None:
        if not isinstance(database, EncryptedDatabase):
            raise UsageError(f"expected an EncryptedDatabase, got {type(database).__name__}.")
        self.database = database

    def scores(self, probe: EncryptedProbe) -> EncryptedScores:
        """The cosine of the probe with every template, encrypted.

        Args:
          probe: from `Client.encrypt_probe`. Nothing else is taken: decrypted scores least of all.

        Raises:
          UsageError: another key or dimension, an empty database, or a ciphertext that does not
            parse.
        """
        if not isinstance(probe, EncryptedProbe):
            raise UsageError(
                f"expected an EncryptedProbe, got {type(probe).__name__}. What was decrypted must "
                "never go back to the server: from approximate results it can compute the secret "
                "key."
            )
        database = self.database
        database.public.expect(probe.key_id, "probe")
        self._expect(len(probe.coordinates))
        context, slots = database.public.context, database.public.parameters.slots
        factors = [
            scheme.load(context, blob, slots=slots, polynomials=(2,)) for blob in probe.coordinates
        ]
        return self._reply([_weighted(chunk, factors) for chunk in database.chunks])

    def scores_of_plain(self, probe: ArrayLike) -> EncryptedScores:
        """The same for a probe that the server may see: protects the templates only.

        Cheaper by half, and nothing large is sent to the server; but the server reads the probe.

        Args:
          probe: (d,), of length 1.

        Raises:
          UsageError: another shape or dimension, NaN, another length, an empty database.
        """
        vector = vectors.checked(probe, dimensions=1)
        self._expect(len(vector))
        # A factor that rounds to zero makes a ciphertext without randomness, which is refused.
        least = 1 / self.database.public.parameters.scale
        used = [(place, float(x)) for place, x in enumerate(vector) if abs(x) > least]
        places, factors = [place for place, _ in used], [x for _, x in used]
        return self._reply(
            [_weighted(chunk, factors, places) for chunk in self.database.chunks],
        )

    def _expect(self, dimension: int) -> None:
        if not self.database.chunks:
            raise UsageError("the database is empty; enrol templates before asking.")
        if dimension != self.database.dimension:
            raise UsageError(
                f"expected a probe of {self.database.dimension} coordinates, got {dimension}. "
                "Use the encoder that made the templates."
            )

    def _reply(self, sums: Sequence[Ciphertext]) -> EncryptedScores:
        database = self.database
        return EncryptedScores(
            database.public.id,
            database.names,
            tuple(chunk.encryptions for chunk in database.chunks),
            tuple(scheme.dump(ciphertext) for ciphertext in sums),
        )

    def __repr__(self) -> str:
        return f"Server({self.database!r})"


def _weighted(
    chunk: Chunk, factors: Sequence[Any], places: Sequence[int] | None = None
) -> Ciphertext:
    """sum_i factor_i * coordinate_i; factors are ciphertexts or numbers."""
    coordinates = chunk.coordinates if places is None else [chunk.coordinates[p] for p in places]
    total = coordinates[0] * factors[0]
    for coordinate, factor in zip(coordinates[1:], factors[1:], strict=True):
        total += coordinate * factor
    return total
