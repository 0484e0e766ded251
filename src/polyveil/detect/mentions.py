# SPDX-License-Identifier: Apache-2.0
"""Everything in a record's text that may identify someone: all detectors, one list.

A detector is anything with a `name` and `find(text) -> list[Mention]`; further ones plug in through
the entry-point group "polyveil.mention_detectors" (a class or function that makes one).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import lru_cache
from importlib.metadata import entry_points
from typing import Protocol, runtime_checkable

from polyveil.errors import UsageError
from polyveil.records.finding import Kind, Mention
from polyveil.records.record import Record, TextPath

GROUP = "polyveil.mention_detectors"


@runtime_checkable
class MentionDetector(Protocol):
    """Finds mentions in one string; leaves `path` empty, the caller fills it in."""

    name: str

    def find(self, text: str) -> list[Mention]:
        """Mentions with offsets into `text`; they may overlap."""
        ...


@lru_cache(maxsize=1)
def default_detectors() -> tuple[MentionDetector, ...]:
    """The embedded detectors, then those of installed plugins; built once a process."""
    from polyveil.detect.identifiers import IdentifierFinder

    embedded: list[MentionDetector] = [IdentifierFinder()]
    return (*embedded, *(point.load()() for point in entry_points(group=GROUP)))


def find_mentions(
    record: Record, *, detectors: Sequence[MentionDetector] | None = None
) -> tuple[Mention, ...]:
    """Every mention in every string of the record, sorted by string and position, none overlapping.

    Where two overlap, the one with a checksum stays, else the longer, else the more certain. An
    identity expression never swallows something more specific inside it.

    Raises:
      UsageError: naming the detector whose offsets do not fit the text.
    """
    chosen = default_detectors() if detectors is None else detectors
    found: list[Mention] = []
    for path, text in record.texts():
        found += resolve(_checked(path, text, chosen))
    return tuple(found)


def _checked(path: TextPath, text: str, detectors: Sequence[MentionDetector]) -> Iterable[Mention]:
    for detector in detectors:
        for mention in detector.find(text):
            inside = 0 <= mention.start < mention.end <= len(text)
            if not inside or text[mention.start : mention.end] != mention.surface:
                raise UsageError(
                    f"mention detector {detector.name}: characters {mention.start}-{mention.end} "
                    "are not the surface it returned; expected offsets into the text as given."
                )
            yield replace(mention, path=path)


def resolve(mentions: Iterable[Mention]) -> list[Mention]:
    """Mentions of one string without overlap, by position."""
    kept: list[Mention] = []
    for mention in sorted(mentions, key=_rank):
        if all(mention.end <= other.start or other.end <= mention.start for other in kept):
            kept.append(mention)
    return sorted(kept, key=lambda mention: mention.start)


def _rank(mention: Mention) -> tuple[bool, bool, int, float, int]:
    """Smaller is stronger."""
    return (
        mention.kind == Kind.EXPRESSION,
        mention.score < 1.0,
        mention.start - mention.end,
        -mention.score,
        mention.start,
    )
