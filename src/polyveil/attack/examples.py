# SPDX-License-Identifier: Apache-2.0
"""Records as a model takes them: one tensor a modality, row i of each the same record."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from polyveil.errors import UsageError

Inputs: TypeAlias = Mapping[str, Tensor]
"""Modality -> (records, ...)."""


@dataclass(frozen=True, slots=True)
class Examples:
    """Labelled records.

    Attributes:
      inputs: modality -> (n, ...); at least one. Secret.
      labels: int64 (n,). Secret.
    """

    inputs: Inputs = field(repr=False)
    labels: Tensor = field(repr=False)

    def __post_init__(self) -> None:
        sizes = {name: len(values) for name, values in self.inputs.items()}
        if not sizes or set(sizes.values()) != {len(self.labels)}:
            raise UsageError(
                f"examples: rows {sizes}, labels {len(self.labels)}; expected one or more "
                "modalities, each with one row a label."
            )
        if self.labels.ndim != 1 or self.labels.dtype != torch.int64:
            raise UsageError(
                f"examples: labels {tuple(self.labels.shape)} {self.labels.dtype}; expected int64 "
                "(n,)."
            )

    def __len__(self) -> int:
        return len(self.labels)

    def at(self, rows: NDArray[np.intp] | Tensor | slice) -> Examples:
        """These rows: integers or booleans."""
        chosen = torch.from_numpy(rows) if isinstance(rows, np.ndarray) else rows
        return Examples(
            {name: values[chosen] for name, values in self.inputs.items()}, self.labels[chosen]
        )

    def pieces(self, size: int) -> Iterator[Examples]:
        """All of it in order, `size` records at once."""
        for start in range(0, len(self), size):
            yield self.at(slice(start, start + size))

    def digests(self) -> list[bytes]:
        """SHA-256 of each record's inputs, by which splits are proven disjoint; labels aside, for
        the same picture under another label is the same picture."""
        parts = [
            (name.encode(), values.detach().cpu().contiguous().numpy())
            for name, values in sorted(self.inputs.items())
        ]
        found = []
        for row in range(len(self)):
            digest = hashlib.sha256()
            for name, values in parts:
                digest.update(name + b"\0" + values[row].tobytes())
            found.append(digest.digest())
        return found


def joined(first: Examples, second: Examples) -> Examples:
    """The records of both, in order."""
    return Examples(
        {name: torch.cat([first.inputs[name], second.inputs[name]]) for name in first.inputs},
        torch.cat([first.labels, second.labels]),
    )
