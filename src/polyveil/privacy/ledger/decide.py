# SPDX-License-Identifier: Apache-2.0
"""What may be written: the rules by which the ledger says yes, no, or "you have that already".

The amounts of a run are always its total. So the same amounts again cost nothing, a larger total
costs the difference, and a smaller one is a mistake that is named.
"""

from __future__ import annotations

import re

from polyveil.errors import BudgetExceeded, UsageError
from polyveil.privacy.ledger.amount import NOTHING, Amount
from polyveil.privacy.ledger.books import Account, Books, Run
from polyveil.privacy.ledger.result import Reservation, Spent

_DATA_SET = re.compile(r"[0-9a-f]{64}")
_LONGEST = 500


def has_already(run: str, earlier: Run, asked: Amount, purpose: str, unit: str) -> bool:
    """Whether a run has what it asks for; UsageError where the two do not fit together."""
    if earlier.state == "released":
        return False
    if (earlier.purpose, earlier.unit) != (purpose, unit):
        raise UsageError(
            f"run {run}: reserved for {earlier.purpose!r} by {earlier.unit}, now asked for "
            f"{purpose!r} by {unit}. Give another run another id."
        )
    if not earlier.charged.within(asked):
        raise UsageError(
            f"run {run}: {earlier.charged} is charged already, now asked for {asked} in total. "
            "Ask for the same amounts or larger ones; commit states it if less was released."
        )
    return asked == earlier.charged


def check_affordable(data_set: str, account: Account, earlier: Run | None, asked: Amount) -> None:
    """BudgetExceeded if a run's total does not fit beside what other runs have."""
    if account.budget is None:
        return
    others = account.charged - (NOTHING if earlier is None else earlier.charged)
    if (others + asked).within(account.budget):
        return
    unfinished = sum(run.state == "open" for run in account.runs.values())
    raise BudgetExceeded(
        f"data set {data_set[:16]}: this run asks for {asked}. Of the budget ({account.budget}) "
        f"other runs have {others}; {unfinished} unfinished count in full. Left: "
        f"{_left(account.budget, others)}. Nothing was charged. Ask for less, or have the budget "
        "raised with `polyveil ledger grant`."
    )


def may_commit(books: Books, reservation: Reservation, released: Amount) -> bool:
    """Whether a commit is news; UsageError where it does not fit the reservation."""
    run = _known(books, reservation)
    if run.state == "committed" and run.committed == released:
        return False
    _check_open(reservation, run)
    if not released.within(run.reserved):
        raise UsageError(
            f"run {reservation.run}: commits {released}, reserved {run.reserved}. Reserve the "
            "larger total first, under the same run; the reservation stays counted."
        )
    if not run.committed.within(released):
        raise UsageError(
            f"run {reservation.run}: commits {released} in total, but {run.committed} was "
            "committed before. What was released stays released; state the total."
        )
    return True


def may_release(books: Books, reservation: Reservation) -> bool:
    """Whether giving a reservation back is news; UsageError where it was committed."""
    run = _known(books, reservation)
    if run.state == "released":
        return False
    _check_open(reservation, run)
    return True


def reservation(books: Books, data_set: str, name: str) -> Reservation:
    """The reservation that a run holds now."""
    account = books.account(data_set)
    run = account.runs[name]
    loss = run.charged.loss
    return Reservation(
        data_set=data_set,
        run=name,
        purpose=run.purpose,
        unit=run.unit,
        epsilon=loss.epsilon,
        delta=loss.delta,
        state="open" if run.state == "open" else "committed",
        budget_set=account.budget is not None,
    )


def spent(data_set: str, account: Account) -> Spent:
    """The sums of one account."""
    done, held = (account.charged - account.reserved).loss, account.reserved.loss
    budget = account.budget
    return Spent(
        data_set=data_set,
        epsilon=done.epsilon,
        delta=done.delta,
        reserved_epsilon=held.epsilon,
        reserved_delta=held.delta,
        open_runs=tuple(name for name, run in account.runs.items() if run.state == "open"),
        runs=sum(run.state != "released" for run in account.runs.values()),
        budget=None if budget is None else budget.loss,
        remaining=None if budget is None else _left(budget, account.charged).loss,
    )


def check_id(data_set: str) -> None:
    """UsageError unless this is a content hash."""
    if not _DATA_SET.fullmatch(data_set):
        raise UsageError(
            f"ledger: expected the id of a data set, 64 hex digits, got {len(data_set)} "
            "characters. Use content_hash, or `polyveil ledger show`."
        )


def check_texts(*, required: bool = True, **texts: str) -> None:
    """UsageError unless each is one printable line of at most 500 characters."""
    for name, words in texts.items():
        if (required and not words.strip()) or len(words) > _LONGEST or not words.isprintable():
            raise UsageError(
                f"ledger: expected {name} as {1 if required else 0} to {_LONGEST} printable "
                "characters on one line."
            )


def _known(books: Books, reservation: Reservation) -> Run:
    run = books.account(reservation.data_set).runs.get(reservation.run)
    if run is None:
        raise UsageError(
            f"run {reservation.run}: this ledger holds no reservation of it. Use the ledger that "
            "made the reservation."
        )
    return run


def _check_open(reservation: Reservation, run: Run) -> None:
    if run.state != "open":
        raise UsageError(
            f"run {reservation.run}: its reservation is {run.state} already ({run.charged} is "
            "charged). Reserve a larger total before releasing more."
        )


def _left(budget: Amount, charged: Amount) -> Amount:
    rest = budget - charged
    return Amount(max(rest.epsilon, 0), max(rest.delta, 0))
