# SPDX-License-Identifier: Apache-2.0
"""One measured figure, beside what it is to be compared with, and the words for what it shows.

A bare number says nothing: 3 % is much where guessing gives 0.1 %, and little where it gives 3 %.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from polyveil.interval import Interval

Verdict: TypeAlias = Literal[
    "leak demonstrated",
    "weakness demonstrated",
    "none detected",
    "inconclusive",
    "not tested",
]
"""What an attack showed. A leak says something about people; a weakness lets someone make the
model say what he wants. "None detected" is about this attack, so strong, and about nothing else."""


@dataclass(frozen=True, slots=True)
class Measure:
    """One measured figure, beside what it is to be compared with.

    Attributes:
      name: what was measured, e.g. "re-identification, rank 1".
      value: with its interval; a bare number only where no sampling is involved (seconds, bytes).
      unit: "share" for a fraction in [0, 1], shown as per cent; else printed as it is.
      better: which way protection or quality improves; None where neither.
      baseline: the same figure elsewhere, e.g. {"original": .97, "blur": .88, "chance": .01}.
      attacker: who measured: recogniser, its training and its access; None for a quality figure.
      note: one plain sentence on how to read it.
    """

    name: str
    value: Interval | float
    unit: str = "share"
    better: Literal["lower", "higher"] | None = None
    baseline: Mapping[str, float] = field(default_factory=dict)
    attacker: str | None = None
    note: str = ""

    def __post_init__(self) -> None:
        numbers = {"value": self.estimate, **self.baseline}
        for name, number in numbers.items():
            if not math.isfinite(number):
                raise ValueError(f"{self.name}: expected a finite {name}, got {number}.")

    @property
    def estimate(self) -> float:
        return self.value.estimate if isinstance(self.value, Interval) else self.value
