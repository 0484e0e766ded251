# SPDX-License-Identifier: Apache-2.0
"""Which record of a release belongs to which original, where nobody wrote it down.

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

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import PurePosixPath
from typing import TypeAlias

from polyveil.attack.people.same_picture import Look, nearest_pairs
from polyveil.errors import RecordError
from polyveil.records.picture import decode
from polyveil.records.record import Record, Refused
from polyveil.records.source import Source
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
class Entry:
    """What pairing needs to know of a record; no picture, no text."""

    at: int
    id: str
    name: str
    person: str | None
    pictured: bool


_Rows: TypeAlias = dict[str, list[Entry]]
"""A table's id -> its records."""


class Finder:
    """Collects links way by way; what one way has paired is out of the next one's sight."""

    def __init__(self, before: Source, after: Source, old: list[Entry], new: list[Entry]) -> None:
        self.before, self.after = before, after
        self.old, self.new = old, new
        self.links: list[Link] = []
        self.how: Counter[str] = Counter()
        self._uneven: list[tuple[list[Entry], list[Entry]]] = []

    def by_name(self) -> None:
        """Pictures of the same name, its suffix aside."""
        theirs = _unique(self.new)
        pairs = [(one, theirs[name]) for name, one in _unique(self.old).items() if name in theirs]
        self._take("file name", pairs)

    def by_row(self) -> None:
        """Rows of the same table, where there are as many."""
        mine, theirs = _rows(self.before, self.old), _rows(self.after, self.new)
        for table, other in _tables(self.before, self.after, mine, theirs):
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

    def _take(self, how: str, pairs: list[tuple[Entry, Entry]]) -> None:
        self.links += [Link(one.at, other.at, one.person) for one, other in pairs]
        if pairs:
            self.how[how] += len(pairs)
        gone, found = {one.at for one, _ in pairs}, {other.at for _, other in pairs}
        self.old = [one for one in self.old if one.at not in gone]
        self.new = [one for one in self.new if one.at not in found]


def entries_of(source: Source) -> tuple[list[Entry], list[Refused]]:
    """What pairing needs of every record, and what could not be read."""
    entries, broken = [], []
    for at, item in enumerate(source.records()):
        if isinstance(item, Refused):
            broken.append(item)
        else:
            name = str(PurePosixPath(item.image_name).with_suffix("")) if item.image_name else ""
            pictured = item.image is not None
            entries.append(Entry(at, item.id, name, item.person, pictured))
    return entries, broken


def _unique(entries: list[Entry]) -> dict[str, Entry]:
    counts = Counter(one.name for one in entries)
    return {one.name: one for one in entries if one.name and counts[one.name] == 1}


def _rows(source: Source, entries: list[Entry]) -> _Rows:
    rows: _Rows = {table: [] for table in source.tables}
    for one in entries:
        if (table := table_id(one.id)) in rows:
            rows[table].append(one)
    return rows


def _tables(before: Source, after: Source, mine: _Rows, theirs: _Rows) -> Iterator[tuple[str, str]]:
    """Tables that are the same: at the same place, else by format and number of rows where that is
    unique (names are changed, since a file or folder may be called after a person)."""

    def places(source: Source) -> dict[tuple[str, str], str]:
        # Not by id: "folder-1" is whichever comes first.
        return {(one.folder, key.rpartition("/")[2]): key for key, one in source.tables.items()}

    here, there = places(before), places(after)
    same = [(here[place], there[place]) for place in here.keys() & there.keys()]
    yield from same
    free = _by_size(mine, {one for one, _ in same}), _by_size(theirs, {other for _, other in same})
    for size in free[0].keys() & free[1].keys():
        yield free[0][size], free[1][size]


def _by_size(tables: _Rows, known: Collection[str]) -> dict[tuple[str, int], str]:
    """(format, number of rows) -> table; only where no other table has the same."""
    sizes = {
        name: (PurePosixPath(name).suffix, len(rows))
        for name, rows in tables.items()
        if name not in known and rows
    }
    counts = Counter(sizes.values())
    return {size: name for name, size in sizes.items() if counts[size] == 1}


def _undecodable(source: Source, entries: list[Entry]) -> set[int]:
    """Places of pictures that do not decode: those were refused and have no row in the release."""
    broken = set()
    for at, record in taken(source, {one.at for one in entries if one.pictured}).items():
        try:
            decode(record.image or b"")
        except RecordError:
            broken.add(at)
    return broken


def _looks(source: Source, entries: list[Entry]) -> list[Look | None]:
    wanted = {one.at: place for place, one in enumerate(entries)}
    looks: list[Look | None] = [None] * len(entries)
    for at, item in enumerate(source.records()):
        if at in wanted and isinstance(item, Record) and item.image is not None:
            try:
                looks[wanted[at]] = Look.of(decode(item.image).pixels)
            except RecordError:
                continue
    return looks


def taken(source: Source, wanted: set[int]) -> dict[int, Record]:
    """Place -> record, of the wanted ones; reads the source once."""
    items = enumerate(source.records())
    return {at: item for at, item in items if at in wanted and isinstance(item, Record)}
