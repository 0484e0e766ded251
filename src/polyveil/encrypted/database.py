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

On disk: a folder of chunk files named by the SHA-256 of their content, and an index that names
them. The index is replaced as a whole; a kill leaves the old database or the new one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from polyveil import _disk, _validate
from polyveil.encrypted import envelope, scheme
from polyveil.encrypted.ciphertexts import (
    MOST_DIMENSIONS,
    Blobs,
    EncryptedTemplates,
    names_of,
)
from polyveil.encrypted.keys import PublicContext
from polyveil.encrypted.scheme import Ciphertext
from polyveil.errors import UsageError

_INDEX = "index.ckks"
_KINDS = ("encrypted database", "encrypted chunk")


@dataclass(frozen=True, slots=True)
class Chunk:
    """Columns that share ciphertexts.

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
      names: of the columns in order; None where the template was revoked.
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
        """Where the next template goes: `first` of `Client.encrypt_templates`."""
        return len(self.names)

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
          UsageError: another key, dimension or column, a name in use, a ciphertext that does not
            parse, or a chunk that has taken as many encryptions as its precision allows.
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
        self.names = (*self.names, *names)

    def revoke(self, name: str, erasure: EncryptedTemplates | None = None) -> None:
        """Makes a template unusable at once; its column is not used again.

        Args:
          name: of the template.
          erasure: from `Client.encrypt_erasure`, to leave zeros in the column. That it fits cannot
            be checked here; one made from another vector leaves that difference instead of zeros,
            in a column that nobody is shown.

        Raises:
          UsageError: no such template, or an erasure for another column; nothing was changed.
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

    def save(self, folder: Path) -> None:
        """Writes what changed; the folder holds the old database or the new one, never a mix."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        files = []
        for chunk in self.chunks:
            content = _chunk_message(chunk)
            files.append(f"{hashlib.sha256(content).hexdigest()}.ckks")
            if not (folder / files[-1]).exists():
                _disk.write_whole(folder / files[-1], content)
        facts = {
            "key": self.public.id,
            "dimension": self.dimension,
            "names": list(self.names),
            "files": files,
        }
        _disk.write_whole(folder / _INDEX, envelope.seal(_KINDS[0], facts, []))
        for stale in folder.glob("*.ckks"):
            if stale.name not in {*files, _INDEX}:
                stale.unlink(missing_ok=True)  # holds what was erased, or a save that was killed

    @classmethod
    def load(cls, folder: Path, public: PublicContext) -> EncryptedDatabase:
        """The database in a folder.

        Raises:
          UsageError: none there, another key, or a changed, missing or truncated file.
        """
        where = folder / _INDEX
        facts, _ = envelope.open_(_KINDS[0], envelope.read(where), where=str(where))
        public.expect(str(facts.get("key")), str(folder))
        dimension = envelope.whole(facts, "dimension", least=1, most=MOST_DIMENSIONS)
        database = cls(public, dimension=dimension)
        names, files = names_of(facts), facts.get("files")
        expected = -(-len(names) // public.parameters.slots)
        if not isinstance(files, list) or len(files) != expected:
            raise UsageError(f"{where}: expected {expected} chunks for {len(names)} columns.")
        database.chunks = tuple(database._read_chunk(folder, str(file)) for file in files)
        database.names = names
        return database

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
            fresh = self._loaded(blobs)
            if place < len(chunks):
                chunks[place] = self._sum(chunks[place], fresh)
            else:
                chunks.append(Chunk(fresh, 1))
        return tuple(chunks)

    def _sum(self, old: Chunk, fresh: tuple[Ciphertext, ...]) -> Chunk:
        most = self.public.parameters.most_encryptions
        if old.encryptions >= most:
            raise UsageError(
                f"this chunk was added up from {old.encryptions} encryptions; with more its scores "
                "may be off by more than 0.001. Have the key holder repack the database."
            )
        summed = tuple(a + b for a, b in zip(old.coordinates, fresh, strict=True))
        return Chunk(summed, old.encryptions + 1)

    def _loaded(self, blobs: Blobs) -> tuple[Ciphertext, ...]:
        if len(blobs) != self.dimension:
            raise UsageError(
                f"expected templates of {self.dimension} coordinates, got {len(blobs)}."
            )
        slots = self.public.parameters.slots
        return tuple(
            scheme.load(self.public.context, blob, slots=slots, polynomials=(2,)) for blob in blobs
        )

    def _read_chunk(self, folder: Path, file: str) -> Chunk:
        path = folder / Path(file).name
        content = envelope.read(path)
        if f"{hashlib.sha256(content).hexdigest()}.ckks" != file:
            raise UsageError(
                f"{path}: bytes were changed or are missing; nothing was loaded. Use a backup."
            )
        facts, blobs = envelope.open_(_KINDS[1], content, where=str(path))
        encryptions = envelope.whole(facts, "encryptions", least=1)
        return Chunk(self._loaded(tuple(blobs)), encryptions)

    def __repr__(self) -> str:
        return f"EncryptedDatabase({len(self)} templates of {self.dimension}, {self.public!r})"


def packed(
    public: PublicContext, names: Sequence[str], chunks: Sequence[Blobs], *, encryptions: int
) -> EncryptedDatabase:
    """A database from fresh ciphertexts, as the key holder makes one when it repacks.

    Args:
      names: of the columns in order.
      chunks: one ciphertext a coordinate each.
      encryptions: how many encryptions' error the values carry.
    """
    _validate.at_least(1, encryptions=encryptions)
    if len(chunks) != -(-len(names) // public.parameters.slots) or not chunks:
        raise UsageError(f"expected chunks for {len(names)} names, got {len(chunks)}.")
    database = EncryptedDatabase(public, dimension=len(chunks[0]))
    database.chunks = tuple(Chunk(database._loaded(blobs), encryptions) for blobs in chunks)
    database.names = tuple(names)
    return database


def _chunk_message(chunk: Chunk) -> bytes:
    blobs = [scheme.dump(ciphertext) for ciphertext in chunk.coordinates]
    return envelope.seal(_KINDS[1], {"encryptions": chunk.encryptions}, blobs)


def _check_public(public: object) -> None:
    if not isinstance(public, PublicContext):
        raise UsageError(
            f"expected a PublicContext, got {type(public).__name__}. The server must never hold "
            "the secret key: give it SecretContext.public."
        )
