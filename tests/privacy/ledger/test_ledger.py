# SPDX-License-Identifier: Apache-2.0
"""Reserve before release, commit after: what is charged, what is refused, what a kill leaves."""

from __future__ import annotations

import os
import signal
import stat
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from polyveil.errors import BudgetExceeded, LedgerError, UsageError
from polyveil.privacy.key import ProjectKey
from polyveil.privacy.ledger import Ledger, Loss, Reservation

DATA, OTHER = "a" * 64, "b" * 64
Opened = Callable[..., Ledger]


def reserve(ledger: Ledger, run: str = "r", epsilon: float = 1, delta: float = 1e-5) -> Reservation:
    return ledger.reserve(DATA, epsilon=epsilon, delta=delta, run=run, purpose="train")


def test_a_reservation_counts_in_full_until_less_is_committed(opened: Opened) -> None:
    with opened() as ledger:
        ledger.grant(DATA, epsilon=4, delta=1e-4, by="office")
        paid = reserve(ledger, epsilon=3)
        held = ledger.spent(DATA)
        assert (held.epsilon, held.reserved_epsilon, held.open_runs) == (0, 3, ("r",))
        assert held.remaining == Loss(Decimal(1), Decimal("9e-5"))
        ledger.commit(paid, epsilon=2.5, delta=1e-5)
        done = ledger.spent(DATA)
        assert (done.epsilon, done.reserved_epsilon, done.open_runs) == (Decimal("2.5"), 0, ())
        assert done.remaining is not None and done.remaining.epsilon == Decimal("1.5")


@pytest.mark.parametrize(("epsilon", "delta"), [(2.000001, 1e-6), (1, 9.1e-5)])
def test_what_exceeds_the_budget_is_refused_with_exit_code_4_and_writes_nothing(
    opened: Opened, epsilon: float, delta: float
) -> None:
    with opened() as ledger:
        ledger.grant(DATA, epsilon=3, delta=1e-4, by="office")
        reserve(ledger, "first")
        with pytest.raises(BudgetExceeded, match="Left: epsilon 2, delta 9e-5") as refused:
            reserve(ledger, "second", epsilon, delta)
        assert refused.value.exit_code == 4 and len(ledger.entries()) == 2
        reserve(ledger, "third", 2, 9e-5)  # to the last unit


def test_without_a_grant_spending_is_recorded_and_the_result_says_so(opened: Opened) -> None:
    with opened() as ledger:
        assert reserve(ledger, epsilon=100).budget_set is False
        spent = ledger.spent(DATA)
        assert spent.budget is None and spent.remaining is None and spent.reserved_epsilon == 100
        assert ledger.spent(OTHER).runs == 0


def test_the_same_run_asking_again_pays_once(opened: Opened) -> None:
    with opened() as ledger:
        first = reserve(ledger)
    with opened() as ledger:  # a resumed process
        assert reserve(ledger) == first and len(ledger.entries()) == 1
        ledger.commit(first, epsilon=1, delta=1e-5)
        ledger.commit(first, epsilon=1, delta=1e-5)
        again = reserve(ledger)
        assert again.state == "committed" and len(ledger.entries()) == 2
        with pytest.raises(UsageError, match="committed already"):
            ledger.release(again, "no")


def test_other_amounts_of_a_run_only_if_larger_and_affordable(opened: Opened) -> None:
    with opened() as ledger:
        ledger.grant(DATA, epsilon=3, delta=1e-4, by="office")
        reserve(ledger, epsilon=2)
        for epsilon, delta in ((1, 1e-5), (2, 1e-6), (2.5, 1e-6)):
            with pytest.raises(UsageError, match="charged already"):
                reserve(ledger, epsilon=epsilon, delta=delta)
        with pytest.raises(BudgetExceeded):
            reserve(ledger, epsilon=3.5)
        assert reserve(ledger, epsilon=3).epsilon == 3
        assert ledger.spent(DATA).reserved_epsilon == 3
        with pytest.raises(UsageError, match="another id"):
            ledger.reserve(DATA, epsilon=3, delta=1e-5, run="r", purpose="something else")


def test_a_run_that_goes_on_after_its_commit_pays_the_difference(opened: Opened) -> None:
    with opened() as ledger:
        ledger.commit(reserve(ledger, epsilon=3), epsilon=2, delta=1e-5)
        more = reserve(ledger, epsilon=5)
        assert more.state == "open" and ledger.spent(DATA).reserved_epsilon == 5
        with pytest.raises(UsageError, match="state the total"):
            ledger.commit(more, epsilon=1, delta=1e-5)
        ledger.release(more, "stopped before the first step")
        assert ledger.spent(DATA).epsilon == 2  # what was released before stays released


def test_a_released_run_costs_nothing_and_may_start_again(opened: Opened) -> None:
    with opened() as ledger:
        paid = reserve(ledger)
        ledger.release(paid, "the data could not be read")
        ledger.release(paid, "the data could not be read")
        assert ledger.spent(DATA).reserved_epsilon == 0 and ledger.spent(DATA).runs == 0
        assert reserve(ledger).state == "open" and len(ledger.entries()) == 3


def test_more_than_reserved_is_not_committed_and_stays_counted(opened: Opened) -> None:
    with opened() as ledger:
        paid = reserve(ledger, epsilon=1)
        with pytest.raises(UsageError, match="larger total first"):
            ledger.commit(paid, epsilon=1.5, delta=1e-5)
        assert ledger.spent(DATA).reserved_epsilon == 1
        with pytest.raises(UsageError, match="no reservation"):
            ledger.commit(replace(paid, run="unknown"), epsilon=1, delta=1e-5)


def test_a_lowered_budget_stops_new_runs_and_lets_a_started_one_finish(opened: Opened) -> None:
    with opened() as ledger:
        ledger.grant(DATA, epsilon=3, delta=1e-4, by="office")
        paid = reserve(ledger, epsilon=2)
        ledger.grant(DATA, epsilon=0, delta=0, by="office", note="consent withdrawn")
        assert reserve(ledger, epsilon=2) == paid
        ledger.commit(paid, epsilon=2, delta=1e-5)
        left = ledger.spent(DATA).remaining
        assert left is not None and left.epsilon == 0
        with pytest.raises(BudgetExceeded):
            reserve(ledger, "next", 1e-6)
        assert ledger.verify().intact


amounts = st.integers(1, 40).map(lambda thousandths: thousandths / 1000)
steps = st.lists(
    st.tuples(st.sampled_from("rrrcxg"), st.integers(0, 3), amounts), min_size=1, max_size=25
)


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps)
def test_agrees_with_a_naive_twin(tmp_path_factory: pytest.TempPathFactory, todo: Any) -> None:
    """A dictionary of what each run holds; refused steps change neither."""
    folder = tmp_path_factory.mktemp("twin")
    held: dict[str, Decimal] = {}
    paid: dict[str, Decimal] = {}
    budget: Decimal | None = None
    key = ProjectKey.ephemeral()
    with Ledger.open(folder / "ledger.db", key=key, marks=folder / "marks") as ledger:
        for what, number, epsilon in todo:
            run, value = f"run {number}", Decimal(str(epsilon))
            try:
                if what == "g":
                    ledger.grant(DATA, epsilon=epsilon, delta=0.5, by="office")
                    budget = value
                    continue
                if what == "r":
                    before = held.get(run, paid.get(run))
                    reserve(ledger, run, epsilon, 0)
                    if value != before:
                        held[run] = value
                        assert budget is None or sum({**paid, **held}.values()) <= budget
                    continue
                mine = Reservation(DATA, run, "train", "record", value, Decimal(0), "open", True)
                if what == "c":
                    ledger.commit(mine, epsilon=epsilon, delta=0)
                    paid[run] = value
                else:
                    ledger.release(mine, "stop")
                held.pop(run, None)
            except (UsageError, BudgetExceeded):
                pass
            finally:
                spent, total = ledger.spent(DATA), {**paid, **held}
                assert spent.epsilon + spent.reserved_epsilon == sum(total.values())
        assert ledger.verify().intact


def test_processes_at_once_make_one_ledger_and_sum_exactly(opened: Opened) -> None:
    children = []
    for worker in range(4):
        child = os.fork()
        if child == 0:
            with opened() as ledger:
                for number in range(15):
                    paid = reserve(ledger, f"{worker}-{number}", 0.001, 1e-9)
                    ledger.commit(paid, epsilon=0.001, delta=1e-9)
            os._exit(0)
        children.append(child)
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * 4
    with opened() as ledger:
        assert ledger.spent(DATA).epsilon == Decimal("0.06")
        assert ledger.spent(DATA).delta == Decimal("6e-8") and ledger.verify().intact


def test_a_run_killed_before_its_commit_stays_counted(opened: Opened) -> None:
    opened().close()
    child = os.fork()
    if child == 0:
        reserve(opened(), epsilon=2)
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    with opened() as ledger:
        assert ledger.spent(DATA).reserved_epsilon == 2
        assert ledger.spent(DATA).open_runs == ("r",) and ledger.verify().intact


def test_a_connection_does_not_cross_a_fork(opened: Opened) -> None:
    with opened() as ledger:
        child = os.fork()
        if child == 0:
            try:
                reserve(ledger)
            except LedgerError as error:
                os._exit(0 if "fork" in str(error) else 1)
            os._exit(1)
        assert os.waitpid(child, 0)[1] == 0 and ledger.entries() == []


def test_files_are_for_this_account_alone(opened: Opened, tmp_path: Path) -> None:
    with opened() as ledger:
        reserve(ledger)
        files = [path for path in tmp_path.rglob("*") if path.is_file()]
        assert files and all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in files)
    (tmp_path / "ledger.db").chmod(0o644)
    with pytest.raises(LedgerError, match="chmod 600"):
        opened()


def test_who_is_a_pseudonym_unless_given(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("getpass.getuser", lambda: "ann.lee")
    with opened() as ledger:
        reserve(ledger, "one")
        reserve(ledger, "two")
        ledger.grant(DATA, epsilon=9, delta=0.1, by="Data office")
        names = [entry.by for entry in ledger.entries(DATA)]
    assert names[0] == names[1] and names[0].startswith("account-") and names[2] == "Data office"
    assert "ann" not in str(names)


def test_default_place_is_beside_the_key_or_in_the_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.delenv("POLYVEIL_LEDGER", raising=False)
    with Ledger.open() as ledger:
        assert ledger.place == f"sqlite:///{tmp_path}/polyveil/ledger.db"
    monkeypatch.setenv("POLYVEIL_LEDGER", str(tmp_path / "other.db"))
    with Ledger.open() as ledger:
        assert ledger.place.endswith("other.db")


@pytest.mark.parametrize("url", ["mysql://host/x", "sqlite://", "http://host"])
def test_other_databases_are_refused(url: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="ledger"):
        Ledger.open(url, key=ProjectKey.ephemeral(), marks=tmp_path)


def test_bad_arguments_are_refused_by_name(opened: Opened) -> None:
    with opened() as ledger:
        with pytest.raises(UsageError, match="64 hex digits"):
            ledger.spent("faces")
        with pytest.raises(UsageError, match="expected run"):
            reserve(ledger, "")
        with pytest.raises(UsageError, match="expected by"):
            ledger.grant(DATA, epsilon=1, delta=0, by="a\x1b[2J")
        assert ledger.entries() == []


def test_a_missing_ledger_is_not_made_by_looking(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="there is no ledger here"):
        Ledger.open(tmp_path / "none.db", key=ProjectKey.ephemeral(), marks=tmp_path, create=False)
    assert not (tmp_path / "none.db").exists()


def test_a_file_that_is_no_database_is_one_clear_error(opened: Opened, tmp_path: Path) -> None:
    (tmp_path / "ledger.db").write_bytes(b"not a database" * 100)
    (tmp_path / "ledger.db").chmod(0o600)
    with pytest.raises(LedgerError, match="not a database"):
        opened()
