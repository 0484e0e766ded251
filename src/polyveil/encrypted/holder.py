# SPDX-License-Identifier: Apache-2.0
"""The key holder: decrypts scores, and moves a database to a new key.

It never needs the database to answer a probe. It could read every template if it had it, so it must
be another party than the server.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from polyveil.encrypted import scheme
from polyveil.encrypted.ciphertexts import EncryptedScores
from polyveil.encrypted.database import EncryptedDatabase, restored
from polyveil.encrypted.keys import PublicContext, SecretContext
from polyveil.encrypted.match import Scores
from polyveil.encrypted.scheme import Ciphertext
from polyveil.errors import UsageError


class KeyHolder:
    """Decrypts under one key pair."""

    def __init__(self, secret: SecretContext) -> None:
        self._secret = secret

    @property
    def public(self) -> PublicContext:
        """The public half, to hand out."""
        return self._secret.public

    def scores(self, reply: EncryptedScores) -> Scores:
        """The scores of the templates that are alive. They stay here: see polyveil.encrypted.match.

        Raises:
          UsageError: another key, a damaged reply, or values that no probe and templates of length
            1 can have: then the secret key is not the right one, or somebody encrypted other
            vectors.
        """
        self.public.expect(reply.key_id, "reply")
        slots = self.public.parameters.slots
        columns = len(reply.names)
        if len(reply.encryptions) != len(reply.chunks) or len(reply.chunks) != -(-columns // slots):
            raise UsageError(f"reply: expected chunks for {columns} names; ask again.")
        if not columns:
            raise UsageError("reply: it holds no scores; ask again once templates are enrolled.")
        most = self.public.parameters.most_encryptions
        if not 1 <= max(reply.encryptions) <= most:
            raise UsageError(
                f"reply: {max(reply.encryptions)} encryptions in a chunk; expected from 1 to "
                f"{most}. Ask a server with this version of polyveil."
            )
        values = np.concatenate([self._decrypted(blob) for blob in reply.chunks])
        bound = self.public.parameters.error_bound(max(reply.encryptions))
        alive = [place for place, name in enumerate(reply.names) if name is not None]
        # A revoked column may hold anything, such as what an erasure that did not fit has left.
        _check_range(values[alive], values[columns:], bound)
        return Scores(
            [name for name in reply.names if name is not None], values[alive], error_bound=bound
        )

    def repacked(self, database: EncryptedDatabase, under: PublicContext) -> EncryptedDatabase:
        """The living templates under another key, without gaps: revoked ones are gone for good.

        The templates are plain in this process meanwhile. Afterwards save the result in a new
        folder, delete the old one, and destroy the old secret key: then nothing opens old copies.
        The error that the templates carry stays in them, and one encryption's is added: repacking
        erases and changes the key, it does not make scores more precise.

        Args:
          database: under this key.
          under: the public context of a new key pair. Not this one: what is decrypted depends on
            the secret key, and CKKS promises nothing for messages that depend on its own key.

        Raises:
          UsageError: the same key, another database's key, no living template, or templates that
            carry too much error for the new parameters.
        """
        self.public.expect(database.public.id, "database")
        if under.id == self.public.id:
            raise UsageError("expected the public context of a new key; generate one first.")
        alive = [place for place, name in enumerate(database.names) if name is not None]
        if not alive:
            raise UsageError("every template is revoked; start an empty database instead.")
        most = under.parameters.most_encryptions
        carried = max(chunk.encryptions for chunk in database.chunks)
        ratio = self.public.parameters.deviation() / under.parameters.deviation()
        encryptions = 1 + math.ceil(carried * ratio**2)
        if encryptions > most:
            raise UsageError(
                f"the templates carry the error of {encryptions - 1} encryptions under the new "
                f"parameters, which allow {most} in all. Repack under finer ones, or enrol again."
            )
        table = np.concatenate([self._plain(chunk.coordinates) for chunk in database.chunks])
        slots = under.parameters.slots
        living = table[alive]
        chunks = []
        for start in range(0, len(living), slots):
            part = np.zeros((slots, database.dimension))
            rows = living[start : start + slots]
            part[: len(rows)] = rows
            blobs = tuple(scheme.dump(scheme.encrypt(under.context, row)) for row in part.T)
            chunks.append((blobs, encryptions))
        names = [name for name in database.names if name is not None]
        return restored(under, dimension=database.dimension, names=names, chunks=chunks)

    def _plain(self, coordinates: tuple[Ciphertext, ...]) -> NDArray[np.float64]:
        """(slots, d): the templates of a chunk. Secret."""
        return np.stack(
            [self._decrypted(scheme.dump(coordinate)) for coordinate in coordinates], axis=1
        )

    def _decrypted(self, blob: bytes) -> NDArray[np.float64]:
        context = self._secret.context
        ciphertext = scheme.load(
            context, blob, slots=self.public.parameters.slots, polynomials=(2, 3)
        )
        return scheme.decrypt(context, ciphertext)

    def __repr__(self) -> str:
        return f"KeyHolder(key={self.public.id})"


def _check_range(used: NDArray[np.float64], free: NDArray[np.float64], bound: float) -> None:
    """Cosines lie in [-1, 1] and free slots hold zero; under a wrong key nothing does."""
    # Not `max() > limit`, which a NaN would pass.
    if not (np.all(np.abs(used) <= 1 + bound) and np.all(np.abs(free) <= bound)):
        raise UsageError(
            "the decrypted values are no cosines: this is not the secret key that belongs to the "
            "reply, or a probe or template of another length was encrypted. Nothing was decided."
        )
