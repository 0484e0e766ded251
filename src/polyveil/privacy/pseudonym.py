# SPDX-License-Identifier: Apache-2.0
"""Keyed choices: a stream of numbers that follows from (key, purpose, thing) and from nothing else.

Every stand-in is drawn from such a stream, so that the same thing gets the same stand-in in every
record and run, and so that nobody without the key can tell which thing it was.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TypeVar

from polyveil.privacy.key import ProjectKey, encode

Item = TypeVar("Item")

_BLOCK_BITS = 256


class Draw:
    """An endless stream of uniform choices; SHA-256 in counter mode over a secret seed."""

    __slots__ = ("_bits", "_counter", "_pool", "_seed")

    def __init__(self, seed: bytes) -> None:
        self._seed = seed
        self._counter = 0
        self._pool = 0
        self._bits = 0

    @classmethod
    def of(cls, key: ProjectKey, purpose: str, *parts: str) -> Draw:
        """The stream that belongs to a thing under a key."""
        return cls(key.mac(f"draw/{purpose}", *parts))

    @classmethod
    def from_token(cls, token: str, purpose: str, *parts: str) -> Draw:
        """A stream that follows from a token which was itself made with the key."""
        return cls(hashlib.sha256(encode("token", token, purpose, *parts)).digest())

    def below(self, bound: int) -> int:
        """Uniform in [0, bound); rejection sampling, so without the bias of a remainder."""
        if bound < 1:
            raise ValueError(f"expected bound >= 1, got {bound}.")
        width = (bound - 1).bit_length()
        while True:
            value = self._take(width)
            if value < bound:
                return value

    def between(self, low: int, high: int) -> int:
        """Uniform in [low, high], both ends included."""
        return low + self.below(high - low + 1)

    def pick(self, items: Sequence[Item]) -> Item:
        """One of the items."""
        return items[self.below(len(items))]

    def digits(self, count: int) -> str:
        """That many decimal digits."""
        return "".join(str(self.below(10)) for _ in range(count))

    def letters(self, count: int) -> str:
        """That many lower-case Latin letters."""
        return "".join(chr(97 + self.below(26)) for _ in range(count))

    def _take(self, width: int) -> int:
        while self._bits < width:
            block = hashlib.sha256(self._seed + self._counter.to_bytes(8, "big")).digest()
            self._counter += 1
            self._pool = (self._pool << _BLOCK_BITS) | int.from_bytes(block, "big")
            self._bits += _BLOCK_BITS
        self._bits -= width
        value = self._pool >> self._bits
        self._pool &= (1 << self._bits) - 1
        return value
