# SPDX-License-Identifier: Apache-2.0
"""Embeddings that somebody has made already: columns of a table, or .npy files beside it.

    {"person": "p7", "embedding_face": [0.12, -0.4, ...]}          numbers in the row
    {"person": "p7", "embedding_face": "vectors/p7.npy"}           a file with one vector
    {"person": "p7", "embedding_face": "faces.npy#17"}             row 17, from 0, of a matrix

What made them is not known here: the id of this encoder rests on the name that the user gives it
and on the number of dimensions. Whoever changes the network without changing the name compares
angles that mean nothing; nothing can notice that.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polyveil.errors import UnreadableRecord, UsageError
from polyveil.recognize.encoder import PROBE_DRAWS, identity, unit
from polyveil.records.record import Record, Refused
from polyveil.records.walk import inside

COLUMN = "embedding_"
_LARGEST = 4096


@dataclass(frozen=True)
class ReadyMade:
    """Embeddings from the columns `embedding_<modality>`.

    Attributes:
      name: of what made them, as the user calls it; "" if he does not say.
      dimensions: modality -> numbers of an embedding.
      root: folder that file names are relative to and may not leave; None where there is none.
    """

    name: str
    dimensions: Mapping[str, int]
    root: Path | None = field(default=None, repr=False)

    @classmethod
    def of(cls, records: Iterable[Record | Refused], root: Path, *, name: str = "") -> ReadyMade:
        """The encoder behind a data set: modalities and dimensions as the first records have them.

        Raises:
          UsageError: no record has such a column that can be read.
        """
        found: dict[str, int] = {}
        for record in records:
            if isinstance(record, Refused):
                continue
            for column in record.row.keys() - {COLUMN + modality for modality in found}:
                if column.startswith(COLUMN) and record.row[column] is not None:
                    length = _length(record.row[column], root)
                    if length:
                        found[column.removeprefix(COLUMN)] = length
        if not found:
            raise UsageError(
                f"embeddings: no row has a column {COLUMN}<modality> with numbers or a .npy file; "
                f"expected for example {COLUMN}face."
            )
        return cls(name, dict(sorted(found.items())), root)

    @property
    def id(self) -> str:
        """See `Encoder`: of the name and the dimensions."""
        return identity("embeddings", name=self.name, dimensions=dict(self.dimensions))

    def modalities(self, record: Record) -> frozenset[str]:
        """See `Encoder`."""
        return frozenset(
            name for name in self.dimensions if record.row.get(COLUMN + name) is not None
        )

    def embed(self, record: Record, *, draws: int = PROBE_DRAWS) -> dict[str, NDArray[np.float32]]:
        """See `Encoder`."""
        return {
            name: unit(
                _vector(name, record.row[COLUMN + name], self.root),
                modality=name,
                dimension=self.dimensions[name],
            )
            for name in sorted(self.modalities(record))
        }


def vector_file(path: Path, modality: str) -> list[float]:
    """The numbers of one .npy file, as a row of a table would hold them.

    Raises:
      UnreadableRecord: no .npy file of one vector.
    """
    return [float(value) for value in _one(_array(path, modality), None, modality)]


def _length(value: Any, root: Path) -> int:
    try:
        vector = _vector("embedding", value, root)
    except UnreadableRecord:
        return 0
    return len(vector) if vector.ndim == 1 and 2 <= len(vector) <= _LARGEST else 0


def _vector(modality: str, value: Any, root: Path | None) -> NDArray[Any]:
    if isinstance(value, str):
        return _from_file(modality, value, root)
    numbers = isinstance(value, list) and all(
        isinstance(one, int | float) and not isinstance(one, bool) for one in value
    )
    if not numbers:
        raise UnreadableRecord(
            f"{COLUMN}{modality}: a {type(value).__name__}; expected a list of numbers or a file."
        )
    return np.asarray(value, dtype=np.float64)


def _from_file(modality: str, value: str, root: Path | None) -> NDArray[Any]:
    name, _, row = value.partition("#")
    path = None if root is None or "\0" in name else inside(root.resolve(), root / name)
    if path is None or not path.is_file() or not ((row.isascii() and row.isdigit()) or not row):
        raise UnreadableRecord(
            f"{COLUMN}{modality}: no file of the data set; expected FILE.npy or FILE.npy#ROW."
        )
    return _one(_array(path, modality), int(row) if row else None, modality)


def _one(array: NDArray[Any], row: int | None, modality: str) -> NDArray[Any]:
    vectors = array if row is None else array[row : row + 1]
    if vectors.ndim == 2 and len(vectors) == 1:
        vectors = vectors[0]
    if vectors.ndim != 1 or array.dtype.kind not in "fiu":
        raise UnreadableRecord(
            f"{COLUMN}{modality}: a file of shape {array.shape}, {array.dtype}, row {row}; "
            "expected one vector of numbers."
        )
    return np.asarray(vectors, dtype=np.float64)


def _array(path: Path, modality: str) -> NDArray[Any]:
    try:
        return _mapped(path, path.stat().st_mtime_ns)
    except (OSError, ValueError, EOFError):
        raise UnreadableRecord(
            f"{COLUMN}{modality}: a file that numpy cannot read; expected .npy."
        ) from None


@lru_cache(maxsize=8)
def _mapped(path: Path, changed: int) -> NDArray[Any]:
    loaded = np.load(path, mmap_mode="r", allow_pickle=False)
    if not isinstance(loaded, np.ndarray):
        raise ValueError("an archive of several arrays")
    return loaded
