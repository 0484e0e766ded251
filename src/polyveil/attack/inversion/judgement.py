# SPDX-License-Identifier: Apache-2.0
"""What rebuilt records show: each modality by closeness and by identity, beside every baseline."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from polyveil.assess.measure import Measure
from polyveil.attack.guard import Guard
from polyveil.attack.inversion.evidence import Rebuilt
from polyveil.attack.inversion.look import NEGLIGIBLE, Look, explained, led_back
from polyveil.attack.inversion.reconstruction import (
    Floats,
    errors,
    found_p,
    nearest,
    pairing_p,
    r_squared,
)
from polyveil.interval import Interval, bootstrap

Array: TypeAlias = NDArray[Any]
REACHED = 0.5
"""Share of what an open embedding offers that the same decoder must get out of it."""
MISTAKEN = 1e-3
"""p-value below which the null control counts as having found something."""


@dataclass(frozen=True)
class Judge:
    """One modality of one attempt.

    Attributes:
      name: of the modality; one: what became of it.
      people: (n,), who is in each victim's record.
      classes: (n,) labels that the attacker knows anyway; None: he knows none.
      features: what records are compared by when one looks for the original.
      known: records of the attacker; seed: of bootstrap and permutations.
    """

    name: str
    one: Rebuilt
    people: Array
    classes: Array | None
    features: Callable[[Array], Array]
    known: int
    seed: int

    @cached_property
    def error(self) -> Floats:
        """Of each rebuilt record, (n,)."""
        return errors(self.one.originals, self.one.rebuilt)

    @cached_property
    def without(self) -> Floats:
        """Of what the attacker has without the target: his mean, or that of the known class."""
        by_class = self.one.views.by_class
        knows = self.classes is not None and by_class is not None
        return errors(self.one.originals, by_class if knows and by_class is not None else self.mean)

    @cached_property
    def points(self) -> NDArray[np.intp]:
        """Row of the victim that each reconstruction points at."""
        return self._points(self.one.rebuilt)

    @property
    def mean(self) -> Array:
        """The attacker's mean, once for each victim."""
        return np.broadcast_to(self.one.mean, self.one.originals.shape)

    @property
    def who(self) -> str:
        """The attacker, as a measure names him."""
        return f"{self.one.decoder} decoder, {self.known:,} records of other people"

    def looks(self) -> list[Look]:
        """By closeness; by identity unless the labels are known, whose guess identifies too."""
        one = self.one
        by_closeness = explained(
            self.name,
            self._explains(self.error),
            pairing_p(one.originals, one.rebuilt, within=self.classes, seed=self.seed),
            beside=self._beside(),
            attacker=self.who,
        )
        if self.classes is not None:
            return [by_closeness]
        count = len(self.points)
        hits = _own(self.points)
        by_identity = led_back(
            self.name, hits, count, chance=1 / count, p_value=found_p(hits, count, count),
            attacker=self.who, of=f"{count:,} records",
        )  # fmt: skip
        return [by_closeness, by_identity]

    def measures(self) -> list[Measure]:
        """RE beside all baselines; the worst record; the same person by another record."""
        one, views = self.one, self.one.views
        beside = {"attacker's mean": float(errors(one.originals, self.mean).mean())}
        if views.by_class is not None:
            beside["class mean"] = float(errors(one.originals, views.by_class).mean())
        beside["nearest attacker record"] = float(errors(one.originals, views.nearest).mean())
        found = [
            Measure(
                f"RE of rebuilt {self.name}", float(self.error.mean()), unit="squared input units",
                better="higher", baseline=beside, attacker=self.who,
            ),
            Measure(
                f"R² of the best rebuilt {self.name}", float(self.each.max()), unit="",
                better="lower", attacker=self.who,
            ),
        ]  # fmt: skip
        if views.single is not None:
            found.append(
                Measure(
                    f"R² of rebuilt {self.name}, one query a record",
                    self._explains(errors(one.originals, views.single)), unit="", better="lower",
                    baseline={"without the target": 0.0}, attacker=self.who,
                )
            )  # fmt: skip
        return found + self._by_another_record()

    def guards(self) -> list[Guard]:
        """Was the attacker strong enough, and does he see what is not there?"""
        health, name = self.one.health, self.name
        slow = [kind for kind, done in health.converged.items() if not done]
        gain = 1 - health.clear_error / health.held_mean_error if health.held_mean_error else 0.0
        offered = 1 - health.clear_best / health.held_mean_error if health.held_mean_error else 0.0
        weak = health.held_error > 1.01 * health.held_mean_error
        times = health.held_error / health.held_mean_error if health.held_mean_error else 1.0
        return [
            Guard(
                f"attacker converged ({name})", "false comfort", not slow,
                f"the held-out error was still falling: {', '.join(slow)}" if slow
                else "the held-out error had stopped falling",
            ),
            Guard(
                f"attacker beats the mean ({name})", "false comfort", not weak,
                f"his held-out error is {times:.3g} times that of predicting the mean",
            ),
            Guard(
                f"positive control ({name})", "false comfort", gain >= REACHED * offered > 0,
                f"from an open embedding of the same size the same decoder rebuilds R² {gain:.2f} "
                f"of {offered:.2f} possible",
            ),
            self._null(),
        ]  # fmt: skip

    def arrays(self) -> dict[str, Array]:
        """Per victim; secret."""
        return {
            f"{self.name}/original": self.one.originals,
            f"{self.name}/rebuilt": self.one.rebuilt,
            f"{self.name}/error": self.error,
            f"{self.name}/points at": self.points,
        }

    def _null(self) -> Guard:
        nothing = self._explains(errors(self.one.originals, self.one.health.null))
        count = len(self.points)
        hits = _own(self._points(self.one.health.null))
        quiet = nothing.low <= NEGLIGIBLE and found_p(hits, count, count) > MISTAKEN
        return Guard(
            f"null control ({self.name})", "false alarm", quiet,
            f"from noise the same decoder rebuilds R² {nothing.estimate:.3f} and re-identifies "
            f"{hits} of {count:,}",
        )  # fmt: skip

    def _by_another_record(self) -> list[Measure]:
        """Whether the person is recognised by other records of his, the rebuilt one's left out."""
        people = self.people
        if len(np.unique(people)) == len(people):
            return []
        points = self._points(self.one.rebuilt, apart=True)
        same = people[:, None] == people[None, :]
        chance = float((same.sum(1) - 1).mean() / (len(people) - 1))
        units = np.array(
            [(people[points] == people)[people == who].mean() for who in np.unique(people)]
        )
        return [
            Measure(
                f"person of rebuilt {self.name} recognised among other records, rank 1",
                bootstrap(units, seed=self.seed), better="lower",
                baseline={"chance": chance}, attacker=self.who,
                note=f"The gallery holds {len(people) - 1:,} records.",
            )
        ]  # fmt: skip

    def _points(self, rebuilt: Array, *, apart: bool = False) -> NDArray[np.intp]:
        centre = self.features(self.one.mean[None])[0]
        gallery, queries = self.features(self.one.originals), self.features(rebuilt)
        return nearest(queries, gallery, centre, apart=apart)

    def _beside(self) -> dict[str, float]:
        views, found = self.one.views, {}
        if views.by_class is not None and self.classes is None:
            found["class mean"] = self._explains(
                errors(self.one.originals, views.by_class)
            ).estimate
        found["nearest attacker record"] = self._explains(
            errors(self.one.originals, views.nearest)
        ).estimate
        return found

    @property
    def each(self) -> Floats:
        """R² of each record alone."""
        return 1 - self.error / np.maximum(self.without, 1e-12)

    def _explains(self, error: Floats) -> Interval:
        return r_squared(error, self.without, self.people, seed=self.seed)


def _own(points: NDArray[np.intp]) -> int:
    return int((points == np.arange(len(points))).sum())
