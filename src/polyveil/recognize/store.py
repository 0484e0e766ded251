# SPDX-License-Identifier: Apache-2.0
"""Where templates lie: two small tables in SQLite, or in PostgreSQL by URL.

What is stored: pseudonymous subject ids, enrolment ids, modality, scheme, cells, dates. Never a
key, a secret, a name or an embedding. Revoked cells are erased (SQLite overwrites them with zeros);
the row stays, so that it can be told when what was revoked.

SQLite takes its write lock before it reads (BEGIN IMMEDIATE), PostgreSQL an advisory lock for the
transaction, so that writers stand in one line. A connection is opened for each operation: a store
may be used from any thread and after a fork.

Sources: https://www.sqlite.org/lang_transaction.html;
https://www.sqlite.org/pragma.html#pragma_secure_delete
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    Engine,
    ForeignKey,
    Index,
    LargeBinary,
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
from polyveil.errors import GalleryError, UsageError

_LOCK = 0x706F6C79_74656D70  # "polytemp": one advisory lock a database
_WAIT_SECONDS = 60
FORMAT = "polyveil gallery 1"

_TABLES = MetaData()
HEADER = Table(
    "polyveil_gallery",
    _TABLES,
    Column("format", Text, primary_key=True),
    Column("key", Text, nullable=False),
)
SUBJECTS = Table(
    "polyveil_subject",
    _TABLES,
    Column("id", Text, primary_key=True),
    Column("created", Text, nullable=False),
)
TEMPLATES = Table(
    "polyveil_template",
    _TABLES,
    Column("enrolment", Text, primary_key=True),
    Column("subject", Text, ForeignKey(SUBJECTS.c.id), nullable=False, index=True),
    Column("modality", Text, nullable=False),
    Column("template", LargeBinary),
    Column("status", Text, nullable=False),
    Column("created", Text, nullable=False),
    Column("revoked", Text),
)
_ACTIVE = TEMPLATES.c.status == "active"
Index(
    "polyveil_one_active",
    TEMPLATES.c.subject,
    TEMPLATES.c.modality,
    unique=True,
    sqlite_where=_ACTIVE,
    postgresql_where=_ACTIVE,
)


def address(place: str | Path) -> URL:
    """A path or a URL as the URL of the database.

    Raises:
      UsageError: neither a path, nor a sqlite: or postgresql: URL.
    """
    if isinstance(place, Path) or "://" not in place:
        return URL.create("sqlite", database=str(Path(place).expanduser().resolve()))
    try:
        url = make_url(place)
    except (ArgumentError, ValueError):
        raise UsageError("gallery: the URL cannot be read; expected postgresql://...") from None
    kind = url.get_backend_name()
    if kind == "sqlite" and url.database and url.database != ":memory:":
        return URL.create("sqlite", database=str(Path(url.database).resolve()))
    if kind != "postgresql":
        raise UsageError(
            f"gallery: expected the path of a SQLite file or postgresql://..., got {kind}://..."
        )
    _optional.require("psycopg", extra="postgresql", purpose="A gallery in PostgreSQL")
    return url.set(drivername="postgresql+psycopg")


class Store:
    """A database of templates."""

    def __init__(self, url: URL, *, key_id: str) -> None:
        self.place = url.render_as_string(hide_password=True)
        self._sqlite = url.get_backend_name() == "sqlite"
        if self._sqlite:
            _prepare_file(Path(str(url.database)))
        self._engine = _engine(url)
        with self.writing() as connection:
            self._prepare(connection, key_id)

    @contextlib.contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that no other writer is in; rolled back on any error.

        Raises:
          GalleryError: the database cannot be reached or does not answer.
        """
        with self._told(), self._engine.begin() as connection:
            if not self._sqlite:
                connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            yield connection

    @contextlib.contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that only reads, one state of the database throughout.

        Raises:
          GalleryError: the database cannot be reached or does not answer.
        """
        with self._told(), self._engine.connect() as plain:
            options: dict[str, Any] = {"polyveil_reading": True}
            if not self._sqlite:
                options = {"isolation_level": "REPEATABLE READ"}
            connection = plain.execution_options(**options)
            with connection.begin():
                yield connection

    def _prepare(self, connection: Connection, key_id: str) -> None:
        if not inspect(connection).has_table(HEADER.name):
            _TABLES.create_all(connection)
            connection.execute(HEADER.insert(), {"format": FORMAT, "key": key_id})
        found = connection.execute(select(HEADER)).first()
        if found is None or found.format != FORMAT:
            raise GalleryError(
                f"gallery {self.place}: expected {FORMAT!r}. It is damaged or of another version."
            )
        if found.key != key_id:
            raise GalleryError(
                f"gallery {self.place}: made with project key {found.key}, the key at hand is "
                f"{key_id}. Use the key file of the project that enrolled these people."
            )

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        """Database errors as ours, without the statement and its values."""
        try:
            yield
        except DBAPIError as error:
            reason = str(error.orig).strip().splitlines()[:1]
            raise GalleryError(
                f"gallery {self.place}: {''.join(reason) or type(error).__name__}. Nothing was "
                "changed. Check that the database is there, intact and not locked."
            ) from None


def _engine(url: URL) -> Engine:
    if url.get_backend_name() != "sqlite":
        return create_engine(url, poolclass=NullPool, isolation_level="READ COMMITTED")
    engine = create_engine(url, poolclass=NullPool, connect_args={"timeout": _WAIT_SECONDS})

    @event.listens_for(engine, "connect")
    def _connected(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # transactions are begun below, by name
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA secure_delete = ON")
        connection.execute("PRAGMA synchronous = FULL")

    @event.listens_for(engine, "begin")
    def _begun(connection: Connection) -> None:
        reading = connection.get_execution_options().get("polyveil_reading", False)
        connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")

    return engine


def _prepare_file(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    if not path.is_file():
        raise GalleryError(f"{path}: expected a gallery, a SQLite file; this is not a file.")
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        raise GalleryError(
            f"{path}: mode {mode:04o} lets other accounts at the gallery; expected 0600. "
            f"Run: chmod 600 {path}"
        )
