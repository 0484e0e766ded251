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

import contextlib
import getpass
import re
import secrets
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

from polyveil.errors import BudgetExceeded, LedgerError, UsageError
from polyveil.privacy.key import ProjectKey
from polyveil.privacy.ledger import amount
from polyveil.privacy.ledger.amount import NOTHING, Amount, Number
from polyveil.privacy.ledger.books import Account, Books, Run
from polyveil.privacy.ledger.chain import Chain, Finding
from polyveil.privacy.ledger.entry import Entry, Header, Kind
from polyveil.privacy.ledger.mark import Mark, Marks
from polyveil.privacy.ledger.result import Head, Reservation, Spent, Verdict
from polyveil.privacy.ledger.store import Store, address

_DATA_SET = re.compile(r"[0-9a-f]{64}")
_LONGEST = 500
_NO_MARK = (
    "This account has no memory of this ledger yet: a roll-back that happened before now is seen "
    "only with --head and a head that you kept."
)


class Ledger:
    """An open ledger. Use as a context manager, in the process and thread that opened it."""

    def __init__(self, store: Store, key: ProjectKey, marks: Marks, header: Header) -> None:
        self._store, self._key, self._marks, self._header = store, key, marks, header
        self._chain = Chain(header, key)

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
        key = ProjectKey.load_or_create() if key is None else key
        remembered = Marks(key, marks)
        shown = place.render_as_string(hide_password=True)
        with remembered.lock(shown):
            bound = remembered.ledger_at(shown)
            store = Store(place, create=create and bound is None)
            try:
                header = _header(store, key, create=create and bound is None)
                if bound is None:
                    remembered.bind(shown, header.ledger)
            except BaseException:
                store.close()
                raise
        return cls(store, key, remembered, header)

    @property
    def id(self) -> str:
        """Random id of this ledger, 32 hex digits."""
        return self._header.ledger

    @property
    def place(self) -> str:
        """Where it is, as a URL without its password."""
        return self._store.place

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
        _check_id(data_set)
        _check_text(by=by)
        _check_text(required=False, note=note)

        def decide(_: Books) -> Entry:
            return self._entry("grant", data_set, allowed, by=by, note=note)

        written = self._append(decide)
        assert written is not None  # noqa: S101  (a grant is always written)
        return written

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
        _check_id(data_set)
        _check_text(run=run, purpose=purpose, unit=unit)

        def decide(books: Books) -> Entry | None:
            account = books.account(data_set)
            earlier = account.runs.get(run)
            if earlier is not None and _is_paid(run, earlier, asked, purpose, unit):
                return None
            _check_affordable(data_set, account, earlier, asked)
            return self._entry("reserve", data_set, asked, run=run, unit=unit, note=purpose)

        self._append(decide)
        account = self._chain.books.account(data_set)
        kept = account.runs[run]
        loss = kept.charged.loss
        return Reservation(
            data_set=data_set,
            run=run,
            purpose=purpose,
            unit=unit,
            epsilon=loss.epsilon,
            delta=loss.delta,
            state="open" if kept.state == "open" else "committed",
            budget_set=account.budget is not None,
        )

    def commit(self, reservation: Reservation, *, epsilon: Number, delta: Number) -> None:
        """States what the run really released, in total; the rest of the reservation is free again.

        Committing the same amounts twice changes nothing.

        Raises:
          UsageError: more than reserved, less than an earlier commit of the run, or nothing open.
          LedgerError: the ledger cannot be reached or is not whole.
        """
        released = amount.spent(epsilon, delta)

        def decide(books: Books) -> Entry | None:
            run = _known(books, reservation)
            if run.state == "committed" and run.committed == released:
                return None
            _check_open(reservation, run)
            if not released.within(run.reserved):
                raise UsageError(
                    f"run {reservation.run}: commits {released}, reserved {run.reserved}. Reserve "
                    "the larger total first, under the same run; the reservation stays counted."
                )
            if not run.committed.within(released):
                raise UsageError(
                    f"run {reservation.run}: commits {released} in total, but {run.committed} was "
                    "committed before. What was released stays released; state the total."
                )
            return self._of_run("commit", reservation, released)

        self._append(decide)

    def release(self, reservation: Reservation, reason: str) -> None:
        """States that nothing was released since the reservation: nothing is charged for it.

        Only for a caller that knows. What an earlier commit of the same run charged stays charged.

        Raises:
          UsageError: the run has committed since, or no reason is given.
          LedgerError: the ledger cannot be reached or is not whole.
        """
        _check_text(reason=reason)

        def decide(books: Books) -> Entry | None:
            run = _known(books, reservation)
            if run.state == "released":
                return None
            _check_open(reservation, run)
            return self._of_run("release", reservation, run.reserved, note=reason)

        self._append(decide)

    def spent(self, data_set: str) -> Spent:
        """What a data set has spent, and what its budget still allows.

        Raises:
          UsageError: not a content hash.
          LedgerError: the ledger cannot be reached or is not whole.
        """
        _check_id(data_set)
        with self._read():
            return _spent(data_set, self._chain.books.account(data_set))

    def data_sets(self) -> tuple[str, ...]:
        """Ids of all data sets with an entry, in order of first appearance."""
        with self._read():
            return tuple(self._chain.books.accounts)

    def entries(self, data_set: str | None = None) -> list[Entry]:
        """All entries, or those of one data set, oldest first.

        Raises:
          LedgerError: the ledger cannot be reached or is not whole.
        """
        if data_set is not None:
            _check_id(data_set)
        with self._read():
            return list(self._store.entries(data_set=data_set))

    def head(self) -> Head:
        """The present state, to be kept elsewhere and handed to `verify` later.

        Raises:
          LedgerError: the ledger cannot be reached or is not whole.
        """
        with self._read():
            return Head(self._chain.sequence, self._chain.hash)

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
        expected = None if head is None else Head.parse(head)
        findings: list[Finding | None] = []
        mark = self._furthest(findings)
        chain = Chain(self._header, self._key)
        with self._store.reading():
            findings += [chain.check_header(), self._misplaced()]
            findings += [chain.follow(entry) for entry in self._store.entries()]
            if mark is not None:
                findings.append(self._against(chain, mark, "this account saw"))
            if expected is not None:
                known = Mark(expected.sequence, expected.hash)
                findings.append(self._against(chain, known, "the given head states"))
        return Verdict(
            ledger=self.id,
            entries=chain.sequence,
            head=str(Head(chain.sequence, chain.hash)),
            findings=tuple(finding for finding in findings if finding is not None),
            notes=(_NO_MARK,) if mark is None and expected is None else (),
        )

    def close(self) -> None:
        """Closes the database."""
        self._store.close()

    def __enter__(self) -> Ledger:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _append(self, decide: Callable[[Books], Entry | None]) -> Entry | None:
        """One decision on the whole chain, and its entry, in one transaction."""
        with self._marks.lock(self.id):
            mark = self._marks.furthest(self.id)
            with self._store.writing():
                self._catch_up(mark)
                entry = decide(self._chain.books)
                if entry is not None:
                    self._store.append(entry)
            if entry is not None:
                self._chain.follow(entry)
            self._remember(mark)
        return entry

    @contextlib.contextmanager
    def _read(self) -> Iterator[None]:
        """One snapshot, the chain followed up to it."""
        mark = self._marks.furthest(self.id)  # before the snapshot: a mark is a lower bound
        with self._store.reading():
            self._catch_up(mark)
            yield
        with self._marks.lock(self.id):
            self._remember(self._marks.furthest(self.id))

    def _remember(self, mark: Mark | None) -> None:
        if mark is None or mark.sequence < self._chain.sequence:
            self._marks.advance(self.id, Mark(self._chain.sequence, self._chain.hash))

    def _catch_up(self, mark: Mark | None) -> None:
        """Follows what was added since; refuses to go on behind anything that is wrong."""
        chain = self._chain
        problems = (chain.check_header(), self._misplaced(), self._moved(chain))
        _refuse(self.place, *problems)
        fresh = Chain(self._header, self._key) if chain.sequence == 0 else chain
        try:
            for entry in self._store.entries(first=fresh.sequence + 1):
                _refuse(self.place, fresh.follow(entry))
            if mark is not None:
                _refuse(self.place, self._against(fresh, mark, "this account saw"))
        except LedgerError:
            self._chain = Chain(self._header, self._key)  # what was followed is not to be trusted
            raise
        self._chain = fresh

    def _misplaced(self) -> Finding | None:
        bound = self._marks.ledger_at(self.place)
        if bound is None or bound == self.id:
            return None
        return Finding("replaced", None, f"ledger {bound} was here; this one is {self.id}.")

    def _moved(self, chain: Chain) -> Finding | None:
        """Whether the end of the chain, as this process knows it, is still there."""
        return self._against(chain, Mark(chain.sequence, chain.hash), "this process saw", live=True)

    def _against(
        self, chain: Chain, known: Mark, who: str, *, live: bool = False
    ) -> Finding | None:
        """Compares the stored chain with one earlier sight of it."""
        if known.sequence == 0:
            stored: str | None = self._header.hash
        elif known.sequence == chain.sequence and not live:
            stored = chain.hash
        else:
            stored = self._store.hash_at(known.sequence)
        if stored is None:
            words = f"{who} entry {known.sequence}; the last one now is {chain.sequence}."
            return Finding("rolled back", known.sequence, words)
        if stored != known.hash:
            words = f"{who} another entry here: the ledger was rewritten, or two copies of it grew."
            return Finding("forked", known.sequence, words)
        return None

    def _furthest(self, findings: list[Finding | None]) -> Mark | None:
        try:
            return self._marks.furthest(self.id)
        except LedgerError as error:
            findings.append(Finding("mark", None, str(error)))
            return None

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
        """The next entry, sealed."""
        return Entry(
            sequence=self._chain.sequence + 1,
            time=_now(),
            kind=kind,
            data_set=data_set,
            run=run,
            epsilon=amounts.epsilon,
            delta=amounts.delta,
            unit=unit,
            by=by or _pseudonym(self._key),
            note=note,
            previous=self._chain.hash,
        ).sealed(self._key)

    def _of_run(
        self, kind: Kind, reservation: Reservation, amounts: Amount, *, note: str = ""
    ) -> Entry:
        return self._entry(
            kind,
            reservation.data_set,
            amounts,
            run=reservation.run,
            unit=reservation.unit,
            note=note or reservation.purpose,
        )


def _header(store: Store, key: ProjectKey, *, create: bool) -> Header:
    """The header that is there, or a new one."""
    with store.reading():
        header = store.header()
    if header is not None:
        return header
    if not create:
        raise LedgerError(
            f"ledger {store.place}: there is none in this database (any more). Check the path, or "
            "restore it from a backup; see docs/ledger.md to start over."
        )
    with store.writing():
        header = store.header()  # another process may have been first
        if header is None:
            header = Header(secrets.token_hex(16), _now(), key.id).signed(key)
            store.begin(header)
    return header


def _is_paid(run: str, earlier: Run, asked: Amount, purpose: str, unit: str) -> bool:
    """Whether the run has this already. Raises UsageError where the two do not fit together."""
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


def _check_affordable(data_set: str, account: Account, earlier: Run | None, asked: Amount) -> None:
    if account.budget is None:
        return
    others = account.charged - (NOTHING if earlier is None else earlier.charged)
    if (others + asked).within(account.budget):
        return
    unfinished = sum(run.state == "open" for run in account.runs.values())
    raise BudgetExceeded(
        f"data set {data_set[:16]}...: this run asks for {asked}; of the budget ({account.budget}) "
        f"other runs have {others}, unfinished ones included ({unfinished} now). Left: "
        f"{_left(account.budget, others)}. Nothing was charged. Ask for less, or have the budget "
        "raised with `polyveil ledger grant`."
    )


def _left(budget: Amount, charged: Amount) -> Amount:
    rest = budget - charged
    return Amount(max(rest.epsilon, 0), max(rest.delta, 0))


def _spent(data_set: str, account: Account) -> Spent:
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
            f"run {reservation.run}: its reservation is {run.state} already ({run.charged} "
            "charged). Reserve again before releasing more."
        )


def _check_id(data_set: str) -> None:
    if not _DATA_SET.fullmatch(data_set):
        raise UsageError(
            f"ledger: expected the id of a data set, 64 hex digits, got {len(data_set)} "
            "characters. Use content_hash, or `polyveil ledger show`."
        )


def _check_text(*, required: bool = True, **texts: str) -> None:
    for name, words in texts.items():
        if (required and not words.strip()) or len(words) > _LONGEST or not _is_plain(words):
            raise UsageError(
                f"ledger: expected {name} as 1 to {_LONGEST} printable characters on one line."
            )


def _is_plain(words: str) -> bool:
    return words.isprintable()


def _refuse(place: str, *findings: Finding | None) -> None:
    for finding in findings:
        if finding is not None:
            raise LedgerError(
                f"ledger {place}: {finding} Nothing was charged and nothing may be released. Run "
                "`polyveil ledger verify` and restore the latest whole copy."
            )


def _pseudonym(key: ProjectKey) -> str:
    """The account's name is personal: others see that it is the same one, not who."""
    return "account-" + key.mac("polyveil/ledger-account", getpass.getuser())[:6].hex()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
