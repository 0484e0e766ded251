# SPDX-License-Identifier: Apache-2.0
"""Where templates lie: two small tables in SQLite, or in PostgreSQL by URL.

What is stored: pseudonymous subject ids, enrolment ids, modality, encoder, cells, dates. Never a
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
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import (
    Column,
    Connection,
    ForeignKey,
    Index,
    LargeBinary,
    MetaData,
    Table,
    Text,
    inspect,
    select,
)
from sqlalchemy.engine import URL

from polyveil import _database
from polyveil.errors import GalleryError

_LOCK = 0x706F6C79_74656D70  # "polytemp": one advisory lock a database
_UNCHANGED = "Nothing was changed. Check that the database is there, intact and not locked."
FORMAT = "polyveil gallery 2"

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
    Column("encoder", Text, nullable=False),
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
    """A path or a URL as the URL of the database; raises UsageError for anything else."""
    return _database.address(place, what="gallery")


class Store:
    """A database of templates."""

    def __init__(self, url: URL, *, key_id: str) -> None:
        self.place = url.render_as_string(hide_password=True)
        if _database.is_sqlite(url):
            _database.private_file(Path(str(url.database)), what="gallery", error=GalleryError)
        # What is revoked or forgotten is erased, not only unlinked.
        self._engine = _database.engine(url, pragmas=("foreign_keys = ON", "secure_delete = ON"))
        with self.writing() as connection:
            self._prepare(connection, key_id)

    @contextlib.contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that no other writer is in; rolled back on any error.

        Raises:
          GalleryError: the database cannot be reached or does not answer.
        """
        with self._told(), self._engine.begin() as connection:
            _database.lock(connection, _LOCK)
            yield connection

    @contextlib.contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that only reads, one state of the database throughout.

        Raises:
          GalleryError: the database cannot be reached or does not answer.
        """
        with self._told(), self._engine.connect() as plain:
            connection = _database.reading(plain)
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

    def _told(self) -> contextlib.AbstractContextManager[None]:
        return _database.told(f"gallery {self.place}", GalleryError, _UNCHANGED)
