# SPDX-License-Identifier: Apache-2.0
"""One wanted column guessed from the known ones, with a release as all that there is to learn from.

Source: boosted trees by histograms as in scikit-learn; correct attribution probability: Taub,
Elliot, Pampaka & Smith, PSD 2018.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polyveil import _optional
from polyveil.attack.tables.seats import Seats
from polyveil.attack.tables.space import Points

LEARNERS = ("nearest", "boosted")
_MOST_ROWS = 20_000
_MOST_CLASSES = 50


@dataclass(frozen=True, slots=True)
class View:
    """Everybody, divided into what is known and what is wanted.

    Attributes:
      seats: who sat where.
      known, wanted: columns of their points.
      within: how near a number must be guessed, as a share of the column's range.
    """

    seats: Seats
    known: NDArray[np.intp]
    wanted: int
    within: float
    seed: int

    @property
    def _category(self) -> bool:
        return bool(self.seats.space.category[self.wanted])

    def hits(self, learner: str, release: Points) -> NDArray[np.bool_]:
        """Who of all people is guessed rightly from these rows."""
        rows = release[~np.isnan(release[:, self.wanted])]
        if not len(rows):
            return np.zeros(len(self.seats.people), dtype=bool)
        guess = self._nearest(rows) if learner == "nearest" else self._boosted(rows)
        return self._right(guess, self.seats.people[:, self.wanted])

    def attribution(self, release: Points) -> NDArray[np.float64]:
        """Share of the closest released rows that have the person's true value."""
        truth = self.seats.people[:, self.wanted]
        found = np.zeros(len(truth))
        for people, gaps in self._gaps(release):
            near = gaps <= gaps.min(1, keepdims=True) + 1e-6
            right = self._right(release[None, :, self.wanted], truth[people][:, None])
            found[people] = (near & right).sum(1) / near.sum(1)
        return found

    def common(self, outside: Points) -> float:
        """Share of members who have the most common value of others (of numbers: the median)."""
        values = outside[~np.isnan(outside[:, self.wanted]), self.wanted]
        if not len(values):
            return 0.0
        guess = _mode(values) if self._category else float(np.median(values))
        return float(self._right(np.array(guess), self.seats.members[:, self.wanted]).mean())

    def _gaps(self, release: Points) -> Iterator[tuple[slice, NDArray[np.float32]]]:
        return self.seats.space.distances(self.seats.people, release, self.known)

    def _right(self, guess: NDArray[np.float64], truth: NDArray[np.float64]) -> NDArray[np.bool_]:
        room = 0.0 if self._category else self.within
        right: NDArray[np.bool_] = np.abs(guess - truth) <= room + 1e-9
        return right

    def _nearest(self, rows: Points) -> NDArray[np.float64]:
        found = np.empty(len(self.seats.people))
        for people, gaps in self._gaps(rows):
            near = gaps <= gaps.min(1, keepdims=True) + 1e-6
            for at, chosen in zip(range(people.start, people.stop), near, strict=True):
                values = rows[chosen, self.wanted]
                found[at] = _mode(values) if self._category else np.median(values)
        return found

    def _boosted(self, rows: Points) -> NDArray[np.float64]:
        ensemble = _optional.require(
            "sklearn.ensemble", extra="train", purpose="Inference by boosted trees"
        )
        draw = np.random.default_rng([self.seed, 11])
        rows = rows[draw.permutation(len(rows))[:_MOST_ROWS]]
        told = self.known[~np.isnan(rows[:, self.known]).all(0)]
        values, people = rows[:, self.wanted], self.seats.people[:, told]
        settings: dict[str, Any] = {
            "max_iter": 60,
            "early_stopping": False,
            "random_state": self.seed,
        }
        if not self._category:
            settings["loss"] = "absolute_error"
            model = ensemble.HistGradientBoostingRegressor(**settings)
        else:
            values = _frequent(values)
            model = ensemble.HistGradientBoostingClassifier(**settings)
        if not len(told) or len(np.unique(values)) == 1:
            common = _mode(values) if self._category else np.median(values)
            return np.full(len(people), common)
        model.fit(rows[:, told], values)
        return np.asarray(model.predict(people), dtype=np.float64)


def _mode(values: NDArray[np.float64]) -> float:
    found, counts = np.unique(values, return_counts=True)
    return float(found[counts.argmax()])


def _frequent(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Values beyond the 50 most common, and those that occur once, become the most common one:
    every class costs a tree a round, and of a value seen once nothing can be learned."""
    found, counts = np.unique(values, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    kept = [at for at in order[:_MOST_CLASSES] if counts[at] > 1]
    return np.where(np.isin(values, found[kept]), values, found[order[0]])
