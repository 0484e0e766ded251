# SPDX-License-Identifier: Apache-2.0
"""Labelled records of several modalities in memory; some may lack some of them.

What a network reads of a record is made beforehand, by fixed rules and from that record alone, so
that a promise about one record holds from its file on. Rows of what is missing are zeros, and the
mask says so.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from polyveil.errors import UsageError
from polyveil.learn.labelled import Labelled, held_out_number
from polyveil.records.record import Refused

Numbers: TypeAlias = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Multimodal:
    """Records with their classes.

    Attributes:
      inputs: modality -> float32 (n, *shape); what stands where a record lacks it, such as NaN,
        becomes zeros. Secret.
      present: bool (n, modalities), columns in the order of `inputs`; at least one in a row.
      labels: int64 (n,), index into `classes`. Secret.
      classes: their names. Public: a model that tells them apart states them.
      refused: records that could not be used, each with the reason.
      spreads: modality -> how far off an autoencoder may be, in units of the input; a fixed fact
        of the reading, never measured on the records.
      kinds: modality -> kind of its front end, e.g. "face"; empty where nobody said.
    """

    inputs: Mapping[str, Numbers] = field(repr=False)
    present: NDArray[np.bool_] = field(repr=False)
    labels: NDArray[np.int64] = field(repr=False)
    classes: tuple[str, ...]
    refused: tuple[Refused, ...] = ()
    spreads: Mapping[str, float] = field(default_factory=dict)
    kinds: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        rows = {len(one) for one in self.inputs.values()} | {len(self.labels)}
        if len(rows) != 1 or self.present.shape != (len(self.labels), len(self.inputs)):
            raise UsageError(
                f"records: {sorted(rows)} rows and a mask {self.present.shape}; expected one row "
                "a record everywhere and one column a modality."
            )
        if not self.present.any(axis=1).all():
            raise UsageError("records: a row without any modality; expected at least one.")
        pairs = zip(self.inputs.items(), self.present.T, strict=True)
        inputs = {name: _blank(values, ~there) for (name, values), there in pairs}
        object.__setattr__(self, "inputs", inputs)

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Modality -> shape of one record."""
        return {name: values.shape[1:] for name, values in self.inputs.items()}

    def held_out(
        self, share: float, key: bytes, units: Sequence[str] | None = None
    ) -> tuple[Multimodal, Multimodal]:
        """(the rest, about `share` of the records), by a keyed hash of each record alone.

        Equal records stay together, so none is both trained on and measured. With units, whole
        units do. A unit has to be a fact of its record, such as who speaks in it: what follows from
        comparing records would let one of them move others.

        Args:
          share: in [0, 1]. Of few units, quite another share may come out, even none: each is
            drawn by itself.
          key: secret.
          units: what each record is held out with; None: its own content.
        """
        bound = int(share * 2**64)
        numbers = (
            (
                held_out_number(key, self._content(row), int(label))
                for row, label in enumerate(self.labels)
            )
            if units is None
            else (held_out_number(key, f"unit {one}".encode(), 0) for one in units)
        )
        out = np.array([number < bound for number in numbers], dtype=bool)
        return self.where(~out), self.where(out)

    def where(self, chosen: NDArray[np.bool_]) -> Multimodal:
        """The chosen records; classes stay."""
        inputs = {name: values[chosen] for name, values in self.inputs.items()}
        return replace(
            self, inputs=inputs, present=self.present[chosen], labels=self.labels[chosen]
        )

    def _content(self, row: int) -> bytes:
        digest = hashlib.sha256(self.present[row].tobytes())
        for values in self.inputs.values():
            digest.update(values[row].tobytes())
        return digest.digest()


def _blank(values: Numbers, missing: NDArray[np.bool_]) -> Numbers:
    """With zeros in the rows that are missing; the same array where they are zeros already."""
    if not values[missing].any():
        return values
    values = values.copy()
    values[missing] = 0
    return values


Data: TypeAlias = Labelled | Multimodal


@dataclass(frozen=True, slots=True)
class Example:
    """One record, read: what a network takes of it.

    Attributes:
      inputs: modality -> float32, those that it has. Secret.
      label: name of its class. Secret.
    """

    inputs: Mapping[str, Numbers] = field(repr=False)
    label: str = field(repr=False)


def stacked(
    examples: Iterable[Example],
    shapes: Mapping[str, tuple[int, ...]],
    classes: tuple[str, ...],
    refused: Iterable[Refused] = (),
    spreads: Mapping[str, float] | None = None,
    kinds: Mapping[str, str] | None = None,
) -> Multimodal:
    """Examples as one value.

    Args:
      shapes: modality -> shape, in the order of the network's inputs.
      classes: names that labels are looked up in.
    """
    rows = list(examples)
    inputs = {
        name: np.zeros((len(rows), *shape), dtype=np.float32) for name, shape in shapes.items()
    }
    present = np.zeros((len(rows), len(shapes)), dtype=bool)
    number = {name: at for at, name in enumerate(classes)}
    labels = np.zeros(len(rows), dtype=np.int64)
    for row, example in enumerate(rows):
        labels[row] = number[example.label]
        for column, name in enumerate(shapes):
            if name in example.inputs:
                inputs[name][row] = example.inputs[name]
                present[row, column] = True
    return Multimodal(
        inputs, present, labels, classes, tuple(refused), dict(spreads or {}), dict(kinds or {})
    )
