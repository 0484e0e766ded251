# SPDX-License-Identifier: Apache-2.0
"""What a training tells whoever listens, on the way. Nothing in it is a secret."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from polyveil.learn.history import Measured


@dataclass(frozen=True, slots=True)
class Said:
    """A sentence for the user."""

    text: str


@dataclass(frozen=True, slots=True)
class Read:
    """Records were read.

    Attributes:
      records, of: so far, and in all.
    """

    records: int
    of: int


@dataclass(frozen=True, slots=True)
class Stepped:
    """A noised step is done.

    Attributes:
      model: which one.
      step, steps: done so far, and in all; of this model.
    """

    model: str
    step: int
    steps: int


@dataclass(frozen=True, slots=True)
class Told:
    """A measurement was released; on the disk before it is told."""

    model: str
    measured: Measured


Progress: TypeAlias = Said | Read | Stepped | Told
Listener: TypeAlias = Callable[[Progress], None]


def silence(event: Progress) -> None:
    """The listener that hears nothing."""
