# SPDX-License-Identifier: Apache-2.0
"""What the ledger answers: a reservation, what a data set has spent, whether the chain is whole."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from polyveil.errors import UsageError
from polyveil.privacy.ledger.amount import Loss
from polyveil.privacy.ledger.chain import Finding

_SEQUENCE_DIGITS, _HASH_DIGITS = 16, 64


@dataclass(frozen=True, slots=True)
class Reservation:
    """What a run may release.

    Attributes:
      data_set, run, purpose, unit: as given to `reserve`.
      epsilon, delta: of the run in total, rounded up to the ledger's units.
      state: "open", or "committed" if the run had already paid for this and committed it. Under a
        committed reservation nothing new may be released: reserve a larger total first.
      budget_set: False if nobody granted a budget for this data set; then nothing limits it.
    """

    data_set: str
    run: str
    purpose: str
    unit: str
    epsilon: Decimal
    delta: Decimal
    state: Literal["open", "committed"]
    budget_set: bool


@dataclass(frozen=True, slots=True)
class Spent:
    """What one data set has spent, summed over its runs; exact decimals.

    Attributes:
      data_set: content hash.
      epsilon, delta: committed, that is released for good.
      reserved_epsilon, reserved_delta: of runs that are neither committed nor released, be they
        at work or killed. They count against the budget.
      open_runs: ids of those runs.
      runs: number of runs that are committed or open.
      budget: what was granted; None if nobody did.
      remaining: what can still be reserved, never below 0; None without a budget.
    """

    data_set: str
    epsilon: Decimal
    delta: Decimal
    reserved_epsilon: Decimal
    reserved_delta: Decimal
    open_runs: tuple[str, ...]
    runs: int
    budget: Loss | None
    remaining: Loss | None


@dataclass(frozen=True, slots=True)
class Head:
    """The state of a ledger in 80 hex digits: how many entries, and the hash of the last one.

    Keep it where an insider cannot reach it. Since every entry holds the hash before it, a head
    fixes everything up to it.
    """

    sequence: int
    hash: str

    def __str__(self) -> str:
        return f"{self.sequence:0{_SEQUENCE_DIGITS}x}{self.hash}"

    @classmethod
    def parse(cls, text: str) -> Head:
        """The head that was printed.

        Raises:
          UsageError: not 80 hex digits.
        """
        digits = text.strip().lower()
        if len(digits) != _SEQUENCE_DIGITS + _HASH_DIGITS or set(digits) - set("0123456789abcdef"):
            raise UsageError(
                f"ledger head: expected 80 hex digits, got {len(digits)} characters. Copy what "
                "`polyveil ledger show --head` printed."
            )
        return cls(int(digits[:_SEQUENCE_DIGITS], 16), digits[_SEQUENCE_DIGITS:])


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the chain is whole.

    Attributes:
      ledger: its id.
      entries: how many there are.
      head: of the state that was looked at.
      findings: what is wrong, empty if nothing was noticed.
      notes: what could not be checked, in plain sentences.
    """

    ledger: str
    entries: int
    head: str
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def intact(self) -> bool:
        """Nothing was noticed; see `notes` for what could not be."""
        return not self.findings
