# SPDX-License-Identifier: Apache-2.0
"""The journal of one job: what was found and settled, so that a killed run goes on where it was.

A rerun of a finished job is a no-op; another job's journal is refused by name. It is plain SQLite
from the standard library and not SQLAlchemy: the file belongs to one process of one machine and
never moves to a server, and a kill -9 must meet nothing but SQLite's own recovery.

Only the main process holds it, alone (an exclusive lock); workers write pictures, never here. A
committed line survives a kill of the process. After a power cut the last lines may be missing;
their records are then done again, under the same names.

Findings are opaque bytes, encrypted by the caller. `finish` drops them and the salt of the names
and rewrites the file, so that no page of it still holds them.

Source: https://www.sqlite.org/wal.html, https://www.sqlite.org/pragma.html#pragma_secure_delete
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from polyveil.errors import JournalError
from polyveil.export.outcome import OutcomeRow
from polyveil.export.place import JOURNAL, prepare

_SCHEMA = """
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS findings (place INTEGER PRIMARY KEY, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS outcomes (place INTEGER PRIMARY KEY, body TEXT NOT NULL);
"""
_PAGE = 256
_SALT, _JOB, _FINISHED, _CLEAN = "polyveil:salt", "polyveil:job", "polyveil:done", "polyveil:clean"


class Journal:
    """One job's memory. `index` is a record's place in `Source.records()`, from 0.

    Attributes:
      finished: the job is done; a rerun has nothing to do.
    """

    def __init__(self, connection: sqlite3.Connection, out: Path) -> None:
        self._db = connection
        self.out = out
        self.finished = self.get(_FINISHED) is not None
        if self.finished and self.get(_CLEAN) is None:
            self._clean()

    @staticmethod
    def open(out: Path, job: str, *, source: Path | None = None) -> Journal:
        """The journal in an output folder; made where there is none.

        Args:
          out: the output folder; made if it does not exist.
          job: hex fingerprint of input, settings and key.
          source: the input, to refuse an output folder inside it.

        Raises:
          UsageError: the folder holds foreign files, or lies in the input.
          JournalError: it holds another job's journal, a damaged one, or one that is in use.
        """
        private = prepare(out, source)
        try:
            connection = _connect(private / JOURNAL, job)
        except sqlite3.OperationalError as error:
            raise JournalError(
                f"journal: {error}. Another run may be writing to this output folder; wait for "
                "it, or choose another folder."
            ) from None
        except sqlite3.DatabaseError:
            raise JournalError(
                "journal: the file is damaged. Remove the output folder and run again."
            ) from None
        return Journal(connection, out)

    def close(self) -> None:
        """Let go of the file and of its lock."""
        self._db.close()

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def put_findings(self, index: int, blob: bytes) -> None:
        """Remember what was found in a record; bytes that the caller has encrypted."""
        self._write("INSERT OR REPLACE INTO findings VALUES (?, ?)", index, blob)

    def findings(self, index: int) -> bytes | None:
        """What was found in a record; None if that is not known yet."""
        found = self._db.execute("SELECT body FROM findings WHERE place = ?", (index,)).fetchone()
        return bytes(found[0]) if found else None

    def all_findings(self) -> Iterator[tuple[int, bytes]]:
        """(index, bytes) of every record whose findings are known, in order, streamed."""
        for index, body in self._pages("findings"):
            yield index, body if isinstance(body, bytes) else body.encode()

    def settle(self, index: int, outcome: OutcomeRow) -> None:
        """Remember what became of a record. Its picture must already lie under its final name."""
        self._write("INSERT OR REPLACE INTO outcomes VALUES (?, ?)", index, outcome.to_json())

    def unsettle(self, index: int) -> None:
        """Forget what became of a record, so that it is done again."""
        self._write("DELETE FROM outcomes WHERE place = ?", index)

    def settled(self, index: int) -> bool:
        """Whether a record is done."""
        query = "SELECT 1 FROM outcomes WHERE place = ?"
        return self._db.execute(query, (index,)).fetchone() is not None

    def settled_count(self) -> int:
        """How many records are done."""
        return int(self._db.execute("SELECT count(*) FROM outcomes").fetchone()[0])

    def outcome(self, index: int) -> OutcomeRow | None:
        """What became of a record; None if it is not done."""
        query = "SELECT body FROM outcomes WHERE place = ?"
        found = self._db.execute(query, (index,)).fetchone()
        return OutcomeRow.from_json(found[0]) if found else None

    def outcomes(self, first: int = 0, last: int | None = None) -> Iterator[tuple[int, OutcomeRow]]:
        """(index, outcome) of every settled record in [first, last], in order, streamed."""
        for index, body in self._pages("outcomes", first):
            if last is not None and index > last:
                return
            yield index, OutcomeRow.from_json(str(body))

    def set(self, name: str, value: str) -> None:
        """Remember a fact of the job under a name of the caller's; kept after `finish`."""
        self._write("INSERT OR REPLACE INTO facts VALUES (?, ?)", name, value)

    def get(self, name: str) -> str | None:
        """A fact of the job; None if it was never set."""
        found = self._db.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return str(found[0]) if found else None

    def salt(self) -> bytes:
        """32 random bytes that stay the same until the job is finished and are then forgotten."""
        fresh = secrets.token_hex(32)
        if not self.finished:
            self._write("INSERT OR IGNORE INTO facts VALUES (?, ?)", _SALT, fresh)
        return bytes.fromhex(self.get(_SALT) or fresh)

    def finish(self) -> None:
        """Mark the job as done; forget findings, salt and outcomes for good.

        What is left says that this job is done and nothing about any record: the folder may be
        handed on with the rest.
        """
        if not self.finished:
            with self._db:
                self._db.execute("BEGIN IMMEDIATE")
                self._db.execute("DELETE FROM findings")
                self._db.execute("DELETE FROM outcomes")
                self._db.execute("DELETE FROM facts WHERE name = ?", (_SALT,))
                self._db.execute("INSERT INTO facts VALUES (?, '1')", (_FINISHED,))
            self.finished = True
            self._clean()

    def _clean(self) -> None:
        # Also after a kill between the two: dropped rows must not live on in free pages or the log.
        self._db.execute("VACUUM")
        self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._db.execute("INSERT OR REPLACE INTO facts VALUES (?, '1')", (_CLEAN,))
        self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _write(self, statement: str, *values: object) -> None:
        if self.finished:
            raise JournalError(
                "journal: the job is finished. To run it anew, choose another output folder."
            )
        self._db.execute(statement, values)

    def _pages(self, table: str, first: int = 0) -> Iterator[tuple[int, bytes | str]]:
        # Page by page: the caller may write between two rows, which an open cursor would not bear.
        last = first - 1
        query = f"SELECT place, body FROM {table} WHERE place > ? ORDER BY place LIMIT {_PAGE}"  # noqa: S608 - both are constants of this file
        while rows := self._db.execute(query, (last,)).fetchall():
            yield from rows
            last = rows[-1][0]


def _connect(path: Path, job: str) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=1.0, isolation_level=None)
    try:
        path.chmod(0o600)
        connection.execute("PRAGMA secure_delete = ON")
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} COMMIT;")
        connection.execute("INSERT OR IGNORE INTO facts VALUES (?, ?)", (_JOB, job))
        known = connection.execute("SELECT value FROM facts WHERE name = ?", (_JOB,)).fetchone()[0]
        if known != job:
            raise JournalError(
                "output: the folder holds the journal of another job (other input, settings or "
                "key). Nothing was written. Run with the same ones, or choose an empty folder."
            )
    except BaseException:
        connection.close()
        raise
    return connection
