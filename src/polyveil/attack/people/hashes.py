# SPDX-License-Identifier: Apache-2.0
"""Pseudonyms that are guessed: is a token in the release the unkeyed hash of somebody's name?

Whoever has the list of names hashes it in all the usual ways. A stand-in made with a secret key
withstands that; an MD5 of a taxi's number did not.

Source: Pandurangan, "On Taxis and Rainbows", 2014.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

SHORTEST = 8
"""Characters of a token below which it may agree with a hash by chance."""

_HEX = re.compile(r"[0-9a-fA-F]{8,128}")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{16,90}={0,2}")
_KEYS = (b"", b"key", b"secret", b"salt", b"password", b"polyveil", bytes(32))

_ALGORITHMS: tuple[Callable[[bytes], bytes], ...] = (
    lambda text: hashlib.md5(text, usedforsecurity=False).digest(),
    lambda text: hashlib.sha1(text, usedforsecurity=False).digest(),
    lambda text: hashlib.sha256(text).digest(),
    lambda text: hashlib.sha512(text).digest(),
    lambda text: hashlib.sha3_256(text).digest(),
    lambda text: hashlib.blake2b(text).digest(),
    lambda text: hashlib.blake2b(text, digest_size=16).digest(),
    lambda text: hashlib.blake2b(text, digest_size=32).digest(),
    lambda text: hashlib.blake2s(text).digest(),
)


@dataclass(frozen=True, slots=True)
class HashDictionary:
    """Hashes of everything that n people are called, by how they begin.

    Attributes:
      guesses: how many hashes were made.
    """

    guesses: int
    _begins: dict[str, list[tuple[str, int]]] = field(repr=False)

    @staticmethod
    def of(names: Sequence[Iterable[str]]) -> HashDictionary:
        """The dictionary of each person's names and labels."""
        begins: dict[str, list[tuple[str, int]]] = defaultdict(list)
        count = 0
        for person, own in enumerate(names):
            for spelling in {form for name in own for form in _forms(name)}:
                for digest in _digests(spelling.encode("utf-8", "surrogatepass")):
                    count += 1
                    for written in (digest.hex(), base64.b64encode(digest).decode()):
                        begins[written[:SHORTEST]].append((written, person))
        return HashDictionary(count, dict(begins))

    def read(self, texts: Iterable[str]) -> set[int]:
        """People of whom some token in these strings is a hash, whole or its beginning."""
        return {person for text in texts for token in _tokens(text) for person in self._of(token)}

    def _of(self, token: str) -> Iterator[int]:
        for written, person in self._begins.get(token[:SHORTEST], ()):
            if written.startswith(token):
                yield person


def _tokens(text: str) -> Iterator[str]:
    for found in _HEX.findall(text):
        yield found.lower()
    for found in _BASE64.findall(text):
        yield found.replace("-", "+").replace("_", "/").rstrip("=")


def _forms(name: str) -> set[str]:
    """Spellings that a program may have hashed."""
    plain = " ".join(name.replace("_", " ").split())
    forms = {name, plain, plain.replace(" ", ""), plain.replace(" ", "_")}
    return {case for form in forms for case in (form, form.lower(), form.upper())}


def _digests(text: bytes) -> Iterator[bytes]:
    for algorithm in _ALGORITHMS:
        yield algorithm(text)
    for key in _KEYS:
        yield hmac.new(key, text, hashlib.sha256).digest()
        yield hashlib.blake2b(text, key=key, digest_size=32).digest()
        yield hashlib.sha256(key + text).digest()
        yield hashlib.sha256(text + key).digest()
