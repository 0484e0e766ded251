# SPDX-License-Identifier: Apache-2.0
"""What every database of ours promises: whose it is, who writes first, what an error tells."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.engine import URL

from polyveil import _database
from polyveil.errors import GalleryError, LedgerError, UsageError


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> URL:
    if request.param == "sqlite":
        return _database.address(tmp_path / "a.db", what="ledger")
    return _database.address(request.getfixturevalue("postgresql"), what="ledger")


def test_a_path_and_a_url_of_it_are_the_same_place(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    by_path = _database.address(path, what="gallery")
    assert by_path == _database.address(f"sqlite:///{path}", what="gallery")
    assert _database.is_sqlite(by_path)


@pytest.mark.parametrize("place", ["mysql://host/name", "sqlite://", "sqlite:///:memory:", "://"])
def test_other_places_are_refused_without_repeating_them(place: str) -> None:
    with pytest.raises(UsageError, match=r"gallery: .*expected") as refused:
        _database.address(place, what="gallery")
    assert "host" not in str(refused.value)


def test_a_decision_and_its_entry_are_one_unit(url: URL) -> None:
    """Each reads the greatest number and adds the next: nobody may read what another will write."""
    made = _database.engine(url)
    with made.begin() as connection:
        connection.execute(text("CREATE TABLE numbers (n INTEGER PRIMARY KEY)"))

    def count() -> None:
        for _ in range(20):
            with made.begin() as connection:
                _database.lock(connection, 7)
                last = connection.execute(text("SELECT max(n) FROM numbers")).scalar() or 0
                connection.execute(text("INSERT INTO numbers VALUES (:n)"), {"n": last + 1})

    writers = [threading.Thread(target=count) for _ in range(4)]
    for one in writers:
        one.start()
    for one in writers:
        one.join()
    with _database.reading(made.connect()) as connection, connection.begin():
        assert connection.execute(text("SELECT count(*) FROM numbers")).scalar() == 80


def test_an_error_says_where_and_what_to_do_and_no_value(url: URL) -> None:
    made = _database.engine(url)
    with (
        pytest.raises(LedgerError, match=r"the place: .* Do this\.") as told,
        _database.told("the place", LedgerError, "Do this."),
        made.begin() as connection,
    ):
        connection.execute(text("SELECT * FROM nowhere WHERE a = :secret"), {"secret": "Ann"})
    assert "Ann" not in str(told.value)


def test_a_file_is_its_owner_s_alone(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.db"
    _database.private_file(path, what="gallery", error=GalleryError)
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o644)
    with pytest.raises(GalleryError, match="chmod 600"):
        _database.private_file(path, what="gallery", error=GalleryError)
    with pytest.raises(GalleryError, match="not a file"):
        _database.private_file(tmp_path, what="gallery", error=GalleryError)
