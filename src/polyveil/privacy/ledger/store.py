# SPDX-License-Identifier: Apache-2.0
"""Where the entries lie: one append-only table in SQLite, or in PostgreSQL by URL.

SQLite runs with a write-ahead log, forced to the disk at every commit, and takes its write lock
before it reads (BEGIN IMMEDIATE). PostgreSQL takes an advisory lock for the transaction, so that
writers on several machines stand in one line. Either way a decision and its entry are one unit.

Sources: https://www.sqlite.org/wal.html;
https://www.postgresql.org/docs/current/explicit-locking.html#ADVISORY-LOCKS
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Integer,
    MetaData,
    Table,
    Text,
    inspect,
    select,
)
from sqlalchemy.engine import URL

from polyveil import _database
from polyveil.errors import LedgerError
from polyveil.privacy.key import default_key_path
from polyveil.privacy.ledger.entry import NAMES, Entry, Header, values

_LOCK = 0x706F6C79_7665696C  # "polyveil": one advisory lock a database
_UNSURE = (
    "Release nothing: whether this call was written is not known; to make the same call again is "
    "safe. Check that the database is there, intact and not locked."
)
_NUMBERS = {"sequence": Integer, "epsilon": BigInteger, "delta": BigInteger}
_TABLES = MetaData()
_HEADER = Table(
    "polyveil_ledger",
    _TABLES,
    Column("one", Integer, primary_key=True, autoincrement=False),
    *(Column(field.name, Text, nullable=False) for field in fields(Header)),
)
_ENTRIES = Table(
    "polyveil_ledger_entry",
    _TABLES,
    *(
        Column(
            name,
            _NUMBERS.get(name, Text),
            primary_key=name == "sequence",
            autoincrement=False,
            nullable=False,
        )
        for name in NAMES
    ),
)
_FIELDS = [_ENTRIES.c[name] for name in NAMES]
_SINCE = select(*_FIELDS).order_by(_ENTRIES.c.sequence)
_BATCH = 1000


def address(url: str | Path | None) -> URL:
    """Where the ledger is: what is given, else $POLYVEIL_LEDGER, else beside the project key.

    Raises:
      UsageError: neither a path, nor a sqlite: or postgresql: URL.
    """
    given = url or os.environ.get("POLYVEIL_LEDGER") or default_key_path().with_name("ledger.db")
    return _database.address(given, what="ledger")


class Store:
    """An open database. Use from the process and thread that opened it."""

    def __init__(self, url: URL, *, create: bool) -> None:
        self.place = url.render_as_string(hide_password=True)
        if _database.is_sqlite(url):
            _prepare_file(Path(str(url.database)), create=create)
        self._engine = _database.engine(url, pragmas=("journal_mode = WAL",))
        with self._told():
            self._connection: Connection = self._engine.connect()
        self._process = os.getpid()

    def close(self) -> None:
        """Gives the connection back."""
        if os.getpid() == self._process:
            self._connection.close()
            self._engine.dispose()

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """One transaction with the write lock, taken before anything is read."""
        self._check_process()
        with self._told(), self._connection.begin():
            _database.lock(self._connection, _LOCK)
            yield

    @contextlib.contextmanager
    def reading(self) -> Iterator[None]:
        """One snapshot."""
        self._check_process()
        with self._told(), _database.reading(self._engine.connect()) as snapshot:
            kept, self._connection = self._connection, snapshot
            try:
                with snapshot.begin():
                    yield
            finally:
                self._connection = kept

    def header(self) -> Header | None:
        """The header; None if there is no ledger in this database yet."""
        if not inspect(self._connection).has_table(_HEADER.name):
            return None
        columns = [_HEADER.c[field.name] for field in fields(Header)]
        row = self._connection.execute(select(*columns)).one_or_none()
        return None if row is None else Header(*row)

    def begin(self, header: Header) -> None:
        """Makes the tables and writes the header."""
        _TABLES.create_all(self._connection)
        row = {field.name: getattr(header, field.name) for field in fields(header)}
        self._connection.execute(_HEADER.insert().values(one=1, **row))

    def entries(self, first: int = 0, *, data_set: str | None = None) -> Iterator[Entry]:
        """Entries from a number on, in order, streamed."""
        query = _SINCE.where(_ENTRIES.c.sequence >= first)
        if data_set is not None:
            query = query.where(_ENTRIES.c.data_set == data_set)
        rows = self._connection.execute(query.execution_options(yield_per=_BATCH))
        for row in rows:
            yield Entry(*row)

    def hash_at(self, sequence: int) -> str | None:
        """Stored hash of one entry; None if there is none."""
        query = select(_ENTRIES.c.hash).where(_ENTRIES.c.sequence == sequence)
        return self._connection.execute(query).scalar_one_or_none()

    def append(self, entry: Entry) -> None:
        """Adds one entry to the open transaction."""
        row = dict(zip(NAMES, values(entry), strict=True))
        self._connection.execute(_ENTRIES.insert(), row)

    def _check_process(self) -> None:
        if os.getpid() != self._process:
            raise LedgerError(
                f"ledger {self.place}: opened by another process; a connection does not survive "
                "a fork. Open the ledger again in this process."
            )

    def _told(self) -> contextlib.AbstractContextManager[None]:
        return _database.told(f"ledger {self.place}", LedgerError, _UNSURE)


def _prepare_file(path: Path, *, create: bool) -> None:
    if not path.exists() and not create:
        raise LedgerError(
            f"{path}: there is no ledger here. A private training run or `polyveil ledger "
            "grant` makes one; to use another, set POLYVEIL_LEDGER or give --ledger."
        )
    _database.private_file(path, what="ledger", error=LedgerError)
