# SPDX-License-Identifier: Apache-2.0
"""A table under attack: columns of numbers and of categories, either with missing values.

No data frame library: a column is one numpy array, and what is missing is NaN among numbers and
None among categories.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from polyveil.errors import UsageError

Column: TypeAlias = NDArray[Any]
"""float64 (n,) with NaN for missing, or object (n,) of str with None for missing."""

MISSING = frozenset({"", "na", "n/a", "nan", "null", "none", "?"})
"""How the world writes that a cell is empty, in lower case."""


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """Rows of one kind, e.g. people.

    Attributes:
      columns: name -> values, all equally long; at least one. Secret.
    """

    columns: Mapping[str, Column] = field(repr=False)

    def __post_init__(self) -> None:
        sizes = {len(values) for values in self.columns.values()}
        if len(sizes) != 1:
            raise UsageError(
                f"table: columns of {sorted(sizes)} rows; expected one or more, equally long."
            )
        for name, values in self.columns.items():
            if values.ndim != 1 or values.dtype not in (np.float64, np.object_):
                raise UsageError(
                    f"table, column {name!r}: {values.dtype} {values.shape}; expected numbers "
                    "(float64) or categories (object). Table.of makes them."
                )

    @classmethod
    def of(cls, columns: Mapping[str, Iterable[Any]]) -> Table:
        """Columns of any plain values: numbers where every value reads as one, else categories."""
        return cls({name: column(list(values)) for name, values in columns.items()})

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.columns)

    def is_category(self, name: str) -> bool:
        """Whether a column holds categories rather than numbers."""
        return self.columns[name].dtype == np.object_

    def at(self, rows: NDArray[np.intp] | NDArray[np.bool_] | slice) -> Table:
        """These rows: integers or booleans."""
        return Table({name: values[rows] for name, values in self.columns.items()})

    def only(self, names: Sequence[str]) -> Table:
        """These columns, in this order.

        Raises:
          UsageError: naming a column that there is not.
        """
        absent = [name for name in names if name not in self.columns]
        if absent:
            raise UsageError(f"table: no column {absent[0]!r}; it has {', '.join(self.names)}.")
        return Table({name: self.columns[name] for name in names})

    def without(self, names: Sequence[str]) -> Table:
        """All columns but these."""
        return self.only([name for name in self.names if name not in names])

    def digests(self) -> list[bytes]:
        """SHA-256 of each row, columns in alphabetical order, by which splits are compared."""
        parts = [_texts(self.columns[name]) for name in sorted(self.columns)]
        return [
            hashlib.sha256("\0".join(row).encode()).digest() for row in zip(*parts, strict=True)
        ]


def stacked(tables: Sequence[Table]) -> Table:
    """The rows of all, in order, by the columns of the first."""
    names = tables[0].names
    return Table({n: np.concatenate([one.only([n]).columns[n] for one in tables]) for n in names})


def column(values: Sequence[Any]) -> Column:
    """One column: float64 if every value that is not missing is a number, else categories.

    | Values                         | Column                                              |
    |--------------------------------|-----------------------------------------------------|
    | None, NaN, "", "NA", "?", ...  | missing                                             |
    | 1, 2.5, "3", "1e-3"            | numbers                                             |
    | "00123", "+1"                  | categories: a code that would lose its zeros        |
    | True, "yes"                    | categories                                          |
    | infinities                     | missing: no distance reaches them                   |
    | nothing but missing            | numbers, all NaN                                    |
    """
    texts = [_plain(value) for value in values]
    numbers = [_number(value) for value in texts]
    if all(n is not None or v is None for n, v in zip(numbers, texts, strict=True)):
        return np.array([math.nan if n is None else n for n in numbers], dtype=np.float64)
    found = np.empty(len(texts), dtype=np.object_)
    found[:] = [None if value is None else _label(value) for value in texts]
    return found


def _plain(value: Any) -> Any:
    if value is None or (isinstance(value, str) and value.strip().lower() in MISSING):
        return None
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, str) and not _reads_as_number(value.strip()):
        return None
    try:
        found = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def _reads_as_number(text: str) -> bool:
    # A postcode or a key of digits is a name, not a quantity.
    digits = text.removeprefix("-")
    coded = len(digits) > 1 and digits[0] == "0" and digits[1].isdigit()
    return text.isascii() and "_" not in text and not coded and not text.startswith("+")


def _label(value: Any) -> str:
    # 3 and 3.0 are one category, whatever file they came from.
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()


def _texts(values: Column) -> list[str]:
    if values.dtype == np.object_:
        return ["" if value is None else "s" + str(value) for value in values]
    # Zero has two signs and one meaning.
    return ["" if math.isnan(value) else float(value + 0.0).hex() for value in values]
