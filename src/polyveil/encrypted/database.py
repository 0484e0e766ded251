# SPDX-License-Identifier: Apache-2.0
"""The server's memory: templates as ciphertexts, in chunks of as many columns as there are slots.

Revoking has three strengths:

- `revoke(name)`: at once. The name goes, the column is dead for good, its score is not handed on.
  The ciphertext keeps the template: whoever has both it and the secret key can still read it.
- `revoke(name, erasure)`: the client that knows the template sends its encrypted negative; added,
  it leaves encrypted zeros in that column. Nobody decrypts anything.
- `KeyHolder.repacked`: everything that is alive under a new key, dead columns gone for good; the
  old folder and the old secret key are then deleted.

A server cannot zero a column by itself: a mask would have to be multiplied in, and these parameters
keep no level for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from polyveil.encrypted import scheme
from polyveil.encrypted.ciphertexts import (
    MOST_DIMENSIONS,
    Blobs,
    EncryptedTemplates,
)
from polyveil.encrypted.keys import PublicContext
from polyveil.encrypted.scheme import Ciphertext
from polyveil.errors import UsageError


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Chunk:
    """Columns that share ciphertexts. Never changed: an addition makes a new one.

    Attributes:
      coordinates: one ciphertext a coordinate.
      encryptions: how many encryptions they were added up from; the error grows with its root.
    """

    coordinates: tuple[Ciphertext, ...]
    encryptions: int


class EncryptedDatabase:
    """Encrypted templates under one key. Needs the public context only.

    Attributes:
      public: the key that the templates are encrypted under.
      dimension: coordinates of a template.
      names: of the columns in order; None where a template was revoked or a column skipped.
      chunks: the ciphertexts.
    """

    def __init__(self, public: PublicContext, *, dimension: int) -> None:
        _check_public(public)
        if not 1 <= dimension <= MOST_DIMENSIONS:
            raise UsageError(f"expected dimension from 1 to {MOST_DIMENSIONS}, got {dimension}.")
        self.public = public
        self.dimension = dimension
        self.names: tuple[str | None, ...] = ()
        self.chunks: tuple[Chunk, ...] = ()

    @property
    def next_column(self) -> int:
        """Where the next template goes: `first` of `Client.encrypt_templates`.

        A chunk that has taken as many encryptions as its precision allows is left as it is; the
        next template opens a new one.
        """
        slots, count = self.public.parameters.slots, len(self.names)
        if count % slots and self._spent(self.chunks[-1]):
            return -(-count // slots) * slots
        return count

    def __len__(self) -> int:
        """Templates that are alive."""
        return sum(name is not None for name in self.names)

    def __contains__(self, name: object) -> bool:
        return name is not None and name in self.names

    def column(self, name: str) -> int:
        """The column of a template. Raises UsageError if none has that name."""
        if name not in self:
            raise UsageError(f"{name!r}: no such template. It may have been revoked already.")
        return self.names.index(name)

    def append(self, names: Sequence[str], templates: EncryptedTemplates) -> None:
        """Adds templates. All of them, or on an error none.

        Args:
          names: one for each, not in use. The server and the key holder read them: use handles.
          templates: encrypted for the columns from `next_column` on.

        Raises:
          UsageError: another key, dimension or column, a name in use, or a ciphertext that does not
            parse.
        """
        if templates.first != self.next_column:
            raise UsageError(
                f"templates were encrypted for column {templates.first}; the next free one is "
                f"{self.next_column}. Encrypt them again for that one."
            )
        if len(names) != templates.count:
            raise UsageError(f"expected {templates.count} names, got {len(names)}.")
        if not all(isinstance(name, str) and name for name in names):
            raise UsageError("expected names that are text and not empty.")
        if len({*names, *self.names} - {None}) != len(names) + len(self):
            raise UsageError("a name is in use or comes twice; every template needs its own.")
        self.chunks = self._added(templates)
        skipped = [None] * (templates.first - len(self.names))
        self.names = (*self.names, *skipped, *names)

    def revoke(self, name: str, erasure: EncryptedTemplates | None = None) -> None:
        """Makes a template unusable at once; its column is not used again.

        Args:
          name: of the template.
          erasure: from `Client.encrypt_erasure`, to leave zeros in the column. That it fits cannot
            be checked here; one made from another vector leaves that difference instead of zeros,
            in a column that nobody is shown.

        Raises:
          UsageError: no such template, an erasure for another column, or a chunk whose precision
            allows no further encryption; nothing was changed.
        """
        column = self.column(name)
        if erasure is not None:
            if (erasure.first, erasure.count) != (column, 1):
                raise UsageError(
                    f"the erasure is for {erasure.count} column(s) from {erasure.first}, "
                    f"expected column {column}. Encrypt it for that one."
                )
            self.chunks = self._added(erasure)
        self.names = (*self.names[:column], None, *self.names[column + 1 :])

    def _added(self, templates: EncryptedTemplates) -> tuple[Chunk, ...]:
        """The chunks with the templates added to them; checks everything before it adds."""
        self.public.expect(templates.key_id, "templates")
        slots = self.public.parameters.slots
        start = templates.first // slots
        reach = -(-(templates.first % slots + templates.count) // slots)
        if len(templates.chunks) != reach:
            raise UsageError(f"expected {reach} chunks of templates, got {len(templates.chunks)}.")
        chunks = list(self.chunks)
        for place, blobs in enumerate(templates.chunks, start):
            fresh = self.loaded(blobs)
            if place < len(chunks):
                chunks[place] = self._sum(chunks[place], fresh)
            else:
                chunks.append(Chunk(fresh, 1))
        return tuple(chunks)

    def _sum(self, old: Chunk, fresh: tuple[Ciphertext, ...]) -> Chunk:
        if self._spent(old):
            raise UsageError(
                f"this chunk was added up from {old.encryptions} encryptions; with more its scores "
                "may be off by more than 0.001. Revoke without an erasure, or have the key holder "
                "repack the database under a new key."
            )
        summed = tuple(a + b for a, b in zip(old.coordinates, fresh, strict=True))
        return Chunk(summed, old.encryptions + 1)

    def _spent(self, chunk: Chunk) -> bool:
        return chunk.encryptions >= self.public.parameters.most_encryptions

    def loaded(self, blobs: Blobs) -> tuple[Ciphertext, ...]:
        """One ciphertext a coordinate, checked. Raises UsageError naming what does not fit."""
        if len(blobs) != self.dimension:
            raise UsageError(
                f"expected templates of {self.dimension} coordinates, got {len(blobs)}."
            )
        slots = self.public.parameters.slots
        return tuple(
            scheme.load(self.public.context, blob, slots=slots, polynomials=(2,)) for blob in blobs
        )

    def __repr__(self) -> str:
        return f"EncryptedDatabase({len(self)} templates of {self.dimension}, {self.public!r})"


def restored(
    public: PublicContext,
    *,
    dimension: int,
    names: Sequence[str | None],
    chunks: Sequence[tuple[Blobs, int]],
) -> EncryptedDatabase:
    """A database from its parts, as it is read from disk or made by repacking.

    Args:
      names: of the columns in order, None where revoked.
      chunks: one ciphertext a coordinate each, and how many encryptions' error it carries.

    Raises:
      UsageError: names and chunks do not fit, or a ciphertext does not parse.
    """
    expected = -(-len(names) // public.parameters.slots)
    if len(chunks) != expected:
        raise UsageError(f"expected {expected} chunks for {len(names)} names, got {len(chunks)}.")
    database = EncryptedDatabase(public, dimension=dimension)
    database.chunks = tuple(Chunk(database.loaded(blobs), number) for blobs, number in chunks)
    database.names = tuple(names)
    return database


def _check_public(public: object) -> None:
    if not isinstance(public, PublicContext):
        raise UsageError(
            f"expected a PublicContext, got {type(public).__name__}. The server must never hold "
            "the secret key: give it SecretContext.public."
        )
