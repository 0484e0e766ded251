# SPDX-License-Identifier: Apache-2.0
"""The same promises on PostgreSQL. Needs a server: POLYVEIL_TEST_POSTGRESQL=postgresql://..."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator
from decimal import Decimal

import pytest

from polyveil.errors import BudgetExceeded
from polyveil.privacy.ledger import Ledger

DATA = "a" * 64
Opened = Callable[..., Ledger]


@pytest.fixture
def url() -> Iterator[str]:
    """A fresh schema in the given database."""
    given = os.environ.get("POLYVEIL_TEST_POSTGRESQL")
    if not given:
        pytest.skip(
            "no PostgreSQL server: set POLYVEIL_TEST_POSTGRESQL=postgresql://user@host/name"
        )
    psycopg = pytest.importorskip("psycopg", reason="needs pip install 'polyveil[postgresql]'")
    schema = f"test_{secrets.token_hex(4)}"
    with psycopg.connect(given, autocommit=True) as base:
        base.execute(f"CREATE SCHEMA {schema}")
        yield f"{given}?options=-csearch_path%3D{schema}"
        base.execute(f"DROP SCHEMA {schema} CASCADE")


def test_budget_and_books(url: str, opened: Opened) -> None:
    with opened(url) as ledger:
        ledger.grant(DATA, epsilon=3, delta=1e-4, by="office")
        paid = ledger.reserve(DATA, epsilon=2, delta=1e-5, run="r", purpose="train")
        ledger.commit(paid, epsilon=1.5, delta=1e-5)
        with pytest.raises(BudgetExceeded):
            ledger.reserve(DATA, epsilon=2, delta=1e-5, run="s", purpose="train")
        assert ledger.spent(DATA).epsilon == Decimal("1.5") and ledger.verify().intact


def test_processes_of_several_accounts_sum_exactly(url: str, opened: Opened) -> None:
    """Each worker has marks of its own, as on another machine: only the server orders them."""
    opened(url).close()
    children = []
    for worker in range(4):
        child = os.fork()
        if child == 0:
            with opened(url, marks=f"marks {worker}") as ledger:
                for number in range(20):
                    run = f"{worker}-{number}"
                    paid = ledger.reserve(DATA, epsilon=0.001, delta=0, run=run, purpose="t")
                    ledger.commit(paid, epsilon=0.001, delta=0)
            os._exit(0)
        children.append(child)
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * 4
    with opened(url) as ledger:
        assert ledger.spent(DATA).epsilon == Decimal("0.08") and ledger.verify().intact


def test_tampering_and_roll_back(url: str, opened: Opened) -> None:
    import psycopg

    with opened(url) as ledger, psycopg.connect(url, autocommit=True) as base:
        for run in ("one", "two"):
            ledger.reserve(DATA, epsilon=1, delta=0, run=run, purpose="train")
        base.execute("DELETE FROM polyveil_ledger_entry WHERE sequence = 2")
        assert [str(found.kind) for found in ledger.verify().findings] == ["rolled back"]
        base.execute("UPDATE polyveil_ledger_entry SET epsilon = 1 WHERE sequence = 1")
        assert ledger.verify().findings[0].kind == "edited"
