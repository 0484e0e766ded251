# SPDX-License-Identifier: Apache-2.0
"""Every kind of tampering is noticed, by `verify` with its entry and by the next spend."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from polyveil.errors import LedgerError, UsageError
from polyveil.privacy.key import ProjectKey
from polyveil.privacy.ledger import Ledger
from polyveil.privacy.ledger.entry import NAMES, Entry

DATA = "a" * 64
ENTRIES = "polyveil_ledger_entry"
Opened = Callable[..., Ledger]


def spend(ledger: Ledger, *runs: str) -> None:
    for run in runs:
        paid = ledger.reserve(DATA, epsilon=1, delta=1e-6, run=run, purpose="train")
        ledger.commit(paid, epsilon=1, delta=1e-6)


@pytest.fixture
def base(opened: Opened, tmp_path: Path) -> sqlite3.Connection:
    """A ledger of 6 entries, as an insider sees it."""
    with opened() as ledger:
        spend(ledger, "one", "two", "three")
    return sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)


def noticed(ledger: Ledger, head: str | None = None) -> list[tuple[str, int | None]]:
    """(kind, entry) of each finding; a damaged ledger must refuse to spend, too."""
    verdict = ledger.verify(head)
    if not verdict.intact and head is None:
        with pytest.raises(LedgerError, match="may be released"):
            ledger.reserve(DATA, epsilon=1, delta=0, run="next", purpose="train")
        with pytest.raises(LedgerError):
            ledger.spent(DATA)
    return [(finding.kind, finding.sequence) for finding in verdict.findings]


@pytest.mark.parametrize(
    "column",
    [
        "epsilon",
        "delta",
        "time",
        "kind",
        "data_set",
        "run",
        "unit",
        "by",
        "note",
        "previous",
        "hash",
    ],
)
def test_an_edit_of_any_field_is_noticed_at_its_entry(
    column: str, base: sqlite3.Connection, opened: Opened
) -> None:
    base.execute(f'UPDATE {ENTRIES} SET "{column}" = 7 WHERE sequence = 3')  # noqa: S608
    assert noticed(opened())[0] == ("edited", 3)


def test_an_untouched_ledger_is_intact(base: sqlite3.Connection, opened: Opened) -> None:
    with opened() as ledger:
        assert noticed(ledger) == [] and ledger.verify().notes == ()
        assert ledger.verify(str(ledger.head())).intact


def test_a_deleted_entry_leaves_a_gap(base: sqlite3.Connection, opened: Opened) -> None:
    base.execute(f"DELETE FROM {ENTRIES} WHERE sequence = 3")  # noqa: S608
    assert noticed(opened())[0] == ("gap", 4)


def test_a_deleted_entry_with_the_rest_moved_up(base: sqlite3.Connection, opened: Opened) -> None:
    base.execute(f"DELETE FROM {ENTRIES} WHERE sequence = 3")  # noqa: S608
    for number in (4, 5, 6):
        base.execute(f"UPDATE {ENTRIES} SET sequence = {number - 1} WHERE sequence = {number}")  # noqa: S608
    assert noticed(opened())[0] == ("edited", 3)


def test_swapped_entries(base: sqlite3.Connection, opened: Opened) -> None:
    for old, new in ((3, 99), (4, 3), (99, 4)):
        base.execute(f"UPDATE {ENTRIES} SET sequence = {new} WHERE sequence = {old}")  # noqa: S608
    assert {("edited", 3), ("edited", 4)} <= set(noticed(opened()))


def test_an_inserted_entry_of_another_ledger_with_the_same_key(
    base: sqlite3.Connection, opened: Opened, tmp_path: Path
) -> None:
    with opened("elsewhere.db") as other:
        spend(other, "one", "two", "three", "four")
        stranger = other.entries()[6]
    _insert(base, stranger)
    assert noticed(opened())[0] == ("chain", 7)


def test_a_forged_entry_that_fits_but_is_not_signed(
    base: sqlite3.Connection, opened: Opened
) -> None:
    with opened() as ledger:
        last = ledger.entries()[-1]
    grant = replace(last, kind="grant", run="", epsilon=10**9, sequence=7, previous=last.hash)
    _insert(base, grant.sealed(ProjectKey.ephemeral()))
    assert noticed(opened())[0] == ("forged", 7)


def test_a_lowered_amount_with_every_later_hash_made_to_fit(
    base: sqlite3.Connection, opened: Opened
) -> None:
    """Without the key the signatures give it away; with the key the mark still does."""
    with opened() as ledger:
        entries, key = ledger.entries(), ledger._log.key
    for thief, kind in ((ProjectKey.ephemeral(), "forged"), (key, "forked")):
        previous = entries[0].previous
        base.execute(f"DELETE FROM {ENTRIES}")  # noqa: S608
        for entry in entries:
            low = replace(entry, epsilon=1, previous=previous).sealed(thief)
            _insert(base, low)
            previous = low.hash
        assert kind in [found for found, _ in noticed(opened())]


def test_a_cut_off_end(base: sqlite3.Connection, opened: Opened) -> None:
    base.execute(f"DELETE FROM {ENTRIES} WHERE sequence > 4")  # noqa: S608
    assert noticed(opened()) == [("rolled back", 6)]
    base.execute(f"DELETE FROM {ENTRIES}")  # noqa: S608
    assert noticed(opened()) == [("rolled back", 6)]


def test_an_older_copy_put_back(base: sqlite3.Connection, opened: Opened, tmp_path: Path) -> None:
    base.close()
    shutil.copy(tmp_path / "ledger.db", tmp_path / "old.db")
    with opened() as ledger:
        spend(ledger, "four")
    shutil.copy(tmp_path / "old.db", tmp_path / "ledger.db")
    assert noticed(opened()) == [("rolled back", 8)]


def test_an_older_copy_put_back_and_grown_beyond_the_mark_elsewhere(
    base: sqlite3.Connection, opened: Opened, tmp_path: Path
) -> None:
    base.close()
    shutil.copy(tmp_path / "ledger.db", tmp_path / "twin.db")
    with opened() as ledger:
        spend(ledger, "four")
    with opened("twin.db", marks="other machine") as twin:
        spend(twin, "five", "six")
    assert noticed(opened("twin.db")) == [("forked", 8)]


def test_a_fresh_ledger_in_its_place(
    base: sqlite3.Connection, opened: Opened, tmp_path: Path
) -> None:
    base.close()
    (tmp_path / "ledger.db").unlink()
    with pytest.raises(LedgerError, match="there is no ledger here"):
        opened()
    with opened(marks="elsewhere") as fresh:
        spend(fresh, "one")
    assert noticed(opened()) == [("replaced", None)]


def test_a_changed_header_and_another_key(base: sqlite3.Connection, opened: Opened) -> None:
    base.execute("UPDATE polyveil_ledger SET created = 'yesterday'")
    assert ("header", None) in noticed(opened())
    base.execute("UPDATE polyveil_ledger SET ledger = '../../etc'")
    with pytest.raises(LedgerError, match="its id is not one"):
        opened()
    with opened("mine.db", marks="mine") as ledger:
        spend(ledger, "one")
    with opened("mine.db", marks="yours", key=ProjectKey.ephemeral()) as ledger:
        assert noticed(ledger)[0] == ("key", None)


def test_a_changed_mark(base: sqlite3.Connection, opened: Opened, tmp_path: Path) -> None:
    with opened() as ledger:
        mark = tmp_path / "marks" / f"{ledger.id}.mark"
        mark.write_text(mark.read_text().replace(" 6 ", " 2 "))
        assert [finding.kind for finding in ledger.verify().findings] == ["mark"]
        with pytest.raises(LedgerError, match="this mark"):
            spend(ledger, "four")


def test_a_missing_mark_is_said_and_made_again(
    base: sqlite3.Connection, opened: Opened, tmp_path: Path
) -> None:
    with opened() as ledger:
        (tmp_path / "marks" / f"{ledger.id}.mark").unlink()
        assert ledger.verify().intact and "no memory" in ledger.verify().notes[0]
        spend(ledger, "four")
        assert ledger.verify().notes == ()


def test_a_head_kept_elsewhere_sees_what_no_local_file_can(
    base: sqlite3.Connection, opened: Opened, tmp_path: Path
) -> None:
    base.close()
    shutil.copytree(tmp_path, tmp_path.with_name("backup"))
    with opened() as ledger:
        early = str(ledger.head())
        spend(ledger, "four")
        head = str(ledger.head())
        assert ledger.verify(early).intact
    shutil.copytree(tmp_path.with_name("backup"), tmp_path, dirs_exist_ok=True)
    with opened() as ledger:
        assert noticed(ledger) == []  # all files put back together: a perfect past
        assert noticed(ledger, head) == [("rolled back", 8)]
        spend(ledger, "other")
        assert noticed(ledger, head) == [("forked", 8)]
        with pytest.raises(UsageError, match="80 hex digits"):
            ledger.verify("abc")


def test_an_edit_under_an_open_ledger_stops_its_next_spend(
    base: sqlite3.Connection, opened: Opened
) -> None:
    with opened() as ledger:
        spend(ledger, "four")
        base.execute(f"DELETE FROM {ENTRIES} WHERE sequence > 6")  # noqa: S608
        with pytest.raises(LedgerError, match="rolled back"):
            spend(ledger, "five")


def test_a_mark_one_behind_after_a_kill_is_no_alarm(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened() as ledger:
        spend(ledger, "one")
        with monkeypatch.context() as killed:
            killed.setattr("polyveil.privacy.ledger.log.Log._remember", lambda *_: None)
            spend(ledger, "two")
    with opened() as ledger:
        assert ledger.verify().intact and ledger.spent(DATA).epsilon == 2


def test_an_overspend_signed_with_the_key_is_named(
    base: sqlite3.Connection, opened: Opened
) -> None:
    """A program that holds the key but skips the rules."""
    with opened() as ledger:
        ledger.grant(DATA, epsilon=3, delta=1e-3, by="office")
        last, key = ledger.entries()[-1], ledger._log.key
    extra = replace(last, kind="reserve", run="x", unit="record", sequence=8, previous=last.hash)
    _insert(base, extra.sealed(key))
    assert noticed(opened()) == [("impossible", 8)]


def _insert(base: sqlite3.Connection, entry: Entry) -> None:
    columns = ",".join(f'"{name}"' for name in NAMES)
    marks = ",".join("?" * len(NAMES))
    values = [getattr(entry, name) for name in NAMES]
    base.execute(f"INSERT INTO {ENTRIES} ({columns}) VALUES ({marks})", values)  # noqa: S608
