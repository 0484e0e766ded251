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
import stat
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Engine,
    Integer,
    MetaData,
    Table,
    Text,
    create_engine,
    event,
    inspect,
    select,
    text,
)
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.pool import NullPool

from polyveil import _optional
from polyveil.errors import LedgerError, UsageError
from polyveil.privacy.key import default_key_path
from polyveil.privacy.ledger.entry import NAMES, Entry, Header, values

_LOCK = 0x706F6C79_7665696C  # "polyveil": one advisory lock a database
_WAIT_SECONDS = 60
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
    if isinstance(given, Path) or "://" not in given:
        return URL.create("sqlite", database=str(Path(given).expanduser().resolve()))
    try:
        parsed = make_url(given)
    except (ArgumentError, ValueError):
        raise UsageError("ledger: the URL cannot be read; expected postgresql://...") from None
    kind = parsed.get_backend_name()
    if kind == "sqlite" and parsed.database and parsed.database != ":memory:":
        return URL.create("sqlite", database=str(Path(parsed.database).resolve()))
    if kind != "postgresql":
        raise UsageError(
            f"ledger: expected the path of a SQLite file or postgresql://..., got {kind}://..."
        )
    _optional.require("psycopg", extra="postgresql", purpose="A ledger in PostgreSQL")
    return parsed.set(drivername="postgresql+psycopg")


class Store:
    """An open database. Use from the process and thread that opened it."""

    def __init__(self, url: URL, *, create: bool) -> None:
        self.place = url.render_as_string(hide_password=True)
        self._sqlite = url.get_backend_name() == "sqlite"
        if self._sqlite:
            _prepare_file(Path(str(url.database)), create=create)
        self._engine = _engine(url)
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
            if not self._sqlite:
                lock = text("SELECT pg_advisory_xact_lock(:lock)")
                self._connection.execute(lock, {"lock": _LOCK})
            yield

    @contextlib.contextmanager
    def reading(self) -> Iterator[None]:
        """One snapshot."""
        self._check_process()
        options: dict[str, Any] = {"polyveil_reading": True}
        if not self._sqlite:
            options["isolation_level"] = "REPEATABLE READ"
        with self._told(), self._engine.connect().execution_options(**options) as snapshot:
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

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        """Database errors as ours, without the statement and its values."""
        try:
            yield
        except DBAPIError as error:
            reason = str(error.orig).strip().splitlines()[:1]
            raise LedgerError(
                f"ledger {self.place}: {''.join(reason) or type(error).__name__}. Release nothing: "
                "whether this call was written is not known; to make the same call again is safe. "
                "Check that the database is there, intact and not locked."
            ) from None


def _engine(url: URL) -> Engine:
    return _sqlite(url) if url.get_backend_name() == "sqlite" else _postgresql(url)


def _postgresql(url: URL) -> Engine:
    # Each statement after the lock must see what was committed while waiting for it.
    engine = create_engine(url, poolclass=NullPool, isolation_level="READ COMMITTED")

    @event.listens_for(engine, "connect")
    def _connected(connection: Any, _record: object) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET synchronous_commit = on")
            cursor.execute(f"SET lock_timeout = '{_WAIT_SECONDS}s'")
        connection.commit()  # or the settings go with the first transaction that is rolled back

    return engine


def _sqlite(url: URL) -> Engine:
    engine = create_engine(url, poolclass=NullPool, connect_args={"timeout": _WAIT_SECONDS})

    @event.listens_for(engine, "connect")
    def _connected(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # transactions are begun below, by name
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")

    @event.listens_for(engine, "begin")
    def _begun(connection: Connection) -> None:
        reading = connection.get_execution_options().get("polyveil_reading", False)
        connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")

    return engine


def _prepare_file(path: Path, *, create: bool) -> None:
    if not path.exists():
        if not create:
            raise LedgerError(
                f"{path}: there is no ledger here. A private training run or `polyveil ledger "
                "grant` makes one; to use another, set POLYVEIL_LEDGER or give --ledger."
            )
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with contextlib.suppress(FileExistsError):
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    if not path.is_file():
        raise LedgerError(f"{path}: expected a ledger, a SQLite file; this is not a file.")
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        raise LedgerError(
            f"{path}: mode {mode:04o} lets other accounts at the ledger; expected 0600. "
            f"Run: chmod 600 {path}"
        )
