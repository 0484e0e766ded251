# SPDX-License-Identifier: Apache-2.0
"""One entry of the ledger, chained to the one before and signed with the project key.

The hash covers every field and the hash before it, each part behind its length, so that a changed,
moved, missing or added entry no longer fits its neighbours. The signature (HMAC-SHA-256 with the
project key, in a domain of its own) covers the hash, so that who may write the database but does
not hold the key cannot make entries that fit.

Source: Haber & Stornetta, How to Time-Stamp a Digital Document, CRYPTO 1990; HMAC, RFC 2104.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from operator import attrgetter
from typing import Any, Literal

from polyveil.privacy.key import ProjectKey, encode
from polyveil.privacy.ledger.amount import Amount, Loss, plain

FORMAT = "polyveil ledger 1"
Kind = Literal["grant", "reserve", "commit", "release"]


@dataclass(frozen=True, slots=True)
class Header:
    """What a ledger is born with; the first entry is chained to it.

    Attributes:
      ledger: random id, 32 hex digits.
      created: UTC, ISO 8601.
      key: public fingerprint of the project key that signs.
      mac: signature over the rest, 64 hex digits.
    """

    ledger: str
    created: str
    key: str
    mac: str = ""

    @property
    def hash(self) -> str:
        """SHA-256 of everything but the signature, 64 hex digits."""
        return hashlib.sha256(encode(FORMAT, self.ledger, self.created, self.key)).hexdigest()

    def signed(self, key: ProjectKey) -> Header:
        """This header with its signature."""
        return replace(self, mac=_mac(key, self.hash))

    def is_signed_by(self, key: ProjectKey) -> bool:
        """Whether the signature is the one that this key makes."""
        return hmac.compare_digest(self.mac, _mac(key, self.hash))


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the ledger.

    Attributes:
      kind: grant, reserve, commit or release.
      data_set: content hash, 64 hex digits.
      run: id of the run; empty for a grant.
      epsilon, delta: whole units, see `amount`; of the run or the budget IN TOTAL, not in addition.
      unit: what one neighbour differs by, as the run stated it ("record", "person").
      by: who, a name that was given or a pseudonym of the account.
      note: purpose of a run, reason of a release, note of a grant.
      sequence: 1, 2, 3 ... without gaps; 0 before it has its place.
      time: UTC, ISO 8601, by the clock of the machine that wrote it.
      previous: hash of the entry before, or of the header.
      hash, mac: of this entry.
    """

    kind: str
    data_set: str
    run: str
    epsilon: int
    delta: int
    unit: str
    by: str
    note: str
    sequence: int = 0
    time: str = ""
    previous: str = ""
    hash: str = ""
    mac: str = ""

    @property
    def amount(self) -> Amount:
        """Epsilon and delta in whole units."""
        return Amount(self.epsilon, self.delta)

    @property
    def loss(self) -> Loss:
        """Epsilon and delta as decimals."""
        return self.amount.loss

    def digest(self) -> str:
        """SHA-256 of everything but hash and mac, 64 hex digits."""
        parts = [str(value) for value in values(self)[:_SEALED]]
        return hashlib.sha256(encode(FORMAT, *parts)).hexdigest()

    def sealed(self, key: ProjectKey) -> Entry:
        """This entry with its hash and signature."""
        digest = self.digest()
        return replace(self, hash=digest, mac=_mac(key, digest))

    def is_signed_by(self, key: ProjectKey) -> bool:
        """Whether the signature is the one that this key makes over the stored hash."""
        return hmac.compare_digest(self.mac, _mac(key, self.hash))

    def to_json(self) -> dict[str, Any]:
        """JSON values; epsilon and delta as decimal strings, exact."""
        return {
            "sequence": self.sequence,
            "time": self.time,
            "kind": self.kind,
            "data_set": self.data_set,
            "run": self.run,
            "epsilon": plain(self.loss.epsilon),
            "delta": plain(self.loss.delta),
            "unit": self.unit,
            "by": self.by,
            "note": self.note,
            "hash": self.hash,
        }


NAMES = tuple(field.name for field in fields(Entry))
_SEALED = len(NAMES) - 2  # everything but hash and mac

values: Callable[[Entry], tuple[Any, ...]] = attrgetter(*NAMES)
"""The fields of an entry in order; `dataclasses.astuple` copies and takes 20 times as long."""


def _mac(key: ProjectKey, digest: str) -> str:
    return key.mac("polyveil/ledger", digest).hex()
