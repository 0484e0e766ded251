# SPDX-License-Identifier: Apache-2.0
"""How long a training will take, from a small one: an audit must know before it begins."""

from __future__ import annotations

import time
from functools import cache

from polyveil.attack.classifier import Classifier
from polyveil.attack.examples import Examples
from polyveil.attack.recipe import Recipe

_FEWEST = 100
"""Records of the smaller of two rehearsals; the other has twice as many."""


class TrainingCost:
    """Seconds that a recipe takes: some for any training, some for each record.

    Measured by two small trainings, when first asked.

    Args:
      recipe: what is timed.
      records: such as it will be trained on.
      seed: of the rehearsals.
    """

    def __init__(self, recipe: Recipe, records: Examples, *, seed: int = 0) -> None:
        self._recipe, self._records, self._seed = recipe, records, seed
        self._line = cache(self._rehearse)

    def seconds(self, records: int, *, trainings: int = 1) -> float:
        """For so many records, over all trainings together."""
        fixed, each = self._line()
        return fixed * trainings + each * records

    def _rehearse(self) -> tuple[float, float]:
        few = min(_FEWEST, len(self._records) // 2)
        one, two = self._timed(few), self._timed(2 * few)
        # What else the machine does may turn the slope: then all of it goes by records.
        each = (two - one) / few if two > one else two / (2 * few)
        return max(0.0, one - each * few), each

    def _timed(self, records: int) -> float:
        begun = time.perf_counter()
        self._recipe(self._records.at(slice(0, records)), self._seed)
        return time.perf_counter() - begun


def pass_time(target: Classifier, records: Examples) -> float:
    """Seconds that a record takes through a model."""
    few = records.at(slice(0, 128))
    passes = []
    for _ in range(3):
        begun = time.perf_counter()
        target.logits(few.inputs)
        passes.append(time.perf_counter() - begun)
    # The quickest: what else the machine does must not skip an attack.
    return min(passes) / len(few)
