# SPDX-License-Identifier: Apache-2.0
"""What the entries add up to: per data set a budget, per run what is reserved and committed.

Nothing here is stored. The books are made by following the chain, so that there is no second
truth which could be edited beside it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from polyveil.privacy.ledger.amount import NOTHING, Amount
from polyveil.privacy.ledger.entry import Entry

State = Literal["open", "committed", "released"]


@dataclass(slots=True)
class Run:
    """One run on one data set.

    Attributes:
      state: open while a reservation is neither committed nor released.
      reserved: of the latest reservation, for the run in total.
      committed: what was really released so far, in total.
      purpose, unit: as first stated.
    """

    state: State
    reserved: Amount
    purpose: str
    unit: str
    committed: Amount = NOTHING

    @property
    def charged(self) -> Amount:
        """What counts against the budget; an open reservation counts in full."""
        return self.reserved if self.state == "open" else self.committed


@dataclass(slots=True)
class Account:
    """One data set: its budget, None where none was granted, and its runs by id."""

    budget: Amount | None = None
    runs: dict[str, Run] = field(default_factory=dict)
    charged: Amount = NOTHING
    reserved: Amount = NOTHING


class Books:
    """All accounts, kept up entry by entry."""

    def __init__(self) -> None:
        self.accounts: dict[str, Account] = {}

    def account(self, data_set: str) -> Account:
        """The account of a data set; an empty one if it has no entries."""
        return self.accounts.get(data_set, Account())

    def apply(self, entry: Entry) -> str | None:
        """Books one entry. Returns why no honest program wrote it, or None."""
        account = self.accounts.setdefault(entry.data_set, Account())
        if entry.kind == "grant":
            account.budget = entry.amount
            return None
        run = account.runs.get(entry.run)
        before = _counted(run)
        wrong, after = _next(run, entry)
        account.runs[entry.run] = after
        now = _counted(after)
        account.charged = account.charged - before[0] + now[0]
        account.reserved = account.reserved - before[1] + now[1]
        if wrong is None and entry.kind == "reserve" and account.budget is not None:
            grew = not now[0].within(before[0])
            if grew and not account.charged.within(account.budget):
                wrong = f"reserves more than the budget allows ({account.budget})"
        return wrong


def _counted(run: Run | None) -> tuple[Amount, Amount]:
    """(charged, of which reserved only)."""
    if run is None:
        return NOTHING, NOTHING
    return run.charged, run.charged if run.state == "open" else NOTHING


def _next(run: Run | None, entry: Entry) -> tuple[str | None, Run]:
    """Why the entry cannot follow, and the run after it."""
    if entry.kind == "reserve":
        committed = NOTHING if run is None else run.committed
        after = Run("open", entry.amount, entry.note, entry.unit, committed)
        less = run is not None and not run.charged.within(entry.amount)
        return ("reserves less than is charged already" if less else None), after
    if run is None or run.state != "open":
        missing = Run("committed", entry.amount, entry.note, entry.unit, entry.amount)
        return f"is a {entry.kind} without an open reservation", run or missing
    if entry.kind == "commit":
        after = Run("committed", run.reserved, run.purpose, run.unit, entry.amount)
        fits = run.committed.within(entry.amount) and entry.amount.within(run.reserved)
        return (None if fits else "commits more than reserved or less than before"), after
    if entry.kind == "release":
        state: State = "released" if run.committed == NOTHING else "committed"
        after = Run(state, run.reserved, run.purpose, run.unit, run.committed)
        return None, after
    return f"is of an unknown kind {entry.kind!r}", run
