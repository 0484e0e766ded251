# SPDX-License-Identifier: Apache-2.0
"""Everything in a record's text that may identify someone: all detectors, one list.

A detector is anything with a `name` and `find(text) -> list[Mention]`, and perhaps
`find_batch(texts)`, which gives the same for many strings; further ones plug in through
the entry-point group "polyveil.mention_detectors" (a class or function that makes one).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Protocol, runtime_checkable

from polyveil.detect.plugins import plugins
from polyveil.errors import UsageError
from polyveil.records.finding import Kind, Mention
from polyveil.records.record import Record, TextPath

GROUP = "polyveil.mention_detectors"
_CHECKSUMMED = frozenset({Kind.CARD, Kind.IBAN, Kind.NATIONAL_ID})
_EXACT = frozenset({Kind.EMAIL, Kind.URL, Kind.IP, Kind.MAC, Kind.COORDINATES})
_SHORTEST_EXPRESSION = 3


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
    # Here, not at the top: a caller who brings detectors of his own need not load the recogniser.
    from polyveil.detect.expressions import ExpressionFinder
    from polyveil.detect.identifiers import IdentifierFinder
    from polyveil.detect.names import NameRecogniser

    embedded: tuple[MentionDetector, ...] = (
        IdentifierFinder(),
        NameRecogniser(),
        ExpressionFinder(),
    )
    return (*embedded, *plugins(GROUP, MentionDetector, members="name, find"))


def find_mentions(
    record: Record, *, detectors: Sequence[MentionDetector] | None = None
) -> tuple[Mention, ...]:
    """Every mention in every string of the record, sorted by string and position, none overlapping.

    Where two overlap, the one with a checksum stays, else the one with an exact form, else the
    longer, else the more certain. An identity expression never swallows a name or anything else
    that is more specific: it shrinks to the longest piece beside it and keeps its facets.

    Raises:
      UsageError: naming the detector whose offsets do not fit the text.
    """
    chosen = default_detectors() if detectors is None else detectors
    texts = list(record.texts())
    strings = [text for _, text in texts]
    found: list[list[Mention]] = [[] for _ in texts]
    for detector in chosen:
        for index, mentions in enumerate(_searched(detector, strings)):
            found[index] += _checked(*texts[index], mentions, detector.name)
    return tuple(mention for mentions in found for mention in resolve(mentions))


def _searched(detector: MentionDetector, texts: Sequence[str]) -> Sequence[list[Mention]]:
    """Per string, its mentions; at once where the detector can, which is faster for a network."""
    at_once = getattr(detector, "find_batch", None)
    if at_once is None:
        return [detector.find(text) for text in texts]
    found: Sequence[list[Mention]] = at_once(texts)
    return found


def _checked(
    path: TextPath, text: str, mentions: Iterable[Mention], name: str
) -> Iterable[Mention]:
    for mention in mentions:
        inside = 0 <= mention.start < mention.end <= len(text)
        if not inside or text[mention.start : mention.end] != mention.surface:
            raise UsageError(
                f"mention detector {name}: characters {mention.start}-{mention.end} "
                "are not the surface it returned; expected offsets into the text as given."
            )
        yield replace(mention, path=path)


def resolve(mentions: Iterable[Mention]) -> list[Mention]:
    """Mentions of one string without overlap, by position."""
    kept: list[Mention] = []
    for mention in sorted(mentions, key=_rank):
        rivals = [m for m in kept if m.start < mention.end and mention.start < m.end]
        if mention.kind == Kind.EXPRESSION and rivals:
            pieces = _around(mention, rivals)
            # "a five-year-old": it is the person that must be linked, so the age gives way.
            if not pieces and all(rival.kind == Kind.AGE for rival in rivals):
                kept = [other for other in kept if other not in rivals]
                pieces = [mention]
            kept += pieces
        elif not rivals:
            kept.append(mention)
    return sorted(kept, key=lambda mention: mention.start)


def _around(expression: Mention, rivals: Sequence[Mention]) -> list[Mention]:
    """The longest piece of an expression beside what is kept in it; it keeps saying the same."""
    pieces: list[tuple[int, int]] = []
    start = expression.start
    for rival in sorted(rivals, key=lambda mention: mention.start):
        pieces.append((start, rival.start))
        start = rival.end
    pieces.append((start, expression.end))
    start, end = max(pieces, key=lambda piece: piece[1] - piece[0])
    surface = expression.surface[max(0, start - expression.start) : max(0, end - expression.start)]
    trimmed = surface.strip(" ,.;:\n\t")
    if sum(character.isalpha() for character in trimmed) < _SHORTEST_EXPRESSION:
        return []
    start += surface.index(trimmed)
    return [replace(expression, start=start, end=start + len(trimmed), surface=trimmed)]


def _rank(mention: Mention) -> tuple[int, int, float, int]:
    """Smaller is stronger: the tier, then the longer one, then the more certain one."""
    if mention.kind == Kind.EXPRESSION:
        tier = 3
    elif mention.kind in _CHECKSUMMED and mention.score >= 1.0:
        tier = 0
    else:
        tier = 1 if mention.kind in _EXACT else 2
    return tier, mention.start - mention.end, -mention.score, mention.start
