# SPDX-License-Identifier: Apache-2.0
"""The same promises on PostgreSQL. Needs a server: POLYVEIL_TEST_POSTGRESQL=postgresql://..."""

from __future__ import annotations

import os
from collections.abc import Callable
from decimal import Decimal

import pytest

from polyveil.errors import BudgetExceeded
from polyveil.privacy.ledger import Ledger

DATA = "a" * 64
Opened = Callable[..., Ledger]


def test_budget_and_books(postgresql: str, opened: Opened) -> None:
    with opened(postgresql) as ledger:
        ledger.grant(DATA, epsilon=3, delta=1e-4, by="office")
        paid = ledger.reserve(DATA, epsilon=2, delta=1e-5, run="r", purpose="train")
        ledger.commit(paid, epsilon=1.5, delta=1e-5)
        with pytest.raises(BudgetExceeded):
            ledger.reserve(DATA, epsilon=2, delta=1e-5, run="s", purpose="train")
        assert ledger.spent(DATA).epsilon == Decimal("1.5") and ledger.verify().intact


def test_processes_of_several_accounts_sum_exactly(postgresql: str, opened: Opened) -> None:
    """Each worker has marks of its own, as on another machine: only the server orders them."""
    opened(postgresql).close()
    children = []
    for worker in range(4):
        child = os.fork()
        if child == 0:
            with opened(postgresql, marks=f"marks {worker}") as ledger:
                for number in range(20):
                    run = f"{worker}-{number}"
                    paid = ledger.reserve(DATA, epsilon=0.001, delta=0, run=run, purpose="t")
                    ledger.commit(paid, epsilon=0.001, delta=0)
            os._exit(0)
        children.append(child)
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * 4
    with opened(postgresql) as ledger:
        assert ledger.spent(DATA).epsilon == Decimal("0.08") and ledger.verify().intact


def test_tampering_and_roll_back(postgresql: str, opened: Opened) -> None:
    import psycopg

    with opened(postgresql) as ledger, psycopg.connect(postgresql, autocommit=True) as base:
        for run in ("one", "two"):
            ledger.reserve(DATA, epsilon=1, delta=0, run=run, purpose="train")
        base.execute("DELETE FROM polyveil_ledger_entry WHERE sequence = 2")
        assert [str(found.kind) for found in ledger.verify().findings] == ["rolled back"]
        base.execute("UPDATE polyveil_ledger_entry SET epsilon = 1 WHERE sequence = 1")
        assert ledger.verify().findings[0].kind == "edited"
