# SPDX-License-Identifier: Apache-2.0
"""A database on disk: chunk files named by the SHA-256 of their content, and an index of them.

The index is replaced as a whole and decides what the database is; a kill leaves the old one or the
new one. A save under which another process has changed the folder is refused, so that nobody's
enrolment or revocation is lost. What was erased leaves the disk with the save; copies elsewhere
(backups, snapshots, blocks of a flash disk) do not.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from weakref import WeakKeyDictionary

from polyveil import _disk
from polyveil.encrypted import envelope, scheme
from polyveil.encrypted.ciphertexts import MOST_DIMENSIONS, Blobs, names_of
from polyveil.encrypted.database import Chunk, EncryptedDatabase, restored
from polyveil.encrypted.keys import PublicContext
from polyveil.errors import UsageError

_INDEX = "index.ckks"
_DATABASE, _CHUNK = "encrypted database", "encrypted chunk"


class DatabaseFolder:
    """The place of one database. Remembers which state of it was read or written last."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._seen: str | None = None
        self._names: WeakKeyDictionary[Chunk, str] = WeakKeyDictionary()

    def save(self, database: EncryptedDatabase) -> None:
        """Writes the chunks that changed, then the index. Files have mode 0600, a new folder 0700.

        Raises:
          UsageError: the folder holds another database, or a state that was not loaded here.
        """
        self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self._locked(fcntl.LOCK_EX):
            self._check_unchanged()
            files = [self._write_chunk(chunk) for chunk in database.chunks]
            facts = {
                "key": database.public.id,
                "dimension": database.dimension,
                "names": list(database.names),
                "files": files,
            }
            index = envelope.seal(_DATABASE, facts, [])
            _disk.write_whole(self.path / _INDEX, index)
            self._seen = hashlib.sha256(index).hexdigest()
            for stale in self.path.glob("*.ckks"):
                if stale.name not in {*files, _INDEX}:
                    stale.unlink(missing_ok=True)  # erased, or left by a save that was killed

    def load(self, public: PublicContext) -> EncryptedDatabase:
        """The database in the folder.

        Raises:
          UsageError: none there, another key, or a changed, missing or truncated file.
        """
        where = self.path / _INDEX
        with self._locked(fcntl.LOCK_SH):
            index = envelope.read(where)
            facts, _ = envelope.open_(_DATABASE, index, where=str(where))
            public.expect(str(facts.get("key")), str(self.path))
            files = facts.get("files")
            if not isinstance(files, list):
                raise UsageError(f"{where}: expected a list of chunk files.")
            chunks = [self._read_chunk(str(file)) for file in files]
        database = restored(
            public,
            dimension=envelope.whole(facts, "dimension", least=1, most=MOST_DIMENSIONS),
            names=names_of(facts),
            chunks=chunks,
        )
        self._seen = hashlib.sha256(index).hexdigest()
        self._names.update(zip(database.chunks, files, strict=True))
        return database

    def _check_unchanged(self) -> None:
        there = self.path / _INDEX
        now = hashlib.sha256(there.read_bytes()).hexdigest() if there.exists() else None
        if now not in (None, self._seen):
            raise UsageError(
                f"{self.path}: holds a database that was not loaded here, or was changed by "
                "another process since. Load it and repeat the change, or choose another folder."
            )

    def _write_chunk(self, chunk: Chunk) -> str:
        known = self._names.get(chunk)
        if known is not None and (self.path / known).exists():
            return known
        blobs = [scheme.dump(ciphertext) for ciphertext in chunk.coordinates]
        content = envelope.seal(_CHUNK, {"encryptions": chunk.encryptions}, blobs)
        name = f"{hashlib.sha256(content).hexdigest()}.ckks"
        if not (self.path / name).exists():
            _disk.write_whole(self.path / name, content)
        self._names[chunk] = name
        return name

    def _read_chunk(self, file: str) -> tuple[Blobs, int]:
        path = self.path / Path(file).name
        content = envelope.read(path)
        if f"{hashlib.sha256(content).hexdigest()}.ckks" != file:
            raise UsageError(
                f"{path}: bytes were changed or are missing; nothing was loaded. Use a backup."
            )
        facts, blobs = envelope.open_(_CHUNK, content, where=str(path))
        return tuple(blobs), envelope.whole(facts, "encryptions", least=1)

    @contextlib.contextmanager
    def _locked(self, how: int) -> Iterator[None]:
        """Holds the folder against other processes that save or load it."""
        try:
            handle = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
        except OSError as error:
            raise UsageError(
                f"{self.path}: cannot be read ({error.strerror}). Check the path."
            ) from None
        try:
            fcntl.flock(handle, how)
            yield
        finally:
            os.close(handle)

    def __repr__(self) -> str:
        return f"DatabaseFolder({str(self.path)!r})"
