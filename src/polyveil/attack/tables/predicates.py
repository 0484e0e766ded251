# SPDX-License-Identifier: Apache-2.0
"""Descriptions that fit one row of a release, made from the release alone.

Three kinds: the ends of a column ("older than anybody in the release"), a value that occurs once,
and conjunctions grown around one row, column by column in random order, until no other row of the
release fits and so many columns agree by chance in far less than one row.

Source: singling out by predicates as in Cohen & Nissim, "Towards Formalizing the GDPR's Notion of
Singling Out", PNAS 2020, https://arxiv.org/abs/1904.06009, who show that only predicates of weight
far below 1/n tell anything: any predicate of weight 1/n fits exactly one of n people 37 times in
100.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from polyveil.attack.tables.space import MEMORY, Points

LIGHT = (0.1, 0.001)
"""Rows that a conjunction may be expected to fit by chance, columns taken as independent; in turn,
for columns are not: few columns survive noise, many are rare even where columns go together."""


@dataclass(frozen=True, slots=True)
class Predicates:
    """Boxes: a row fits if each used column lies between its ends.

    Attributes:
      low, high: float64 (predicates, columns); where not used, they say nothing.
      used: bool (predicates, columns).
      kind: "extreme", "rare value" or "conjunction", (predicates,).
    """

    low: Points = field(repr=False)
    high: Points = field(repr=False)
    used: NDArray[np.bool_] = field(repr=False)
    kind: NDArray[np.str_] = field(repr=False)

    def __len__(self) -> int:
        return len(self.kind)

    def at(self, rows: NDArray[np.bool_]) -> Predicates:
        """These predicates."""
        return Predicates(self.low[rows], self.high[rows], self.used[rows], self.kind[rows])

    def fits(self, points: Points) -> NDArray[np.bool_]:
        """bool (predicates, rows): a row that lacks a used column does not fit."""
        found = np.ones((len(self), len(points)), dtype=bool)
        for column in range(points.shape[1]):
            asked = np.flatnonzero(self.used[:, column])
            if asked.size:
                found[asked] &= _between(points, self, asked, column)
        return found


def _between(
    points: Points, boxes: Predicates, asked: NDArray[np.intp], column: int
) -> NDArray[np.bool_]:
    values = points[None, :, column]
    low, high = boxes.low[asked, column, None], boxes.high[asked, column, None]
    inside: NDArray[np.bool_] = (values >= low) & (values <= high)
    return inside


def describe(
    release: Points,
    category: NDArray[np.bool_],
    *,
    guesses: int,
    widths: tuple[float, ...],
    seed: int,
) -> Predicates:
    """Predicates that each fit one row of a release (rows that repeat count once).

    Args:
      category: which columns hold categories.
      guesses: how many at most; a tenth of them extremes and rare values.
      widths: half-widths of the intervals around a number, as shares of the column's range.
    """
    draw = np.random.default_rng([seed, 4])
    rows = distinct(release)
    simple = _simple(rows, category)
    chosen = draw.permutation(len(simple))[: guesses // 10]
    keep = np.zeros(len(simple), dtype=bool)
    keep[chosen] = True
    simple = simple.at(keep)
    grown = _grown(rows, category, guesses - len(simple), widths, draw)
    return joined([simple, grown])


def joined(parts: Sequence[Predicates]) -> Predicates:
    """All of them, in order."""
    return Predicates(
        np.concatenate([part.low for part in parts]),
        np.concatenate([part.high for part in parts]),
        np.concatenate([part.used for part in parts]),
        np.concatenate([part.kind for part in parts]),
    )


def distinct(rows: Points) -> Points:
    """The rows, each once."""
    # NaN equals nothing, not even itself: what is missing gets a place of its own meanwhile.
    empty = np.finfo(np.float64).max
    found = np.unique(np.where(np.isnan(rows), empty, rows), axis=0)
    return np.where(found == empty, np.nan, found)


def _simple(rows: Points, category: NDArray[np.bool_]) -> Predicates:
    found: list[tuple[int, float, float, str]] = []
    for column, is_category in enumerate(category):
        values, counts = np.unique(rows[~np.isnan(rows[:, column]), column], return_counts=True)
        if is_category:
            found += [(column, v, v, "rare value") for v in values[counts == 1]]
        elif len(values) > 1:
            if counts[0] == 1:
                found.append((column, -np.inf, values[0], "extreme"))
            if counts[-1] == 1:
                found.append((column, values[-1], np.inf, "extreme"))
    shape = (len(found), rows.shape[1])
    low, high, used = np.zeros(shape), np.zeros(shape), np.zeros(shape, dtype=bool)
    for at, (column, least, greatest, _) in enumerate(found):
        low[at, column], high[at, column], used[at, column] = least, greatest, True
    return Predicates(low, high, used, np.array([kind for *_, kind in found], dtype=np.str_))


def _grown(
    rows: Points,
    category: NDArray[np.bool_],
    guesses: int,
    widths: tuple[float, ...],
    draw: np.random.Generator,
) -> Predicates:
    # Every row is the seed of one guess before any is the seed of a second.
    seeds = np.concatenate([draw.permutation(len(rows)) for _ in range(-(-guesses // len(rows)))])
    step = max(1, MEMORY // len(rows))
    parts = [
        _grown_around(rows, category, seeds[at : min(at + step, guesses)], widths, draw)
        for at in range(0, guesses, step)
    ]
    return joined(parts)


def _grown_around(
    rows: Points,
    category: NDArray[np.bool_],
    seeds: NDArray[np.intp],
    widths: tuple[float, ...],
    draw: np.random.Generator,
) -> Predicates:
    half = np.where(category, 0.0, np.resize(widths, len(seeds))[:, None])
    boxes = Predicates(
        rows[seeds] - half,
        rows[seeds] + half,
        np.zeros((len(seeds), rows.shape[1]), dtype=bool),
        np.full(len(seeds), "conjunction"),
    )
    light = np.resize(np.repeat(LIGHT, len(widths)), len(seeds))
    order = np.argsort(draw.random((len(seeds), rows.shape[1])), axis=1)
    fits = np.ones((len(seeds), len(rows)), dtype=bool)
    weight = np.ones(len(seeds))
    for step in range(rows.shape[1]):
        growing = (fits.sum(1) > 1) | (weight * len(rows) > light)
        for column in range(rows.shape[1]):
            present = ~np.isnan(rows[seeds, column])
            asked = np.flatnonzero(growing & present & (order[:, step] == column))
            if asked.size:
                inside = _between(rows, boxes, asked, column)
                boxes.used[asked, column] = True
                fits[asked] &= inside
                weight[asked] *= inside.mean(1)
    return boxes.at(fits.sum(1) == 1)
