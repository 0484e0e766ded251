# SPDX-License-Identifier: Apache-2.0
"""The ledger: who spent how much of which data set's privacy budget.

    with Ledger.open() as ledger:
        paid = ledger.reserve(data_set, epsilon=3, delta=1e-5, run=run_id, purpose="train faces")
        ...                                            # noise is added, something is released
        ledger.commit(paid, epsilon=2.97, delta=1e-5)

A reservation is written and forced to the disk before anything is released, and counts in full
until the run says what it really released. A process killed in between leaves it standing: the
ledger may over-count, it never under-counts.
"""

from __future__ import annotations

import getpass
from pathlib import Path
from types import TracebackType

from polyveil.privacy.key import ProjectKey
from polyveil.privacy.ledger import amount, decide
from polyveil.privacy.ledger.amount import Amount, Number
from polyveil.privacy.ledger.books import Books
from polyveil.privacy.ledger.entry import Entry, Kind
from polyveil.privacy.ledger.log import Log
from polyveil.privacy.ledger.mark import Marks
from polyveil.privacy.ledger.result import Head, Reservation, Spent, Verdict
from polyveil.privacy.ledger.store import Store, address


class Ledger:
    """An open ledger. Use as a context manager, in the process and thread that opened it."""

    def __init__(self, log: Log) -> None:
        self._log = log

    @classmethod
    def open(
        cls,
        url: str | Path | None = None,
        *,
        key: ProjectKey | None = None,
        marks: Path | None = None,
        create: bool = True,
    ) -> Ledger:
        """The ledger at a path or URL; a new one if there is none.

        Args:
          url: path of a SQLite file or postgresql://user@host/name. Default: $POLYVEIL_LEDGER,
            else ledger.db beside the project key.
          key: signs the entries; default: the project key of this account, made on first use.
          marks: folder for the high-water marks; default: beside the project key.
          create: False refuses where there is no ledger yet.

        Raises:
          UsageError: the URL is of an unknown kind.
          LedgerError: unreachable, readable for other accounts, or gone from where it was.
        """
        place = address(url)
        shown = place.render_as_string(hide_password=True)
        key = ProjectKey.load_or_create() if key is None else key
        memory = Marks(key, marks)
        with memory.lock(shown):
            create = create and memory.ledger_at(shown) is None
            store = Store(place, create=create)
            try:
                return cls(Log.open(store, key, memory, create=create))
            except BaseException:
                store.close()
                raise

    @property
    def id(self) -> str:
        """Random id of this ledger, 32 hex digits."""
        return self._log.header.ledger

    @property
    def place(self) -> str:
        """Where it is, as a URL without its password."""
        return self._log.store.place

    def grant(
        self, data_set: str, *, epsilon: Number, delta: Number, by: str, note: str = ""
    ) -> Entry:
        """Sets the budget of a data set; a later grant replaces an earlier one.

        Args:
          data_set: from `content_hash`.
          epsilon, delta: what all runs together may spend; rounded down; zero closes the data set.
          by: who decides; kept as given, so that others can ask them.
          note: why, up to 500 characters.

        Raises:
          UsageError: an argument is out of range.
          LedgerError: the ledger cannot be reached or is not whole.
        """
        allowed = amount.granted(epsilon, delta)
        decide.check_id(data_set)
        decide.check_texts(by=by)
        decide.check_texts(required=False, note=note)
        entry = self._entry("grant", data_set, allowed, by=by, note=note)
        return self._log.append(lambda _: entry) or entry

    def reserve(
        self,
        data_set: str,
        *,
        epsilon: Number,
        delta: Number,
        run: str,
        purpose: str,
        unit: str = "record",
    ) -> Reservation:
        """Sets aside what a run is about to spend; call before anything is released.

        The same run may ask again, after a kill for instance: the amounts are those of the run in
        total, so that the same ones cost nothing more and larger ones cost the difference.

        Args:
          data_set: from `content_hash`.
          epsilon, delta: guarantee of the whole run, for neighbours that differ by one unit.
          run: id of the run, made new for every run and kept with it. Two trainings under one id
            would pay once.
          purpose: what for; another purpose under the same id is refused.
          unit: what one neighbour differs by: "record", "person" ...

        Raises:
          BudgetExceeded: the data set's budget does not allow it. Nothing was written.
          UsageError: an argument is out of range, or does not fit the run's earlier reservation.
          LedgerError: the ledger cannot be reached or is not whole.
        """
        asked = amount.spent(epsilon, delta)
        decide.check_id(data_set)
        decide.check_texts(run=run, purpose=purpose, unit=unit)

        def written(books: Books) -> Entry | None:
            account = books.account(data_set)
            earlier = account.runs.get(run)
            if earlier and decide.has_already(run, earlier, asked, purpose, unit):
                return None
            decide.check_affordable(data_set, account, earlier, asked)
            return self._entry("reserve", data_set, asked, run=run, unit=unit, note=purpose)

        self._log.append(written)
        return decide.reservation(self._log.books, data_set, run)

    def commit(self, reservation: Reservation, *, epsilon: Number, delta: Number) -> None:
        """States what the run really released, in total; the rest of the reservation is free again.

        Committing the same amounts twice changes nothing.

        Raises:
          UsageError: more than reserved, less than an earlier commit of the run, or nothing open.
          LedgerError: the ledger cannot be reached or is not whole.
        """
        released = amount.spent(epsilon, delta)

        def written(books: Books) -> Entry | None:
            if not decide.may_commit(books, reservation, released):
                return None
            return self._of_run("commit", reservation, released, reservation.purpose)

        self._log.append(written)

    def release(self, reservation: Reservation, reason: str) -> None:
        """States that nothing was released since the reservation: nothing is charged for it.

        Only for a caller that knows. What an earlier commit of the same run charged stays charged.

        Raises:
          UsageError: the run has committed since, or no reason is given.
          LedgerError: the ledger cannot be reached or is not whole.
        """
        decide.check_texts(reason=reason)

        def written(books: Books) -> Entry | None:
            if not decide.may_release(books, reservation):
                return None
            held = books.account(reservation.data_set).runs[reservation.run].reserved
            return self._of_run("release", reservation, held, reason)

        self._log.append(written)

    def spent(self, data_set: str) -> Spent:
        """What a data set has spent, and what its budget still allows.

        Raises:
          UsageError: not a content hash.
          LedgerError: the ledger cannot be reached or is not whole.
        """
        decide.check_id(data_set)
        with self._log.reading():
            return decide.spent(data_set, self._log.books.account(data_set))

    def data_sets(self) -> tuple[str, ...]:
        """Ids of all data sets with an entry, in order of first appearance.

        Raises:
          LedgerError: the ledger cannot be reached or is not whole.
        """
        with self._log.reading():
            return tuple(self._log.books.accounts)

    def entries(self, data_set: str | None = None) -> list[Entry]:
        """All entries, or those of one data set, oldest first.

        Raises:
          UsageError: not a content hash.
          LedgerError: the ledger cannot be reached or is not whole.
        """
        if data_set is not None:
            decide.check_id(data_set)
        with self._log.reading():
            return list(self._log.store.entries(data_set=data_set))

    def head(self) -> Head:
        """The present state, to be kept elsewhere and handed to `verify` later.

        Raises:
          LedgerError: the ledger cannot be reached or is not whole.
        """
        with self._log.reading():
            return self._log.head

    def verify(self, head: str | None = None) -> Verdict:
        """Follows the chain from its first entry and compares it with every memory of it.

        Args:
          head: 80 hex digits that `head` gave earlier.

        Returns:
          findings by entry; docs/ledger.md says what each check sees, and what none can.

        Raises:
          UsageError: not a head.
          LedgerError: the database cannot be read at all.
        """
        return self._log.verify(None if head is None else Head.parse(head))

    def close(self) -> None:
        """Closes the database."""
        self._log.store.close()

    def __enter__(self) -> Ledger:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _entry(
        self,
        kind: Kind,
        data_set: str,
        amounts: Amount,
        *,
        run: str = "",
        unit: str = "",
        by: str = "",
        note: str = "",
    ) -> Entry:
        """An entry that the log has yet to place."""
        return Entry(
            kind=kind,
            data_set=data_set,
            run=run,
            epsilon=amounts.epsilon,
            delta=amounts.delta,
            unit=unit,
            by=by or _pseudonym(self._log.key),
            note=note,
        )

    def _of_run(self, kind: Kind, paid: Reservation, amounts: Amount, note: str) -> Entry:
        return self._entry(kind, paid.data_set, amounts, run=paid.run, unit=paid.unit, note=note)


def _pseudonym(key: ProjectKey) -> str:
    """The account's name is personal: others see that it is the same one, not who."""
    return "account-" + key.mac("polyveil/ledger-account", getpass.getuser())[:6].hex()
