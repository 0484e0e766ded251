# SPDX-License-Identifier: Apache-2.0
"""What was rebuilt of each person: who is recognised in it, how close it is, how sure the model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from polyveil.assess.measure import Measure
from polyveil.attack.guard import Guard
from polyveil.attack.inversion.look import NEGLIGIBLE
from polyveil.attack.inversion.reconstruction import (
    Floats,
    errors,
    flat,
    found_p,
    pairing_p,
    r_squared,
)
from polyveil.interval import Interval

Array: TypeAlias = NDArray[Any]
SURE = 0.9
"""Confidence of the model in what was rebuilt from which the search has arrived."""
FALLING = 0.02
"""Relative gain of the last quarter of the steps from which a search counts as getting on."""
RECOGNISED = 0.5
"""Share of real records that a recogniser must name rightly."""
OPEN = 1 / 3
"""Share of people that must be recognised in what was rebuilt from a model that hides nobody."""
MISTAKEN = 1e-3
"""p-value below which the null control counts as having found something."""


@dataclass(frozen=True, slots=True)
class Portrayed:
    """One record a class. Secret.

    Attributes:
      rebuilt: modality -> (c, ...); confidence: (c,), of the searched model.
      named: (c,), position of the class that the recogniser names.
      losses: of the search.
    """

    rebuilt: Mapping[str, Array] = field(repr=False)
    confidence: Array = field(repr=False)
    named: Array = field(repr=False)
    losses: tuple[float, ...] = field(repr=False)

    @property
    def hits(self) -> int:
        """Classes whose record is recognised as theirs."""
        return int((self.named == np.arange(len(self.named))).sum())

    @property
    def settled(self) -> bool:
        """The last quarter of 20 steps or more gained less than 2 % on the one before: a model that
        knows nobody is sure of nothing, however long one asks."""
        quarter = len(self.losses) // 4
        if quarter < 5:
            return False
        late, before = self.losses[-quarter:], self.losses[-2 * quarter : -quarter]
        return sum(late) > (1 - FALLING) * sum(before)

    def guards(self, open_: Portrayed, recogniser: float) -> Iterator[Guard]:
        """Did the search arrive, does it find what lies open, can the recogniser see?"""
        sure = float(np.median(self.confidence))
        yield Guard(
            "attacker converged", "false comfort", sure >= SURE or self.settled,
            f"the model is {sure:.0%} sure of what was rebuilt (median), and the search was "
            f"{'at its end' if self.settled else 'still getting on'}",
        )  # fmt: skip
        share = open_.hits / len(open_.named)
        yield Guard(
            "positive control", "false comfort", share >= OPEN,
            f"in a model made of people's mean records {open_.hits} of {len(open_.named)} were "
            "recognised",
        )  # fmt: skip
        yield Guard(
            "recogniser", "false comfort", recogniser >= RECOGNISED,
            f"it names {recogniser:.0%} of real records rightly",
        )  # fmt: skip

    def nothing(self, judges: Sequence[PersonJudge]) -> Guard:
        """This came from shuffled weights: nobody may be found in it."""
        count = len(self.named)
        shares = [one.share() for one in judges]
        quiet = found_p(self.hits, count, count) > MISTAKEN
        # A start that is no better than the mean cannot be closer than the mean, but by chance.
        close = any(
            share.low > NEGLIGIBLE and one.p_value() <= MISTAKEN
            for share, one in zip(shares, judges, strict=True)
        )
        best = max(share.estimate for share in shares)
        return Guard(
            "null control", "false alarm", quiet and not close,
            f"from shuffled weights {self.hits} of {count} were recognised, R² {best:.3f}",
        )  # fmt: skip


@dataclass(frozen=True)
class PersonJudge:
    """One modality.

    Attributes:
      name: of the modality; rebuilt: (c, ...), in the order of the sorted labels.
      gallery: (n, ...), real records; labels: (n,), whose.
      mean: the attacker's own, (...); seed: of bootstrap and permutations.
    """

    name: str
    rebuilt: Array
    gallery: Array
    labels: Array
    mean: Array
    seed: int

    @cached_property
    def own(self) -> Floats:
        """Each person's mean record, (c, d)."""
        return np.stack([flat(self.gallery[self.labels == one]).mean(0) for one in self._classes])

    @property
    def _classes(self) -> Array:
        return np.unique(self.labels)

    def share(self) -> Interval:
        """R² against all records of each person; bootstrap over people."""
        return self._of(self.rebuilt)

    def ceiling(self) -> float:
        """R² of each person's own mean record: no single one comes closer to all."""
        return self._of(self.own).estimate

    def p_value(self) -> float:
        """Chance that the records dealt out among people are as close to them."""
        return pairing_p(self.own, self.rebuilt, seed=self.seed)

    def measures(self) -> list[Measure]:
        """RE beside the mean's."""
        of_mean = np.broadcast_to(self.mean, self.rebuilt.shape)
        return [
            Measure(
                f"RE of rebuilt {self.name}", float(self._error(self.rebuilt).mean()),
                unit="squared input units", better="higher",
                baseline={
                    "attacker's mean": float(self._error(of_mean).mean()),
                    "the person's own mean": float(self._error(self.own).mean()),
                },
            )
        ]  # fmt: skip

    def _of(self, guess: Array) -> Interval:
        without = self._error(np.broadcast_to(self.mean, self.rebuilt.shape))
        return r_squared(self._error(guess), without, np.arange(len(without)), seed=self.seed)

    def _error(self, guess: Array) -> Floats:
        """Of each person's guess against all of his records, (c,)."""
        return np.array(
            [
                errors(
                    flat(self.gallery[self.labels == one]),
                    np.broadcast_to(row, (int((self.labels == one).sum()), row.size)),
                ).mean()
                for one, row in zip(self._classes, flat(guess), strict=True)
            ]
        )
