# SPDX-License-Identifier: Apache-2.0
"""The messages: an encrypted probe, encrypted templates, encrypted scores.

Packing. Templates are columns: column c lives in slot c mod slots of chunk c // slots, and
ciphertext i of a chunk holds coordinate i of all its templates. A probe is one ciphertext a
coordinate with that coordinate in every slot. The scores of all templates of a chunk are then d
products and sums of whole ciphertexts; nothing is rotated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from polyveil.encrypted import envelope
from polyveil.errors import UsageError

MOST_DIMENSIONS = 65536
MOST_COLUMNS = 2**32

Blobs = tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class EncryptedProbe:
    """A probe that only the key holder could read.

    Attributes:
      key_id: of the public context that encrypted it.
      coordinates: one ciphertext a coordinate.
    """

    key_id: str
    coordinates: Blobs = field(repr=False)

    def to_bytes(self) -> bytes:
        """The probe as a message."""
        return envelope.seal("probe", {"key": self.key_id}, self.coordinates)

    @classmethod
    def from_bytes(cls, data: bytes) -> EncryptedProbe:
        """What `to_bytes` gave. Raises UsageError: damaged or of another kind."""
        facts, blobs = envelope.open_("probe", data, where="probe")
        return cls(_key(facts), tuple(blobs))


@dataclass(frozen=True, slots=True)
class EncryptedTemplates:
    """Templates for consecutive columns of a database; zero in every other slot.

    Attributes:
      key_id: of the public context that encrypted them.
      first: column of the first template.
      count: number of templates.
      chunks: for each chunk that they reach into, one ciphertext a coordinate.
    """

    key_id: str
    first: int
    count: int
    chunks: tuple[Blobs, ...] = field(repr=False)

    def to_bytes(self) -> bytes:
        """The templates as a message."""
        facts = {"key": self.key_id, "first": self.first, "count": self.count}
        return _seal_chunks("templates", facts, self.chunks)

    @classmethod
    def from_bytes(cls, data: bytes) -> EncryptedTemplates:
        """What `to_bytes` gave. Raises UsageError: damaged or of another kind."""
        facts, blobs = envelope.open_("templates", data, where="templates")
        return cls(
            _key(facts),
            envelope.whole(facts, "first", most=MOST_COLUMNS),
            envelope.whole(facts, "count", least=1, most=MOST_COLUMNS),
            _chunks(facts, blobs),
        )


@dataclass(frozen=True, slots=True)
class EncryptedScores:
    """The server's reply: one ciphertext of scores a chunk.

    Attributes:
      key_id: of the key that decrypts them.
      names: of the columns in order; None where the template was revoked.
      encryptions: for each chunk, how many encryptions its templates were added up from.
      chunks: one ciphertext each.
    """

    key_id: str
    names: tuple[str | None, ...]
    encryptions: tuple[int, ...]
    chunks: Blobs = field(repr=False)

    def to_bytes(self) -> bytes:
        """The reply as a message."""
        facts = {
            "key": self.key_id,
            "names": list(self.names),
            "encryptions": list(self.encryptions),
        }
        return envelope.seal("scores", facts, self.chunks)

    @classmethod
    def from_bytes(cls, data: bytes) -> EncryptedScores:
        """What `to_bytes` gave. Raises UsageError: damaged or of another kind."""
        facts, blobs = envelope.open_("scores", data, where="reply")
        encryptions = facts.get("encryptions")
        if not isinstance(encryptions, list) or len(encryptions) != len(blobs):
            raise UsageError("reply: expected the number of encryptions of each chunk.")
        if not all(type(number) is int and number >= 1 for number in encryptions):
            raise UsageError("reply: expected the number of encryptions of each chunk.")
        return cls(_key(facts), names_of(facts), tuple(encryptions), tuple(blobs))


def names_of(facts: dict[str, Any]) -> tuple[str | None, ...]:
    """The names in a message. Raises UsageError if they are no list of text and null."""
    names = facts.get("names")
    if not isinstance(names, list) or not all(n is None or isinstance(n, str) for n in names):
        raise UsageError("expected a list of names in the message, null for revoked ones.")
    return tuple(names)


def _key(facts: dict[str, Any]) -> str:
    key = facts.get("key")
    if not isinstance(key, str):
        raise UsageError("expected the id of a key in the message.")
    return key


def _seal_chunks(kind: str, facts: dict[str, Any], chunks: Sequence[Blobs]) -> bytes:
    facts["dimension"] = len(chunks[0])
    return envelope.seal(kind, facts, [blob for chunk in chunks for blob in chunk])


def _chunks(facts: dict[str, Any], blobs: Sequence[bytes]) -> tuple[Blobs, ...]:
    dimension = envelope.whole(facts, "dimension", least=1, most=MOST_DIMENSIONS)
    if not blobs or len(blobs) % dimension:
        raise UsageError(f"expected {dimension} ciphertexts a chunk, got {len(blobs)} in all.")
    return tuple(
        tuple(blobs[start : start + dimension]) for start in range(0, len(blobs), dimension)
    )
