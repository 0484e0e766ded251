# SPDX-License-Identifier: Apache-2.0
"""The original folder beside the released one: what an audit of desensitized data is given."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from polyveil.attack.people.pairing import Finder, Link, entries_of, taken
from polyveil.errors import UsageError
from polyveil.records.record import Record, Refused
from polyveil.records.source import Source, open_source


@dataclass(frozen=True, slots=True)
class FolderPair:
    """Two data sets and their links.

    Attributes:
      original, released: the data sets.
      links: in the order of the originals.
      how: ways of pairing -> how many links came by each.
      unpaired: readable originals without a released twin (refused ones among them).
      broken: records of either side that could not be read.
    """

    original: Source
    released: Source
    links: tuple[Link, ...]
    how: dict[str, int]
    unpaired: int
    broken: tuple[Refused, ...] = ()

    @staticmethod
    def of(original: Path, released: Path, *, refused: Collection[str] = ()) -> FolderPair:
        """The pair at two paths; reads the rows of both, and pictures only where rows do not tell.

        Args:
          refused: ids of originals that are known to be missing from the release.

        Raises:
          UsageError: a folder cannot be read, or no record can be paired; says what to do.
        """
        return FolderPair.between(open_source(original), open_source(released), refused=refused)

    @staticmethod
    def between(before: Source, after: Source, *, refused: Collection[str] = ()) -> FolderPair:
        """As `of`, of data sets that are open."""
        old, broken = entries_of(before)
        new, broken_too = entries_of(after)
        finder = Finder(before, after, [one for one in old if one.id not in set(refused)], new)
        for way in (finder.by_name, finder.by_row, finder.by_picture, finder.by_gaps):
            way()
        if not finder.links:
            raise UsageError(
                "released folder: none of its records could be paired with the originals. Expected "
                "the same file names, tables with as many rows as the originals, or pictures that "
                "look alike. Pass the ids of refused records if there are any."
            )
        links = tuple(sorted(finder.links, key=lambda link: link.original))
        how = dict(finder.how)
        return FolderPair(before, after, links, how, len(old) - len(links), (*broken, *broken_too))

    @property
    def labelled(self) -> bool:
        """Whether the originals say, for some record, who it is about."""
        return any(link.person is not None for link in self.links)

    @property
    def people_with_several(self) -> int:
        """How many people the originals label in more than one record."""
        counts = Counter(link.person for link in self.links if link.person is not None)
        return sum(count > 1 for count in counts.values())

    def chosen(self, most: int, *, seed: int = 0) -> tuple[Link, ...]:
        """At most so many links, in an order that may be cut off anywhere: two records of each
        person who has several come first, then people with one, then further records.

        Raises:
          ValueError: most < 1.
        """
        if most < 1:
            raise ValueError(f"expected most >= 1, got {most}.")
        groups: dict[str, list[Link]] = defaultdict(list)
        for link in self.links:
            # A record that nobody labelled is a person of its own.
            key = f"record {link.original}" if link.person is None else f"person {link.person}"
            groups[key].append(link)
        order = np.random.default_rng(seed).permutation(len(groups))
        people = [list(groups.values())[at] for at in order]
        people.sort(key=lambda links: len(links) < 2)
        first = [link for links in people for link in links[:2]]
        rest = [link for links in people for link in links[2:]]
        return tuple((first + rest)[:most])

    def records(self, links: Sequence[Link]) -> Iterator[tuple[Link, Record, Record]]:
        """The records of some links, in their order. Pictures of Parquet files are held until then;
        those of folders stay on the disk."""
        old = taken(self.original, {link.original for link in links})
        new = taken(self.released, {link.released for link in links})
        for link in links:
            if link.original in old and link.released in new:
                yield link, old[link.original], new[link.released]
