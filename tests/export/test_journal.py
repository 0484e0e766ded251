# SPDX-License-Identifier: Apache-2.0
"""The journal: one job, exact resume, a no-op when finished, secrets forgotten for good."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polyveil.errors import JournalError, UsageError
from polyveil.export.journal import Journal
from polyveil.export.outcome import OutcomeRow
from polyveil.export.place import PRIVATE
from polyveil.records.record import Refused

JOB = "ab12"


def row(number: int) -> OutcomeRow:
    return OutcomeRow(
        f"metadata.jsonl:{number}", {"text": f"row {number}"}, f"{number}.png", ("n",)
    )


def test_what_was_written_is_read_after_reopening(tmp_path: Path) -> None:
    refused = OutcomeRow.refusal(Refused("metadata.jsonl:2", "UnsafeRecord", "a name is left"))
    with Journal.open(tmp_path, JOB) as journal:
        journal.put_findings(3, b"\x00\xff")
        journal.put_findings(1, b"one")
        journal.settle(1, row(1))
        journal.settle(2, refused)
        journal.set("stage", "find")
        salt = journal.salt()
    with Journal.open(tmp_path, JOB) as journal:
        assert not journal.finished
        assert journal.findings(3) == b"\x00\xff"
        assert journal.findings(9) is None
        assert list(journal.all_findings()) == [(1, b"one"), (3, b"\x00\xff")]
        assert list(journal.outcomes()) == [(1, row(1)), (2, refused)]
        assert list(journal.outcomes(2, 5)) == [(2, refused)]
        assert journal.outcome(1) == row(1)
        assert (journal.outcome(7), journal.settled(1), journal.settled(7)) == (None, True, False)
        assert (journal.get("stage"), journal.get("other")) == ("find", None)
        assert journal.salt() == salt
        assert journal.settled_count() == 2
        journal.unsettle(1)
        assert not journal.settled(1)


def test_order_is_that_of_the_records_whatever_finished_first(tmp_path: Path) -> None:
    numbers = [*range(700, 0, -7), *range(3, 700, 7)]
    with Journal.open(tmp_path, JOB) as journal:
        for number in numbers:
            journal.settle(number, row(number))
        assert [index for index, _ in journal.outcomes()] == sorted(numbers)
        for index, _ in journal.outcomes():  # writing while reading is allowed
            journal.settle(index, row(0))
        assert {outcome for _, outcome in map(_hashable, journal.outcomes())} == {"row 0"}


def _hashable(pair: tuple[int, OutcomeRow]) -> tuple[int, str]:
    return pair[0], pair[1].row["text"]


def test_finishing_forgets_findings_outcomes_and_salt_for_good(tmp_path: Path) -> None:
    secret = b"SECRET-FINDING-" * 300
    with Journal.open(tmp_path, JOB) as journal:
        salt = journal.salt().hex().encode()
        for index in range(50):
            journal.put_findings(index, secret)
            journal.settle(index, row(index))
        journal.finish()
        journal.finish()
        assert journal.finished
    for path in (tmp_path / PRIVATE).rglob("*"):
        if path.is_file():
            assert b"SECRET-FINDING" not in path.read_bytes()
            assert salt not in path.read_bytes()
    with Journal.open(tmp_path, JOB) as journal:
        assert journal.finished
        assert list(journal.outcomes()) == []
        assert list(journal.all_findings()) == []
        with pytest.raises(JournalError, match="finished"):
            journal.settle(1, row(1))


def test_a_kill_between_finishing_and_forgetting_is_made_good(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Journal.open(tmp_path, JOB) as journal:
        journal.put_findings(0, b"SECRET-FINDING" * 500)
        monkeypatch.setattr(Journal, "_clean", lambda self: None)
        journal.finish()
    monkeypatch.undo()
    with Journal.open(tmp_path, JOB) as journal:
        assert journal.finished
    data = b"".join(path.read_bytes() for path in (tmp_path / PRIVATE).glob("journal*"))
    assert b"SECRET-FINDING" not in data


def test_another_job_is_refused_by_name(tmp_path: Path) -> None:
    Journal.open(tmp_path, JOB).close()
    with pytest.raises(JournalError, match="another job"):
        Journal.open(tmp_path, "cd34")
    Journal.open(tmp_path, JOB).close()


def test_a_second_run_at_the_same_time_is_refused(tmp_path: Path) -> None:
    with (
        Journal.open(tmp_path, JOB),
        pytest.raises(JournalError, match="Another run"),
    ):
        Journal.open(tmp_path, JOB)
    Journal.open(tmp_path, JOB).close()


@pytest.mark.parametrize("damage", [b"no database at all" * 100, b"SQLite format 3\0" + bytes(900)])
def test_a_damaged_journal_is_refused(tmp_path: Path, damage: bytes) -> None:
    Journal.open(tmp_path, JOB).close()
    (tmp_path / PRIVATE / "journal.sqlite").write_bytes(damage)
    with pytest.raises(JournalError):
        Journal.open(tmp_path, JOB)


def test_foreign_output_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("x")
    with pytest.raises(UsageError):
        Journal.open(tmp_path, JOB)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


values = (
    st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=["Cs"]))
)


@settings(max_examples=50)
@given(st.dictionaries(st.text("ab"), values), st.none() | st.text("ab/."))
def test_outcomes_round_trip(values: dict[str, object], file: str | None) -> None:
    outcome = OutcomeRow("picture:1", values, file, ("a", "b"), facts={"faces": 2})
    assert OutcomeRow.from_json(outcome.to_json()) == outcome


def test_nan_cannot_be_released() -> None:
    with pytest.raises(ValueError, match="JSON"):
        OutcomeRow("picture:1", {"a": float("nan")}).to_json()
