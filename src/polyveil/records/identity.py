# SPDX-License-Identifier: Apache-2.0
"""The identity graph's values: who is who in one record, and across all records.

A `Local` person is what one record alone shows: these faces and these mentions are the same human.
Its `keys` are what it can be recognised by in other records. Persons that share a key become one
`Person`; that joining is the task's, over keys alone, so that memory stays small.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class LocalPerson:
    """One human within one record.

    Attributes:
      faces: indices into Findings.faces.
      mentions: indices into Findings.mentions, identity expressions included.
      keys: global keys, e.g. "person:17", "name:eileen collins", "email:e@x.org",
        "picture:9f3a…:0" (face 0 of a near-duplicate group). Secret. Never empty: an unnamed
        person gets one key of its own from the record's content.
      facets: what text and face together say: {"sex": "woman", "age": "adult", ...}.
    """

    faces: tuple[int, ...]
    mentions: tuple[int, ...]
    keys: tuple[str, ...] = field(repr=False)
    facets: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ambiguity:
    """A link that could not be decided; the two were kept apart.

    Attributes:
      mention: index into Findings.mentions.
      faces: indices of the faces it may speak of.
      reason: a plain sentence without any secret.
    """

    mention: int
    faces: tuple[int, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class RecordIdentities:
    """The identity graph of one record; every face and person-mention is in exactly one person."""

    record_id: str
    persons: tuple[LocalPerson, ...]
    ambiguities: tuple[Ambiguity, ...] = ()
