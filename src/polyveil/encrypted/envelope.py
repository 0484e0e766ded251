# SPDX-License-Identifier: Apache-2.0
"""How keys, probes, replies and databases travel: facts, ciphertexts, and a SHA-256 over all.

    polyveil encrypted 1 <newline>
    length of the facts, 8 bytes | facts, JSON | ciphertexts one after the other | SHA-256, 32 bytes

A flipped or missing byte is noticed before anything reaches the library that parses ciphertexts.
The digest is no signature: whoever can replace a message can make a fitting one. Between machines
use a channel that authenticates both ends.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from polyveil.errors import UsageError

_OPENING = b"polyveil encrypted 1\n"
_LENGTH = 8
_DIGEST = 32


def seal(kind: str, facts: Mapping[str, Any], blobs: Sequence[bytes]) -> bytes:
    """One message. `facts` are JSON values; `blobs` are carried as they are."""
    written = json.dumps(
        {"kind": kind, "facts": dict(facts), "sizes": [len(blob) for blob in blobs]},
        separators=(",", ":"),
    ).encode()
    body = b"".join([_OPENING, len(written).to_bytes(_LENGTH, "big"), written, *blobs])
    return body + hashlib.sha256(body).digest()


def open_(kind: str, data: bytes, *, where: str) -> tuple[dict[str, Any], list[bytes]]:
    """Facts and blobs of a message.

    Args:
      kind: what it must be.
      where: file or message, for the error.

    Raises:
      UsageError: another format or version, another kind, or a changed or missing byte.
    """
    if not data.startswith(_OPENING):
        raise UsageError(
            f"{where}: expected {kind} in the format {_OPENING.decode().strip()!r}. "
            "Check the path, or the version of polyveil that wrote it."
        )
    body, digest = data[:-_DIGEST], data[-_DIGEST:]
    if hashlib.sha256(body).digest() != digest:
        raise UsageError(
            f"{where}: bytes were changed or are missing; nothing of it was used. Fetch it again."
        )
    start = len(_OPENING) + _LENGTH
    end = start + int.from_bytes(body[len(_OPENING) : start], "big")
    try:
        message = json.loads(body[start:end])
        found, facts, sizes = message["kind"], dict(message["facts"]), list(message["sizes"])
        blobs = _cut(body[end:], sizes)
    except (ValueError, KeyError, TypeError, RecursionError):
        raise UsageError(f"{where}: expected {kind}, got a message of another form.") from None
    if found != kind:
        raise UsageError(f"{where}: expected {kind}, got {found!r}. Use the matching file.")
    return facts, blobs


def read(path: Path) -> bytes:
    """The bytes of a file. Raises UsageError if there is none."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror}). Check the path.") from None


def whole(facts: Mapping[str, Any], name: str, *, least: int = 0, most: int = 2**40) -> int:
    """A whole number among the facts. Raises UsageError if it is missing or out of range."""
    value = facts.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise UsageError(f"expected {name} from {least} to {most} in the message, got {value!r}.")
    return value


def _cut(joined: bytes, sizes: Sequence[Any]) -> list[bytes]:
    if not all(type(size) is int and size >= 0 for size in sizes) or sum(sizes) != len(joined):
        raise ValueError("sizes do not fill the message")
    blobs, start = [], 0
    for size in sizes:
        blobs.append(joined[start : start + size])
        start += size
    return blobs
