# SPDX-License-Identifier: Apache-2.0
"""Runs of digits as people write them, and the parts of them that may be one number.

What: "4539 1488 0343 6467" is one run of four groups; a checksum is tried on each sequence of
whole groups. Why: a number rarely stands alone on its line, and never begins inside a group.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

_RUN = re.compile(r"(?<![\w])\d(?:[\s.\-/_,:;*|~+#()]{0,3}+\d)*+")
_GROUP = re.compile(r"\d+")
_EVERYDAY = frozenset(" -./\n\r")


@dataclass(frozen=True, slots=True)
class Number:
    """Consecutive groups of one run: their digits, the groups, and [start, end) in the view."""

    digits: str
    groups: tuple[str, ...]
    separators: tuple[str, ...]
    start: int
    end: int
    whole_run: bool


@lru_cache(maxsize=8)
def _runs(text: str) -> tuple[tuple[tuple[int, int], ...], ...]:
    """Per run, the [start, end) of each group."""
    return tuple(
        tuple((group.start(), group.end()) for group in _GROUP.finditer(text, *run.span()))
        for run in _RUN.finditer(text)
    )


def numbers(text: str, lengths: Container[int], *, longest: int) -> Iterator[Number]:
    """Every sequence of whole groups with so many digits, longer ones first at each start."""
    for groups in _runs(text):
        for first in _beginnings(groups, longest):
            found: list[Number] = []
            count = 0
            for last in range(first, len(groups)):
                count += groups[last][1] - groups[last][0]
                if count > longest:
                    break
                if count in lengths:
                    number = _number(text, groups, first, last)
                    if number:
                        found.append(number)
            yield from reversed(found)


def _beginnings(groups: tuple[tuple[int, int], ...], longest: int) -> Iterable[int]:
    """Where a number may begin: in spaced-out digits only near the run's two ends."""
    if len(groups) <= longest or any(end - start > 1 for start, end in groups):
        return range(len(groups))
    return (0, *range(max(1, len(groups) - longest), len(groups)))


def _number(text: str, groups: tuple[tuple[int, int], ...], first: int, last: int) -> Number | None:
    """The groups as one number, unless their separators are an odd mixture."""
    whole = first == 0 and last == len(groups) - 1
    chosen = groups[first : last + 1]
    separators = tuple(text[a[1] : b[0]] for a, b in pairwise(chosen))
    if len(set(separators)) > 1 and not _EVERYDAY.issuperset("".join(separators)):
        return None
    after = text[chosen[-1][1] : chosen[-1][1] + 1]
    if after and (after.isalpha() or after == "_"):
        return None
    pieces = tuple(text[start:end] for start, end in chosen)
    return Number("".join(pieces), pieces, separators, chosen[0][0], chosen[-1][1], whole)
