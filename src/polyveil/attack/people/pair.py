# SPDX-License-Identifier: Apache-2.0
"""The original folder beside the released one, and which record belongs to which.

An audit knows the truth that an attacker guesses. polyveil's outputs keep the order of the rows and
nothing else that would tell: pictures are called at random and the journal has forgotten them. So
records are paired, in this order, by

    file name     another tool kept the names of the pictures
    row order     the n-th row of a table belongs to the n-th original row that was not refused
    picture       what is left, by how the whole picture looks: mutually nearest, clearly so

and what stays unpaired is counted. Where rows are missing and it is not known which, pictures told
by looks that come in the order of the rows are proof of that order, and the rows between follow.
Nothing is guessed: a pair that cannot be told is no pair.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path, PurePosixPath

import numpy as np

from polyveil.attack.people.same_picture import Look, nearest_pairs
from polyveil.errors import RecordError, UsageError
from polyveil.records.picture import decode
from polyveil.records.record import Record, Refused
from polyveil.records.source import Source, open_source
from polyveil.records.table import table_id

_PROOF = 4
"""Pictures that keep the order of the rows by chance once in 24 times, and so on up."""
MOST_BY_PICTURE = 4000
"""Pictures on a side that are compared with each other; more are told by rows or names."""


@dataclass(frozen=True, slots=True)
class Link:
    """Two records that are the same before and after.

    Attributes:
      original, released: places in `Source.records()` of the two folders, from 0.
      person: the original's label of who it is about; None without one. Secret.
    """

    original: int
    released: int
    person: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class _Entry:
    """What pairing needs to know of a record; no picture, no text."""

    at: int
    id: str
    name: str
    person: str | None
    pictured: bool


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
        old, broken = _entries(before)
        new, broken_too = _entries(after)
        finder = _Finder(before, after, [one for one in old if one.id not in set(refused)], new)
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
        old = _taken(self.original, {link.original for link in links})
        new = _taken(self.released, {link.released for link in links})
        for link in links:
            if link.original in old and link.released in new:
                yield link, old[link.original], new[link.released]


class _Finder:
    """Collects links way by way; what one way has paired is out of the next one's sight."""

    def __init__(self, before: Source, after: Source, old: list[_Entry], new: list[_Entry]) -> None:
        self.before, self.after = before, after
        self.old, self.new = old, new
        self.links: list[Link] = []
        self.how: Counter[str] = Counter()
        self._uneven: list[tuple[list[_Entry], list[_Entry]]] = []

    def by_name(self) -> None:
        """Pictures of the same name, its suffix aside."""
        theirs = _unique(self.new)
        pairs = [(one, theirs[name]) for name, one in _unique(self.old).items() if name in theirs]
        self._take("file name", pairs)

    def by_row(self) -> None:
        """Rows of the same table, where there are as many."""
        mine, theirs = _rows(self.before, self.old), _rows(self.after, self.new)
        for table, other in _tables(mine, theirs):
            rows, twins = mine[table], theirs[other]
            if len(rows) > len(twins):
                broken = _undecodable(self.before, rows)
                rows = [row for row in rows if row.at not in broken]
            fits = len(rows) == len(twins) and all(
                row.pictured == twin.pictured for row, twin in zip(rows, twins, strict=True)
            )
            if fits:
                self._take("row order", list(zip(rows, twins, strict=True)))
            else:
                self._uneven.append((rows, twins))

    def by_picture(self) -> None:
        """Pictures that nothing else tells, by their looks."""
        mine = [one for one in self.old if one.pictured]
        theirs = [one for one in self.new if one.pictured]
        if not mine or not theirs or max(len(mine), len(theirs)) > MOST_BY_PICTURE:
            return
        found = nearest_pairs(_looks(self.before, mine), _looks(self.after, theirs))
        self._take("picture", [(mine[one], theirs[other]) for one, other in found])

    def by_gaps(self) -> None:
        """Rows of a table that lacks some, where pictures told by looks keep the order."""
        partner = {link.original: link.released for link in self.links}
        for rows, twins in self._uneven:
            place = {twin.at: at for at, twin in enumerate(twins)}
            told = [(at, place[partner[row.at]]) for at, row in enumerate(rows)
                    if partner.get(row.at) in place]  # fmt: skip
            if len(told) < _PROOF or any(a[1] >= b[1] for a, b in pairwise(told)):
                continue
            self.how["picture"] -= len(told)
            self.how["row order"] += len(told)
            ends = [(-1, -1), *told, (len(rows), len(twins))]
            for (row, twin), (next_row, next_twin) in pairwise(ends):
                between, twins_between = rows[row + 1 : next_row], twins[twin + 1 : next_twin]
                if len(between) == len(twins_between) and all(
                    one.pictured == other.pictured and one.at not in partner
                    for one, other in zip(between, twins_between, strict=True)
                ):
                    self._take("row order", list(zip(between, twins_between, strict=True)))
        self.how = +self.how

    def _take(self, how: str, pairs: list[tuple[_Entry, _Entry]]) -> None:
        self.links += [Link(one.at, other.at, one.person) for one, other in pairs]
        if pairs:
            self.how[how] += len(pairs)
        gone, taken = {one.at for one, _ in pairs}, {other.at for _, other in pairs}
        self.old = [one for one in self.old if one.at not in gone]
        self.new = [one for one in self.new if one.at not in taken]


def _entries(source: Source) -> tuple[list[_Entry], list[Refused]]:
    entries, broken = [], []
    for at, item in enumerate(source.records()):
        if isinstance(item, Refused):
            broken.append(item)
        else:
            name = str(PurePosixPath(item.image_name).with_suffix("")) if item.image_name else ""
            pictured = item.image is not None
            entries.append(_Entry(at, item.id, name, item.person, pictured))
    return entries, broken


def _unique(entries: list[_Entry]) -> dict[str, _Entry]:
    counts = Counter(one.name for one in entries)
    return {one.name: one for one in entries if one.name and counts[one.name] == 1}


def _rows(source: Source, entries: list[_Entry]) -> dict[str, list[_Entry]]:
    rows: dict[str, list[_Entry]] = {table: [] for table in source.tables}
    for one in entries:
        if (table := table_id(one.id)) in rows:
            rows[table].append(one)
    return rows


def _tables(
    mine: dict[str, list[_Entry]], theirs: dict[str, list[_Entry]]
) -> Iterator[tuple[str, str]]:
    """Tables that are the same: by id, then by file name and number of rows where that is unique
    (the names of folders are changed, since a folder may be called after a person)."""
    for table in mine.keys() & theirs.keys():
        yield table, table

    def kinds(tables: dict[str, list[_Entry]], others: Collection[str]) -> dict[object, str]:
        free = {name: rows for name, rows in tables.items() if name not in others and rows}
        keys = {name: (name.rpartition("/")[2], len(rows)) for name, rows in free.items()}
        counts = Counter(keys.values())
        return {key: name for name, key in keys.items() if counts[key] == 1}

    here, there = kinds(mine, theirs), kinds(theirs, mine)
    for key in here.keys() & there.keys():
        yield here[key], there[key]


def _undecodable(source: Source, entries: list[_Entry]) -> set[int]:
    """Places of pictures that do not decode: those were refused and have no row in the release."""
    broken = set()
    for at, record in _taken(source, {one.at for one in entries if one.pictured}).items():
        try:
            decode(record.image or b"")
        except RecordError:
            broken.add(at)
    return broken


def _looks(source: Source, entries: list[_Entry]) -> list[Look | None]:
    wanted = {one.at: place for place, one in enumerate(entries)}
    looks: list[Look | None] = [None] * len(entries)
    for at, item in enumerate(source.records()):
        if at in wanted and isinstance(item, Record) and item.image is not None:
            try:
                looks[wanted[at]] = Look.of(decode(item.image).pixels)
            except RecordError:
                continue
    return looks


def _taken(source: Source, wanted: set[int]) -> dict[int, Record]:
    items = enumerate(source.records())
    return {at: item for at, item in items if at in wanted and isinstance(item, Record)}
