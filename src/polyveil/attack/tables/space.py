# SPDX-License-Identifier: Apache-2.0
"""Rows as points: numbers and categories of several tables on one scale, and how far apart.

The distance is Gower's: the mean over columns of |difference| / range for numbers and of "another
category" (0 or 1) for categories; a column in which either row has nothing is left out. The range
is that of the middle 98 %, so that one odd value does not make everybody else alike, and a column
counts for 1 at most.

Source: Gower, "A General Coefficient of Similarity and Some of Its Properties", Biometrics 27
(1971).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from polyveil.attack.tables.table import Table
from polyveil.errors import UsageError

Points: TypeAlias = NDArray[np.float64]
"""(rows, columns): a number on its scale, or the index of a category; NaN where missing."""

MEMORY = 64 << 20
"""Bytes that one block of anything may take."""
_BLOCK = 1 << 20
"""Bytes of a block of distances: what a core keeps near is added up several times as fast."""


@dataclass(frozen=True, slots=True)
class Space:
    """One scale for several tables.

    Attributes:
      names: columns that all of them have, in the order of the first.
      category: bool (columns,).
      vocabulary: column -> its categories, sorted; only of columns of categories.
      low, width: float64 (columns,), of numbers: the point is (value - low) / width.
    """

    names: tuple[str, ...]
    category: NDArray[np.bool_]
    vocabulary: dict[str, dict[str, int]] = field(repr=False)
    low: NDArray[np.float64] = field(repr=False)
    width: NDArray[np.float64] = field(repr=False)

    @classmethod
    def of(cls, tables: Sequence[Table]) -> Space:
        """The scale on which all rows of all tables are treated alike.

        Raises:
          UsageError: no column is in all of them.
        """
        names = tuple(n for n in tables[0].names if all(n in one.columns for one in tables))
        if not names:
            raise UsageError("tables: no column is in all of them; expected the same columns.")
        category = np.array([any(one.is_category(n) for one in tables) for n in names])
        vocabulary: dict[str, dict[str, int]] = {}
        low, width = np.zeros(len(names)), np.ones(len(names))
        for at, name in enumerate(names):
            if category[at]:
                known = {v for one in tables for v in _labels(one, name) if v is not None}
                vocabulary[name] = {value: code for code, value in enumerate(sorted(known))}
            else:
                values = np.concatenate([one.columns[name] for one in tables])
                low[at], width[at] = _scale(values)
        return cls(names, category, vocabulary, low, width)

    def points(self, table: Table) -> Points:
        """The rows of a table on this scale; a category that nobody had is missing."""
        found = np.empty((len(table), len(self.names)))
        for at, name in enumerate(self.names):
            if self.category[at]:
                codes = self.vocabulary[name]
                found[:, at] = [codes.get(v, np.nan) if v else np.nan for v in _labels(table, name)]
            else:
                found[:, at] = (table.columns[name] - self.low[at]) / self.width[at]
        return found

    def columns(self, names: Sequence[str]) -> NDArray[np.intp]:
        """Where these columns stand in `points`.

        Raises:
          UsageError: naming the column that not all tables have.
        """
        for name in names:
            if name not in self.names:
                raise UsageError(f"tables: no column {name!r} in all; {', '.join(self.names)} are.")
        return np.array([self.names.index(name) for name in names], dtype=np.intp)

    def distances(
        self, one: Points, other: Points, columns: NDArray[np.intp] | None = None
    ) -> Iterator[tuple[slice, NDArray[np.float32]]]:
        """Gower distances in blocks of rows of `one`: (which rows, float32 (rows, len(other))).

        In [0, 1]; 1 where two rows have no column in common. A block has one row at least and
        takes about a megabyte otherwise, however long the tables are.
        """
        chosen = np.arange(len(self.names)) if columns is None else columns
        step = max(1, _BLOCK // (4 * max(1, len(other))))
        second = other[:, chosen].astype(np.float32)
        for start in range(0, len(one), step):
            rows = slice(start, min(start + step, len(one)))
            first = one[rows][:, chosen].astype(np.float32)
            yield rows, _gower(first, second, self.category[chosen])


def _gower(
    one: NDArray[np.float32], other: NDArray[np.float32], category: NDArray[np.bool_]
) -> NDArray[np.float32]:
    total = np.zeros((len(one), len(other)), dtype=np.float32)
    shared = np.zeros_like(total) if np.isnan(one).any() or np.isnan(other).any() else None
    gap = np.empty_like(total)
    for at, is_category in enumerate(category):
        np.subtract(one[:, at, None], other[None, :, at], out=gap)
        np.abs(gap, out=gap)
        if is_category:
            # Codes are whole numbers: another one is one away at least.
            np.ceil(gap, out=gap)
        np.minimum(gap, np.float32(1.0), out=gap)
        if shared is None:
            total += gap
        else:
            present = ~np.isnan(gap)
            shared += present
            total += np.where(present, gap, np.float32(0.0))
    if shared is None:
        return total / np.float32(len(category))
    nothing = shared == 0
    return np.where(nothing, np.float32(1.0), total / np.maximum(shared, 1.0))


def _labels(table: Table, name: str) -> list[str | None]:
    values = table.columns[name]
    if values.dtype == np.object_:
        return list(values)
    # Numbers here, categories in another table: compared as what they are called.
    return [None if np.isnan(v) else str(int(v)) if v.is_integer() else str(v) for v in values]


def _scale(values: NDArray[np.float64]) -> tuple[float, float]:
    known = values[~np.isnan(values)]
    if not known.size:
        return 0.0, 1.0
    low, high = np.quantile(known, (0.01, 0.99))
    if high <= low:
        low, high = known.min(), known.max()
    return float(low), float(high - low) if high > low else 1.0
