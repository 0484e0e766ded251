# SPDX-License-Identifier: Apache-2.0
"""What a malicious contributor wants, and which records he hands in for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from polyveil.attack.examples import Examples
from polyveil.attack.guard import Guard
from polyveil.attack.paired import Hits
from polyveil.attack.threat import Threat
from polyveil.errors import UsageError
from polyveil.interval import Interval

Classes: TypeAlias = NDArray[np.int64]
"""(records,): one class a record."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The figures that a plan turns into a sentence.

    Attributes:
      rate: share of the training records that were poisoned; in [0, 1].
      poisoned, records: how many, of how many.
      reached: share of judged records on which the goal was reached.
      anyway: the same without poison.
      loss: accuracy on clean records lost to the poison.
    """

    rate: float
    poisoned: int
    records: int
    reached: Interval
    anyway: float
    loss: Interval

    @property
    def contribution(self) -> str:
        """e.g. "5.0% of the training records (50 of 1,000)"."""
        return f"{self.rate:.1%} of the training records ({self.poisoned:,} of {self.records:,})"

    @property
    def change(self) -> str:
        """e.g. "the accuracy changes by -0.3 points"; never "-0.0"."""
        return f"the accuracy changes by {round(-100 * self.loss.estimate, 1) + 0.0:+.1f} points"


class Plan(Protocol):
    """One way to poison. The records that it returns are as many as it was given."""

    @property
    def name(self) -> str:
        """As a report prints it."""
        ...

    @property
    def goal(self) -> str:
        """What is reached on a judged record, e.g. "marked records answered with class 3"."""
        ...

    @property
    def threat(self) -> Threat:
        """The attacker."""
        ...

    @property
    def not_tested(self) -> tuple[str, ...]:
        """What a reader could believe was tried."""
        ...

    def poisoned(self, train: Examples, test: Examples, rate: float, seed: int) -> Poison:
        """The training records with the attacker's among them."""
        ...

    def control(self, train: Examples, test: Examples, seed: int) -> Poison:
        """So much poison that it must succeed against any training that learns."""
        ...

    def judged(self, test: Examples) -> Examples:
        """Records on which the goal is judged, under their true labels."""
        ...

    def unaided(self, test: Examples) -> Examples | None:
        """The judged records without what the attacker does at test time, if he does anything: a
        goal that is reached on these, too, is none of the mark's doing."""
        ...

    def clean(self, test: Examples) -> Examples:
        """Records on which the loss of everybody else is judged."""
        ...

    def reached(self, answers: Classes, labels: Classes) -> Hits:
        """On which of the judged records the goal was reached."""
        ...

    def health(self, test: Examples, twin_right: Hits, twin_judged: Hits) -> tuple[Guard, ...]:
        """Guards of its own.

        Args:
          twin_right: of the unpoisoned twin, on `clean(test)`.
          twin_judged: of the same, on `judged(test)`.
        """
        ...

    def sentence(self, outcome: Outcome) -> str:
        """The outcome for a reader who is no engineer."""
        ...


@dataclass(frozen=True, slots=True)
class Poison:
    """Training records, the attacker's among them.

    Attributes:
      examples: as many as there were; secret.
      rows: int (k,): which of them are the attacker's.
    """

    examples: Examples
    rows: NDArray[np.intp]


def chosen(candidates: NDArray[np.intp], rate: float, of: int, seed: int) -> NDArray[np.intp]:
    """round(rate * of) of the candidates, at least one at any rate above 0; those of a smaller rate
    are among those of a greater one, so that rates differ by their amount alone.

    Raises:
      UsageError: not so many candidates.
    """
    count = max(1, round(rate * of)) if rate > 0 else 0
    if count > len(candidates):
        raise UsageError(
            f"poisoning: {rate:.1%} of {of:,} records are {count:,}; only {len(candidates):,} can "
            "be poisoned so. Ask for a smaller rate."
        )
    return np.random.default_rng(seed).permutation(candidates)[:count]
