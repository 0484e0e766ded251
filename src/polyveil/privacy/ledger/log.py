# SPDX-License-Identifier: Apache-2.0
"""The log: a store of entries, the chain followed through it, and the memory of how far it went.

Every decision is made on a chain that was followed from its first entry and compared with what
this account saw earlier; the decision and its entry are one transaction.
"""

from __future__ import annotations

import contextlib
import re
import secrets
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime

from polyveil.errors import LedgerError
from polyveil.privacy.key import ProjectKey
from polyveil.privacy.ledger.books import Books
from polyveil.privacy.ledger.chain import Chain, Finding
from polyveil.privacy.ledger.entry import Entry, Header
from polyveil.privacy.ledger.mark import Mark, Marks
from polyveil.privacy.ledger.result import Head, Verdict
from polyveil.privacy.ledger.store import Store

_ID = re.compile(r"[0-9a-f]{32}")
_NO_MARK = (
    "this account has no memory of this ledger: an older copy put in its place before now is "
    "noticed only with --head and a head that you kept."
)


class Log:
    """An open log."""

    def __init__(self, store: Store, key: ProjectKey, marks: Marks, header: Header) -> None:
        self.store, self.key, self.header = store, key, header
        self._marks = marks
        self._chain = Chain(header, key)

    @classmethod
    def open(cls, store: Store, key: ProjectKey, marks: Marks, *, create: bool) -> Log:
        """The log in a store, begun if there is none; the caller holds the lock of the place.

        Raises:
          LedgerError: none there, and none may be made.
        """
        with store.reading():
            header = store.header()
        if header is None:
            if not create:
                raise LedgerError(
                    f"ledger {store.place}: there is none in this database (any more). Restore it "
                    f"from a backup; to start over, delete {marks.file_of_place(store.place)}."
                )
            header = _begun(store, key)
        if not _ID.fullmatch(header.ledger):  # it names files, so nothing else may pass
            raise LedgerError(
                f"ledger {store.place}: its id is not one. The database was edited or damaged; "
                "restore the latest whole copy."
            )
        if marks.ledger_at(store.place) is None:
            marks.bind(store.place, header.ledger)
        return cls(store, key, marks, header)

    @property
    def books(self) -> Books:
        """What the followed entries add up to."""
        return self._chain.books

    @property
    def head(self) -> Head:
        """How far the chain was followed."""
        return Head(self._chain.sequence, self._chain.hash)

    def append(self, decide: Callable[[Books], Entry | None]) -> Entry | None:
        """Adds the entry that `decide` makes of the books; its place and seal are filled in here.

        Raises:
          LedgerError: unreachable, or the chain is not whole.
        """
        with self._marks.lock(self.header.ledger):
            mark = self._marks.furthest(self.header.ledger)
            with self.store.writing():
                self._catch_up(mark)
                entry = decide(self._chain.books)
                if entry is not None:
                    entry = self._sealed(entry)
                    self.store.append(entry)
            if entry is not None:
                self._chain.follow(entry)
            self._remember(mark)
        return entry

    @contextlib.contextmanager
    def reading(self) -> Iterator[None]:
        """One snapshot, the chain followed to its end."""
        mark = self._marks.furthest(self.header.ledger)  # a lower bound, so before the snapshot
        with self.store.reading():
            self._catch_up(mark)
            yield
        with self._marks.lock(self.header.ledger):
            self._remember(self._marks.furthest(self.header.ledger))

    def verify(self, head: Head | None) -> Verdict:
        """Follows the whole chain again and names everything that is wrong with it."""
        findings: list[Finding | None] = []
        mark = self._mark(findings)
        chain = Chain(self.header, self.key)
        with self.store.reading():
            findings += [chain.check_header(), self._misplaced(findings)]
            findings += [chain.follow(entry) for entry in self.store.entries()]
            if mark is not None:
                findings.append(self._against(chain, mark, "this account saw"))
            if head is not None:
                known = Mark(head.sequence, head.hash)
                findings.append(self._against(chain, known, "the given head states"))
        return Verdict(
            ledger=self.header.ledger,
            entries=chain.sequence,
            head=str(Head(chain.sequence, chain.hash)),
            findings=tuple(finding for finding in findings if finding is not None),
            notes=(_NO_MARK,) if mark is None and head is None else (),
        )

    def _sealed(self, entry: Entry) -> Entry:
        chain = self._chain
        placed = replace(entry, sequence=chain.sequence + 1, time=_now(), previous=chain.hash)
        return placed.sealed(self.key)

    def _remember(self, mark: Mark | None) -> None:
        if mark is None or mark.sequence < self._chain.sequence:
            here = Mark(self._chain.sequence, self._chain.hash)
            self._marks.advance(self.header.ledger, here)

    def _catch_up(self, mark: Mark | None) -> None:
        """Follows what was added since; refuses to go on behind anything that is wrong."""
        chain = self._chain
        self._chain = Chain(self.header, self.key)  # what turns out wrong is not to be built on
        seen = Mark(chain.sequence, chain.hash)
        self._refuse(chain.check_header(), self._misplaced())
        self._refuse(self._against(chain, seen, "this process saw", stored_only=True))
        for entry in self.store.entries(first=chain.sequence + 1):
            self._refuse(chain.follow(entry))
        if mark is not None:
            self._refuse(self._against(chain, mark, "this account saw"))
        self._chain = chain

    def _misplaced(self, findings: list[Finding | None] | None = None) -> Finding | None:
        """Whether another ledger was at this place; unreadable memory becomes a finding."""
        try:
            bound = self._marks.ledger_at(self.store.place)
        except LedgerError as error:
            if findings is None:
                raise
            return Finding("mark", None, str(error))
        if bound is None or bound == self.header.ledger:
            return None
        words = f"ledger {bound} was here; this one is {self.header.ledger}."
        return Finding("replaced", None, words)

    def _against(
        self, chain: Chain, known: Mark, who: str, *, stored_only: bool = False
    ) -> Finding | None:
        """Compares the chain with one earlier sight of it."""
        if known.sequence == 0:
            stored: str | None = self.header.hash
        elif known.sequence == chain.sequence and not stored_only:
            stored = chain.hash
        else:
            stored = self.store.hash_at(known.sequence)
        if stored is None:
            words = f"{who} entry {known.sequence}; the last one now is {chain.sequence}."
            return Finding("rolled back", known.sequence, words)
        if stored != known.hash:
            words = f"{who} another entry here: the ledger was rewritten, or two copies of it grew."
            return Finding("forked", known.sequence, words)
        return None

    def _mark(self, findings: list[Finding | None]) -> Mark | None:
        try:
            return self._marks.furthest(self.header.ledger)
        except LedgerError as error:
            findings.append(Finding("mark", None, str(error)))
            return None

    def _refuse(self, *findings: Finding | None) -> None:
        for finding in findings:
            if finding is not None:
                raise LedgerError(
                    f"ledger {self.store.place}: {finding} Nothing was charged by this call and "
                    "nothing may be released. Run `polyveil ledger verify`; restore the latest "
                    "whole copy."
                )


def _begun(store: Store, key: ProjectKey) -> Header:
    with store.writing():
        header = store.header()  # another machine may have been first
        if header is None:
            header = Header(secrets.token_hex(16), _now(), key.id).signed(key)
            store.begin(header)
    return header


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
