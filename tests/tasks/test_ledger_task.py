# SPDX-License-Identifier: Apache-2.0
"""Show, verify, grant: what a person is told."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

import polyveil
from polyveil.errors import LedgerError, UsageError
from polyveil.privacy.ledger import Ledger, content_hash


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A ledger with one data set that spent 2 of 8, of which 1 is unfinished."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("POLYVEIL_LEDGER", str(tmp_path / "ledger.db"))
    (tmp_path / "faces").mkdir()
    (tmp_path / "faces" / "one.png").write_bytes(b"1")
    polyveil.ledger_grant(tmp_path / "faces", epsilon=8, delta=1e-4, by="Data office", note="2026")
    data_set = content_hash(tmp_path / "faces")
    with Ledger.open() as ledger:
        paid = ledger.reserve(data_set, epsilon=1, delta=1e-5, run="done", purpose="train")
        ledger.commit(paid, epsilon=1, delta=1e-5)
        ledger.reserve(data_set, epsilon=1, delta=1e-5, run="killed", purpose="train")
    return tmp_path


def test_a_view_says_spent_unfinished_left_and_history(place: Path) -> None:
    view = polyveil.ledger_show(place / "faces")
    assert view.exit_code == 0 and [entry.kind for entry in view.entries] == [
        "grant",
        "reserve",
        "commit",
        "reserve",
    ]
    words = view.summary()
    assert "2 runs, spent epsilon 1, delta 1e-5; 1 unfinished hold epsilon 1" in words
    assert "left epsilon 6, delta 8e-5 of epsilon 8, delta 1e-4" in words
    [account] = view.to_json()["data_sets"]
    assert account["remaining"] == {"epsilon": "6", "delta": "8e-5"}
    assert account["open_runs"] == ["killed"]


def test_a_data_set_is_found_by_its_first_digits(place: Path) -> None:
    data_set = content_hash(place / "faces")
    assert polyveil.ledger_show(id=data_set[:8].upper()).accounts[0].data_set == data_set
    with pytest.raises(UsageError, match="0 data sets begin"):
        polyveil.ledger_show(id="0" * 9)
    with pytest.raises(UsageError, match="64 hex digits"):
        polyveil.ledger_show(id="abc")
    with pytest.raises(UsageError, match="not both"):
        polyveil.ledger_show(place / "faces", id=data_set)
    with pytest.raises(UsageError, match="expected a data set"):
        polyveil.ledger_grant(epsilon=1, delta=0, by="me")


def test_a_data_set_without_a_budget_is_said_to_have_none(place: Path) -> None:
    with Ledger.open() as ledger:
        ledger.reserve("b" * 64, epsilon=1, delta=0, run="free", purpose="train")
    view = polyveil.ledger_show()
    assert len(view.accounts) == 2 and view.entries == ()
    assert "no budget set" in view.summary()


def test_a_check_says_intact_or_which_entry(place: Path) -> None:
    check = polyveil.ledger_verify(polyveil.ledger_show().head)
    assert check.exit_code == 0 and "intact, 4 entries" in check.summary()
    base = sqlite3.connect(place / "ledger.db")
    with base:
        base.execute("UPDATE polyveil_ledger_entry SET epsilon = 1 WHERE sequence = 2")
    check = polyveil.ledger_verify()
    assert check.exit_code == 1 and check.to_json()["intact"] is False
    assert "entry 2: edited" in check.summary()
    with pytest.raises(LedgerError, match="polyveil ledger verify"):
        polyveil.ledger_show()
