# SPDX-License-Identifier: Apache-2.0
"""Following the chain: every entry is checked against its hash, its neighbour and the key.

A spend is only ever written at the end of a chain that was followed from its first entry.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

from polyveil.privacy.key import ProjectKey
from polyveil.privacy.ledger.books import Books
from polyveil.privacy.ledger.entry import Entry, Header, values

_TYPES = [int if field.type == "int" else str for field in fields(Entry)]


@dataclass(frozen=True, slots=True)
class Finding:
    """One sign of tampering or damage.

    Attributes:
      kind: header, key, gap, edited, chain, forged, impossible, rolled back, forked, replaced,
        mark or head; docs/ledger.md says what each one sees.
      sequence: of the entry where it shows; None where the whole ledger is meant.
      words: one sentence.
    """

    kind: str
    sequence: int | None
    words: str

    def __str__(self) -> str:
        where = "ledger" if self.sequence is None else f"entry {self.sequence}"
        return f"{where}: {self.kind}: {self.words}"


class Chain:
    """How far a ledger has been followed: last number, last hash, and the books up to there."""

    def __init__(self, header: Header, key: ProjectKey) -> None:
        self.header, self._key = header, key
        self.sequence, self.hash = 0, header.hash
        self.books = Books()

    def check_header(self) -> Finding | None:
        """Whether the header is signed by this key."""
        if self.header.key != self._key.id:
            words = f"signed by project key {self.header.key}, the key at hand is {self._key.id}."
            return Finding("key", None, words)
        if not self.header.is_signed_by(self._key):
            return Finding("header", None, "id, date or key of the ledger were changed.")
        return None

    def follow(self, entry: Entry) -> Finding | None:
        """Checks the next entry and books it; goes on behind it even if something is wrong."""
        finding = self._check(entry)
        impossible = self.books.apply(entry) if _has_types(entry) else None
        if finding is None and impossible is not None:
            finding = Finding("impossible", entry.sequence, f"{impossible}.")
        self.sequence, self.hash = entry.sequence, entry.hash
        return finding

    def _check(self, entry: Entry) -> Finding | None:
        number = entry.sequence
        if number != self.sequence + 1:
            words = f"follows entry {self.sequence}; entries in between are missing."
            return Finding("gap", number, words)
        if not _has_types(entry) or entry.digest() != entry.hash:
            return Finding("edited", number, "its fields no longer give its hash.")
        if not entry.is_signed_by(self._key):
            words = "its signature is not one of the project key."
            return Finding("forged", number, words)
        if entry.previous != self.hash:
            words = "it was not written behind the entry that stands before it now."
            return Finding("chain", number, words)
        return None


def _has_types(entry: Entry) -> bool:
    """SQLite keeps whatever is written into a column, numbers as text for instance."""
    return all(type(value) is kind for value, kind in zip(values(entry), _TYPES, strict=True))
