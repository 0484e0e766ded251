# SPDX-License-Identifier: Apache-2.0
"""Proof that records of one part are not in another, by hashes of their content.

An attacker that was trained on the records it is tested on shows nothing but that. Near-duplicates
are not caught by a hash; what is proven is that no record is equal to the bit.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations

from polyveil.attack.guard import Guard


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a split: its name, how many records, a hash of all of them, order aside.

    Attributes:
      records: equal ones are counted again.
      digest: hex SHA-256 over the sorted record digests, keyed: names the part, tests no guess.
    """

    name: str
    records: int
    digest: str


@dataclass(frozen=True, slots=True)
class SplitProof:
    """Which parts there were, and how many records any two of them share.

    Attributes:
      parts: in the order given.
      shared: pair of names -> records that both hold; only pairs that share any.
    """

    parts: tuple[Part, ...]
    shared: Mapping[str, int]

    @property
    def disjoint(self) -> bool:
        """Whether no record is in two parts."""
        return not self.shared

    def guard(self) -> Guard:
        """The check that goes with a result."""
        sizes = ", ".join(f"{part.name} {part.records:,}" for part in self.parts)
        said = (
            "no record is in two of them"
            if self.disjoint
            else "shared: " + ", ".join(f"{pair} {count:,}" for pair, count in self.shared.items())
        )
        return Guard("disjoint splits", "false alarm", self.disjoint, f"{sizes}: {said}")


def prove_disjoint(parts: Mapping[str, Iterable[bytes]], *, key: bytes = b"") -> SplitProof:
    """The proof for parts given as digests of their records (`Examples.digests`).

    Args:
      key: secret of the audit, so that a part's digest in a report tests no guess of its records.
    """
    given = {name: tuple(digests) for name, digests in parts.items()}
    held = {name: frozenset(digests) for name, digests in given.items()}
    shared = {
        f"{one} and {other}": len(held[one] & held[other])
        for one, other in combinations(held, 2)
        if held[one] & held[other]
    }
    found = tuple(
        Part(
            name,
            len(given[name]),
            hmac.new(key, b"".join(sorted(digests)), hashlib.sha256).hexdigest(),
        )
        for name, digests in held.items()
    )
    return SplitProof(found, shared)
