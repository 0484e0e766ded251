# SPDX-License-Identifier: Apache-2.0
"""Labelled records with what ties them together, and splits that cut no tie.

Two records are tied when knowing one helps with the other apart from its class: the same actor, the
same picture, the same author. A split that has one of them on each side measures memory. Ties join
up: whoever is tied to both joins them, so that the unit of a split is a connected group. Such a
split compares records with each other, so one record more may move others between parts: it is for
sets whose split is public, as in a paper's table.

A training that promises something about one record may not do that. There, who is held out follows
from a fact of the record alone, `units`, under a key: an actor, a clip, a picture byte by byte.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from polyveil.errors import UnreadableRecord, UsageError
from polyveil.inputs import FrontEnd
from polyveil.learn.modalities import Example, Multimodal, stacked
from polyveil.records.record import Record, Refused
from polyveil.tasks.data_sets.near_pictures import near_ties
from polyveil.tasks.reading import example, side_by_side

Rows: TypeAlias = NDArray[np.intp]

_GIANT = 2.0


@dataclass(frozen=True, slots=True)
class Split:
    """Rows of each part, rising; no tie runs between two parts unless `remarks` says so.

    Attributes:
      train, validation, test: indices.
      remarks: plain sentences on how it was made.
    """

    train: Rows
    validation: Rows
    test: Rows
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LabelledSet:
    """Records of one data set.

    Attributes:
      name: e.g. "CREMA-D".
      records: not yet decoded. Secret.
      labels: name of each record's class. Secret.
      classes: their names, in order. Public.
      ties: what each record may share with others, e.g. {"actor 1001"}. Secret.
      units: what each record is held out with, a fact of it alone, e.g. "actor 1001"; empty where
        nobody said. Secret.
      own_test: whether each is in the makers' test part; empty where they made none.
      refused: what could not be used, each with the reason.
      remarks: plain sentences on how the set was made.
    """

    name: str
    records: tuple[Record, ...] = field(repr=False)
    labels: tuple[str, ...] = field(repr=False)
    classes: tuple[str, ...]
    ties: tuple[frozenset[str], ...] = field(repr=False)
    units: tuple[str, ...] = field(default=(), repr=False)
    own_test: tuple[bool, ...] = field(default=(), repr=False)
    refused: tuple[Refused, ...] = field(default=(), repr=False)
    remarks: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.records:
            why = f" First reason: {self.refused[0].reason}" if self.refused else ""
            raise UsageError(f"{self.name}: no usable record among {len(self.refused)}.{why}")
        each = (self.labels, self.ties, *filter(None, (self.units, self.own_test)))
        if {len(one) for one in each} != {len(self.records)}:
            raise UsageError(f"{self.name}: expected one label, unit and set of ties a record.")
        if not set(self.labels) <= set(self.classes):
            raise UsageError(f"{self.name}: expected labels among {', '.join(self.classes)}.")

    def __len__(self) -> int:
        return len(self.records)

    def where(self, rows: Rows) -> LabelledSet:
        """The chosen records; what was refused stays."""
        chosen = rows.tolist()
        return replace(
            self,
            records=tuple(self.records[row] for row in chosen),
            labels=tuple(self.labels[row] for row in chosen),
            ties=tuple(self.ties[row] for row in chosen),
            units=tuple(self.units[row] for row in chosen if self.units),
            own_test=tuple(self.own_test[row] for row in chosen if self.own_test),
        )

    def with_near_pictures(self) -> LabelledSet:
        """Tied by pictures that look alike, too: compares every picture with every other."""
        ties = zip(self.ties, near_ties(self.records), strict=True)
        remark = (
            "pictures were compared with each other, so that near-duplicates are in one part; "
            "'polyveil train' cannot, since one record would move others: it holds out by a fact "
            "of each record alone"
        )
        return replace(
            self, ties=tuple(own | near for own, near in ties), remarks=(*self.remarks, remark)
        )

    def split(
        self, *, validation: float, test: float | None, seed: int, apart: bool = True
    ) -> Split:
        """Parts of about these shares, with about the same classes in each.

        Groups are dealt out in an order drawn by the seed, each to the part that lacks its classes
        most; those more than twice as large as the smallest part come first. Few groups miss the
        shares: ask the parts.

        Args:
          validation, test: shares > 0 whose sum is below 1; test None for the makers' own test
            part, `validation` being a share of the groups of the others.
          seed: another one, another split.
          apart: False cuts ties, as many papers do; for comparing with them, never for a claim.

        Raises:
          UsageError: shares that leave a part empty.
        """
        if test is None:
            return self._split_by_makers(validation, seed)
        if not (validation > 0 and test > 0 and validation + test < 1):
            raise UsageError(
                f"split: {validation} and {test}; expected two shares > 0 whose sum is below 1."
            )
        groups = grouped(self.ties) if apart else np.arange(len(self))
        wanted = np.array([1 - validation - test, validation, test])
        part = _dealt(groups, self._class_numbers(), wanted, seed)
        rows = [np.flatnonzero(part == at) for at in range(3)]
        if not all(len(some) for some in rows):
            raise UsageError(
                f"{self.name}: {len(set(groups.tolist()))} groups cannot fill three parts; "
                "expected more groups, or other shares."
            )
        remark = (
            "no actor, author or picture is in two parts"
            if apart
            else "ties were cut: the same actor, author or picture may be in two parts"
        )
        return Split(rows[0], rows[1], rows[2], (remark,))

    def _split_by_makers(self, validation: float, seed: int) -> Split:
        """The makers' test part; whole groups of the others validate, drawn in the order of ties.

        No tie is looked for between the test part and the others.
        """
        if not (any(self.own_test) and 0 < validation < 1):
            raise UsageError(f"{self.name}: expected a test part of its own and a share below 1.")
        tested = np.array(self.own_test)
        rest = np.flatnonzero(~tested)
        ties = [self.ties[row] for row in rest.tolist()]
        groups, least = grouped(ties), dict[int, str]()
        for group, names in zip(groups.tolist(), ties, strict=True):
            name = min(names, default="")
            least[group] = min(name, least.get(group, name))
        order = np.random.default_rng(seed).permutation(sorted(least, key=lambda at: least[at]))
        held = np.isin(groups, order[: round(validation * len(order))])
        remark = "the test part is the makers' own; no tie runs between the other two"
        return Split(rest[~held], rest[held], np.flatnonzero(tested), (remark,))

    def read(self, front_ends: Mapping[str, FrontEnd], rows: Rows | None = None) -> Multimodal:
        """Records as numbers; those that cannot be read, or lack every modality, are refused.

        Args:
          front_ends: modality -> how it is read.
          rows: which records, None for all.
        """
        return (self if rows is None else self.where(rows)).readable(front_ends)[1]

    def readable(
        self,
        front_ends: Mapping[str, FrontEnd],
        on_read: Callable[[int], None] = lambda done: None,
    ) -> tuple[LabelledSet, Multimodal]:
        """The records that can be read, and what is read of them, row by row.

        Args:
          front_ends: modality -> how it is read.
          on_read: is told how many are done.

        Raises:
          UsageError: none can be read.
        """
        found: list[Example | Refused] = []
        pairs = zip(self.records, self.labels, strict=True)
        for done, one in enumerate(side_by_side(partial(_example, front_ends), pairs), start=1):
            found.append(one)
            on_read(done)
        kept = [row for row, one in enumerate(found) if isinstance(one, Example)]
        refused = (*self.refused, *(one for one in found if isinstance(one, Refused)))
        fewer = replace(self, refused=refused).where(np.array(kept, dtype=np.intp))
        return fewer, fewer._stacked([one for one in found if isinstance(one, Example)], front_ends)

    def _stacked(
        self, examples: Sequence[Example], front_ends: Mapping[str, FrontEnd]
    ) -> Multimodal:
        shapes = {name: end.shape for name, end in front_ends.items()}
        spreads = {name: end.spread for name, end in front_ends.items()}
        return stacked(examples, shapes, self.classes, self.refused, spreads)

    def _class_numbers(self) -> Rows:
        number = {name: at for at, name in enumerate(self.classes)}
        return np.array([number[label] for label in self.labels], dtype=np.intp)


def grouped(ties: Sequence[frozenset[str]]) -> Rows:
    """Number of the group that each record belongs to; groups share no tie."""
    parent = list(range(len(ties)))

    def root(row: int) -> int:
        while parent[row] != row:
            parent[row] = parent[parent[row]]
            row = parent[row]
        return row

    first: dict[str, int] = {}
    for row, names in enumerate(ties):
        for name in names:
            # The least row stands for a group: the order of names, which varies from process to
            # process, must not decide the order of groups.
            low, high = sorted((root(row), root(first.setdefault(name, row))))
            parent[high] = low
    return np.unique([root(row) for row in range(len(ties))], return_inverse=True)[1]


def _dealt(groups: Rows, labels: Rows, wanted: NDArray[np.float64], seed: int) -> Rows:
    """Part of each record."""
    classes = np.bincount(labels)
    target = wanted[:, None] * classes
    held = np.zeros_like(target)
    number = int(groups.max()) + 1
    counts = np.zeros((number, len(classes)))
    np.add.at(counts, (groups, labels), 1)
    order = np.random.default_rng(seed).permutation(number)
    place = np.zeros(number, dtype=np.intp)
    sizes = counts[order].sum(axis=1)
    # A giant goes first, while there is room for it; all others in the order drawn.
    giants = np.where(sizes > _GIANT * wanted.min() * len(labels), sizes, 0)
    for group in order[np.argsort(-giants, kind="stable")]:
        # How much nearer to its target each part comes, in shares of the part.
        gain = ((target - held) * counts[group] / np.maximum(target, 1)).sum(axis=1)
        place[group] = int(gain.argmax())
        held[place[group]] += counts[group]
    return place[groups]


def _example(front_ends: Mapping[str, FrontEnd], pair: tuple[Record, str]) -> Example | Refused:
    record, label = pair
    try:
        return example(record, label, front_ends)
    except UnreadableRecord as error:
        return Refused(record.id, "UnreadableRecord", str(error))
