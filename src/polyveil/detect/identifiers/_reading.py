# SPDX-License-Identifier: Apache-2.0
"""What every identifier detector needs: a Mention from a match in a view, and cue words nearby."""

from __future__ import annotations

import re
from functools import lru_cache

from polyveil.detect.normalise import Normalised
from polyveil.records.finding import Kind, Mention

STRUCTURED = frozenset({"plain", "unbroken", "folded", "spelled", "joined", "leet"})
"""Views for detectors with a checksum or a strict structure."""
CAREFUL = frozenset({"plain", "folded"})
"""Views for detectors that would see too much in a guess."""


def mention(
    view: Normalised,
    span: tuple[int, int],
    kind: Kind,
    canonical: str,
    *,
    score: float,
    **facets: str,
) -> Mention:
    """A mention of view characters [start, end), in characters of the original."""
    start, end = view.original_span(*span)
    surface = view.original[start:end]
    source = f"identifiers.{kind.value}"
    return Mention((), start, end, kind, surface, canonical, score, source, facets)


@lru_cache(maxsize=256)
def cue(words: str) -> re.Pattern[str]:
    """A pattern for any of the words, separated by "|", whole and in any case."""
    return re.compile(rf"(?i)(?<![^\W\d_])(?:{words})(?![^\W\d_])")


def near(view: Normalised, start: int, end: int, words: str, *, before: int = 45) -> bool:
    """Whether a cue word stands shortly before, or right after, characters [start, end)."""
    pattern = cue(words)
    return bool(
        pattern.search(view.text[max(0, start - before) : start])
        or pattern.search(view.text[end : end + 20])
    )
