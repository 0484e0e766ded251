# SPDX-License-Identifier: Apache-2.0
"""The three things a person does with the ledger: look at it, check it, grant a budget."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from polyveil.errors import EXIT_CLEAN, EXIT_RISK_FOUND, UsageError
from polyveil.privacy.ledger import Entry, Ledger, Spent, Verdict, content_hash
from polyveil.privacy.ledger.amount import Loss, Number, plain

NO_BUDGET = "no budget set: spending is recorded, nothing limits it"
_SHORT = 12
_LEAST_PREFIX = 8


@dataclass(frozen=True, slots=True)
class LedgerView:
    """What is in the ledger.

    Attributes:
      place: path or URL, without a password.
      ledger: its id.
      head: 80 hex digits; keep them elsewhere for `polyveil ledger verify --head`.
      accounts: what each data set has spent.
      entries: the history of the one data set that was asked for; empty for the whole ledger.
    """

    place: str
    ledger: str
    head: str
    accounts: tuple[Spent, ...]
    entries: tuple[Entry, ...] = ()

    @property
    def exit_code(self) -> int:
        """Always 0: a ledger that is not whole is an error before there is a view."""
        return EXIT_CLEAN

    def to_json(self) -> dict[str, Any]:
        """Versioned JSON; epsilon and delta as decimal strings, exact."""
        return {
            "schema": "polyveil.ledger/1",
            "place": self.place,
            "ledger": self.ledger,
            "head": self.head,
            "data_sets": [_account(spent) for spent in self.accounts],
            "entries": [entry.to_json() for entry in self.entries],
        }

    def summary(self) -> str:
        """One line a data set, then one line an entry."""
        lines = [f"ledger {self.ledger} in {self.place}"]
        lines += [_line(spent) for spent in self.accounts] or ["nothing spent, nothing granted"]
        lines += [
            f"  {entry.sequence}  {entry.time}  {entry.kind}  {entry.loss}  {entry.run or '-'}  "
            f"{entry.by}  {entry.note}".rstrip()
            for entry in self.entries
        ]
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class LedgerCheck:
    """Whether the ledger is whole."""

    place: str
    verdict: Verdict

    @property
    def exit_code(self) -> int:
        """1 when tampering or damage was noticed."""
        return EXIT_CLEAN if self.verdict.intact else EXIT_RISK_FOUND

    def to_json(self) -> dict[str, Any]:
        """Versioned JSON."""
        facts = {"intact": self.verdict.intact, **asdict(self.verdict)}
        return {"schema": "polyveil.ledger-check/1", "place": self.place, **facts}

    def summary(self) -> str:
        """One line a finding, or that there is none; then what could not be checked."""
        verdict = self.verdict
        state = "intact" if verdict.intact else "NOT INTACT"
        lines = [f"ledger {verdict.ledger}: {state}, {verdict.entries} entries"]
        lines += [f"  {finding}" for finding in verdict.findings]
        lines += [f"  not checked: {note}" for note in verdict.notes]
        return "\n".join([*lines, f"head {verdict.head}"])


def ledger_show(
    data: Path | None = None, *, id: str | None = None, ledger: str | Path | None = None
) -> LedgerView:
    """What every data set, or one, has spent and may still spend.

    Args:
      data: folder or file of a data set; it is hashed.
      id: instead of data: its id, or the first 8 or more digits of one that is in the ledger.
      ledger: path or URL; default: $POLYVEIL_LEDGER, else beside the project key.

    Raises:
      UsageError: data and id together, or an id that nothing or several begin with.
      LedgerError: there is no ledger, or it is not whole.
    """
    with Ledger.open(ledger, create=False) as opened:
        one = None if data is None and id is None else _data_set(opened, data, id)
        wanted = opened.data_sets() if one is None else (one,)
        return LedgerView(
            place=opened.place,
            ledger=opened.id,
            accounts=tuple(opened.spent(data_set) for data_set in wanted),
            entries=() if one is None else tuple(opened.entries(one)),
            head=str(opened.head()),
        )


def ledger_verify(head: str | None = None, *, ledger: str | Path | None = None) -> LedgerCheck:
    """Follows the whole chain; says which entry was changed, is missing or does not belong.

    Args:
      head: a head that was kept elsewhere.
      ledger: path or URL; default: $POLYVEIL_LEDGER, else beside the project key.

    Raises:
      UsageError: not a head.
      LedgerError: there is no ledger, or it cannot be read at all.
    """
    with Ledger.open(ledger, create=False) as opened:
        return LedgerCheck(opened.place, opened.verify(head))


def ledger_grant(
    data: Path | None = None,
    *,
    id: str | None = None,
    epsilon: Number,
    delta: Number,
    by: str,
    note: str = "",
    ledger: str | Path | None = None,
) -> LedgerView:
    """Sets the budget of one data set; a later grant replaces an earlier one.

    Args:
      data, id, ledger: as in `ledger_show`.
      epsilon, delta: what all runs together may spend.
      by: who decides; kept as given.
      note: why.

    Raises:
      UsageError: no data set, or an argument out of range.
      LedgerError: the ledger cannot be reached or is not whole.
    """
    with Ledger.open(ledger) as opened:
        data_set = _data_set(opened, data, id)
        entry = opened.grant(data_set, epsilon=epsilon, delta=delta, by=by, note=note)
        spent = opened.spent(data_set)
        return LedgerView(opened.place, opened.id, str(opened.head()), (spent,), (entry,))


def _data_set(ledger: Ledger, data: Path | None, id: str | None) -> str:
    if (data is None) == (id is None):
        raise UsageError("ledger: expected a data set: its folder or file, or --id, not both.")
    if data is not None:
        return content_hash(data)
    digits = str(id).strip().lower()
    if not _LEAST_PREFIX <= len(digits) < 64:
        return digits
    found = [known for known in ledger.data_sets() if known.startswith(digits)]
    if len(found) != 1:
        raise UsageError(
            f"ledger: {len(found)} data sets begin with {digits}; expected one. Give all 64 digits."
        )
    return found[0]


def _line(spent: Spent) -> str:
    held = ""
    if spent.open_runs:
        reserved = Loss(spent.reserved_epsilon, spent.reserved_delta)
        held = f"; {len(spent.open_runs)} unfinished hold {reserved}"
    left = NO_BUDGET if spent.remaining is None else f"left {spent.remaining} of {spent.budget}"
    done = Loss(spent.epsilon, spent.delta)
    return f"{spent.data_set[:_SHORT]}  {spent.runs} runs, spent {done}{held}; {left}"


def _account(spent: Spent) -> dict[str, Any]:
    def pair(loss: Loss | None) -> dict[str, str] | None:
        if loss is None:
            return None
        return {"epsilon": plain(loss.epsilon), "delta": plain(loss.delta)}

    return {
        "data_set": spent.data_set,
        "runs": spent.runs,
        "spent": pair(Loss(spent.epsilon, spent.delta)),
        "reserved": pair(Loss(spent.reserved_epsilon, spent.reserved_delta)),
        "open_runs": list(spent.open_runs),
        "budget": pair(spent.budget),
        "remaining": pair(spent.remaining),
    }
