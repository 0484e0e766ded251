# SPDX-License-Identifier: Apache-2.0
"""Databases that hold what people trust us with: a SQLite file of one's own, or PostgreSQL by URL.

A writer takes its lock before it reads: SQLite by BEGIN IMMEDIATE, PostgreSQL by an advisory lock,
so that a decision and what follows from it are one unit, also between machines. A reader sees one
state throughout. A SQLite file belongs to one account, mode 0600.

Sources: https://www.sqlite.org/lang_transaction.html;
https://www.postgresql.org/docs/current/explicit-locking.html#ADVISORY-LOCKS
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.pool import NullPool

from polyveil import _optional
from polyveil.errors import PolyveilError, UsageError

WAIT_SECONDS = 60
_READING = "polyveil_reading"


def address(place: str | Path, *, what: str) -> URL:
    """A path or a URL as the URL of a database.

    Args:
      what: is kept there, e.g. "ledger"; for messages.

    Raises:
      UsageError: neither a path, nor a sqlite: or postgresql: URL.
      MissingExtra: PostgreSQL without its driver.
    """
    if isinstance(place, Path) or "://" not in place:
        return URL.create("sqlite", database=str(Path(place).expanduser().resolve()))
    try:
        url = make_url(place)
    except (ArgumentError, ValueError):
        raise UsageError(f"{what}: the URL cannot be read; expected postgresql://...") from None
    kind = url.get_backend_name()
    if kind == "sqlite" and url.database and url.database != ":memory:":
        return URL.create("sqlite", database=str(Path(url.database).resolve()))
    if kind != "postgresql":
        raise UsageError(
            f"{what}: expected the path of a SQLite file or postgresql://..., got {kind}://..."
        )
    _optional.require("psycopg", extra="postgresql", purpose=f"A {what} in PostgreSQL")
    return url.set(drivername="postgresql+psycopg")


def is_sqlite(engine: Engine | URL) -> bool:
    """Whether it is a file of our own, rather than a server."""
    url = engine if isinstance(engine, URL) else engine.url
    return url.get_backend_name() == "sqlite"


def engine(url: URL, *, pragmas: Iterable[str] = ()) -> Engine:
    """Connections whose commits reach the disk and whose transactions begin as `reading` says.

    Args:
      pragmas: of SQLite, beside synchronous = FULL, e.g. "journal_mode = WAL".
    """
    if is_sqlite(url):
        return _sqlite(url, ("synchronous = FULL", *pragmas))
    return _postgresql(url)


def lock(connection: Connection, number: int) -> None:
    """Waits until no other writer of this number is in the database. SQLite has the lock by now."""
    if not is_sqlite(connection.engine):
        connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": number})


def reading(connection: Connection) -> Connection:
    """The connection, whose next transaction only reads and sees one state throughout."""
    options: dict[str, Any] = {_READING: True}
    if not is_sqlite(connection.engine):
        options["isolation_level"] = "REPEATABLE READ"
    return connection.execution_options(**options)


@contextlib.contextmanager
def told(place: str, error: type[PolyveilError], advice: str) -> Iterator[None]:
    """Database errors inside as ours, without the statement and its values."""
    try:
        yield
    except DBAPIError as problem:
        reason = str(problem.orig).strip().splitlines()[:1]
        raise error(f"{place}: {''.join(reason) or type(problem).__name__}. {advice}") from None


def private_file(path: Path, *, what: str, error: type[PolyveilError]) -> None:
    """Makes the file where there is none; refuses one that other accounts can read.

    Raises:
      error: it is no file, or its mode is not 0600.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    if not path.is_file():
        raise error(f"{path}: expected a {what}, a SQLite file; this is not a file.")
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        raise error(
            f"{path}: mode {mode:04o} lets other accounts at the {what}; expected 0600. "
            f"Run: chmod 600 {path}"
        )


def _postgresql(url: URL) -> Engine:
    # Each statement after the lock must see what was committed while waiting for it.
    made = create_engine(url, poolclass=NullPool, isolation_level="READ COMMITTED")

    @event.listens_for(made, "connect")
    def _connected(connection: Any, _record: object) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET synchronous_commit = on")
            cursor.execute(f"SET lock_timeout = '{WAIT_SECONDS}s'")
        connection.commit()  # or the settings go with the first transaction that is rolled back

    return made


def _sqlite(url: URL, pragmas: tuple[str, ...]) -> Engine:
    made = create_engine(url, poolclass=NullPool, connect_args={"timeout": WAIT_SECONDS})

    @event.listens_for(made, "connect")
    def _connected(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # transactions are begun below, by name
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(made, "begin")
    def _begun(connection: Connection) -> None:
        reads = connection.get_execution_options().get(_READING, False)
        connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")

    return made
