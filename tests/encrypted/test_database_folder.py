# SPDX-License-Identifier: Apache-2.0
"""On disk stands the old database or the new one, never a mix; damage is noticed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from polyveil import _disk
from polyveil.encrypted import DatabaseFolder, EncryptedDatabase, envelope
from polyveil.errors import UsageError


def test_saved_and_loaded(parties, rows, tmp_path: Path):
    templates, probe = rows(3, 2), rows(1, 2, seed=1)[0]
    database = parties.database(templates)
    database.revoke("p1")
    DatabaseFolder(tmp_path / "db").save(database)
    again = DatabaseFolder(tmp_path / "db").load(parties.secret.public)
    assert (again.names, again.dimension) == (database.names, 2)
    assert np.abs(parties.ask(again, probe) - (templates @ probe)[[0, 2]]).max() < 1e-5
    assert all(path.stat().st_mode & 0o077 == 0 for path in (tmp_path / "db").iterdir())


def test_an_erased_chunk_leaves_the_disk(parties, rows, tmp_path: Path):
    database = parties.database(rows(2, 2))
    folder = DatabaseFolder(tmp_path)
    folder.save(database)
    before = {path.name for path in tmp_path.iterdir()}
    database.revoke("p0", parties.client.encrypt_erasure(rows(2, 2)[0], column=0))
    folder.save(database)
    after = {path.name for path in tmp_path.iterdir()}
    assert len(before) == len(after) == 2 and before & after == {"index.ckks"}


@pytest.mark.parametrize("fails_at", [0, 1])
def test_a_killed_save_leaves_the_old_database(parties, rows, tmp_path, monkeypatch, fails_at):
    folder, database = DatabaseFolder(tmp_path), parties.database(rows(2, 2))
    folder.save(database)
    database.append(["n"], parties.client.encrypt_templates(rows(1, 2), first=2))
    written = []
    whole = _disk.write_whole

    def killed(path: Path, content: bytes, **options: int) -> None:
        if len(written) == fails_at:
            raise KeyboardInterrupt
        written.append(path)
        whole(path, content, **options)

    with monkeypatch.context() as patch:
        patch.setattr(_disk, "write_whole", killed)
        with pytest.raises(KeyboardInterrupt):
            folder.save(database)
    assert DatabaseFolder(tmp_path).load(parties.secret.public).names == ("p0", "p1")
    folder.save(database)
    assert DatabaseFolder(tmp_path).load(parties.secret.public).names == ("p0", "p1", "n")
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("change", ["flipped", "cut", "gone"])
@pytest.mark.parametrize("which", ["index", "chunk"])
def test_damage_is_noticed(parties, rows, tmp_path: Path, which: str, change: str):
    DatabaseFolder(tmp_path).save(parties.database(rows(2, 2)))
    path = next(p for p in tmp_path.iterdir() if (p.name == "index.ckks") == (which == "index"))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    if change == "gone":
        path.unlink()
    else:
        path.write_bytes(bytes(content) if change == "flipped" else bytes(content[:-1]))
    with pytest.raises(UsageError, match=r"changed or are missing|cannot be read"):
        DatabaseFolder(tmp_path).load(parties.secret.public)


def test_another_key_does_not_load_it(parties, strangers, rows, tmp_path: Path):
    DatabaseFolder(tmp_path).save(parties.database(rows(2, 2)))
    with pytest.raises(UsageError, match="made under key"):
        DatabaseFolder(tmp_path).load(strangers.secret.public)


def test_what_another_process_saved_is_not_overwritten(parties, rows, tmp_path: Path):
    mine, theirs = DatabaseFolder(tmp_path), DatabaseFolder(tmp_path)
    mine.save(parties.database(rows(3, 2)))
    database, other = mine.load(parties.secret.public), theirs.load(parties.secret.public)
    other.revoke("p1")
    theirs.save(other)
    database.revoke("p0")
    with pytest.raises(UsageError, match="changed by another process"):
        mine.save(database)
    with pytest.raises(UsageError, match="not loaded here"):
        DatabaseFolder(tmp_path).save(parties.database(rows(1, 2)))
    again = mine.load(parties.secret.public)
    assert again.names == ("p0", None, "p2")
    again.revoke("p0")
    mine.save(again)
    assert theirs.load(parties.secret.public).names == (None, None, "p2")


def test_no_folder_and_an_empty_folder_hold_no_database(parties, tmp_path: Path):
    for place in (tmp_path, tmp_path / "none"):
        with pytest.raises(UsageError, match="cannot be read"):
            DatabaseFolder(place).load(parties.secret.public)


def test_an_empty_database_round_trips(parties, tmp_path: Path):
    DatabaseFolder(tmp_path).save(EncryptedDatabase(parties.secret.public, dimension=7))
    again = DatabaseFolder(tmp_path).load(parties.secret.public)
    assert (again.names, again.chunks, again.dimension) == ((), (), 7)


def test_an_index_that_does_not_fit_is_refused(parties, tmp_path: Path):
    facts = {"key": parties.secret.id, "dimension": 2, "names": ["a"], "files": []}
    for change in ({}, {"files": None}, {"dimension": 0}, {"names": [1]}, {"files": ["../x"]}):
        message = envelope.seal("encrypted database", {**facts, **change}, [])
        (tmp_path / "index.ckks").write_bytes(message)
        with pytest.raises(UsageError, match=r"expected|cannot be read"):
            DatabaseFolder(tmp_path).load(parties.secret.public)


def test_only_chunks_that_changed_are_written(parties, rows, tmp_path: Path, monkeypatch):
    folder = DatabaseFolder(tmp_path)
    folder.save(parties.database(rows(2050, 2)))
    database = folder.load(parties.secret.public)
    written = []
    whole = _disk.write_whole

    def noted(path: Path, content: bytes, **options: int) -> None:
        written.append(path.name)
        whole(path, content, **options)

    monkeypatch.setattr(_disk, "write_whole", noted)
    database.revoke("p3")
    folder.save(database)
    assert written == ["index.ckks"]
    database.append(["n"], parties.client.encrypt_templates(rows(1, 2), first=2050))
    folder.save(database)
    assert len(written) == 3 and written.count("index.ckks") == 2
    assert folder.load(parties.secret.public).names == database.names
