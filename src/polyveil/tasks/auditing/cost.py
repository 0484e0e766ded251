# SPDX-License-Identifier: Apache-2.0
"""How long a training will take, from a small one: an audit must know before it begins."""

from __future__ import annotations

import time
from functools import cache

from polyveil.attack.examples import Examples
from polyveil.attack.recipe import Recipe

_SAMPLE = 20
"""A rehearsal trains on one record in so many, but on no fewer than `_FEWEST`."""
_FEWEST = 100


class TrainingCost:
    """Seconds that a recipe takes, in proportion to the records, measured once when first asked.

    Args:
      recipe: what is timed.
      records: such as it will be trained on.
      seed: of the rehearsal.
    """

    def __init__(self, recipe: Recipe, records: Examples, *, seed: int = 0) -> None:
        self._recipe, self._records, self._seed = recipe, records, seed
        self._each = cache(self._rehearse)

    def seconds(self, records: int) -> float:
        """For one training on so many records."""
        return self._each() * records

    def _rehearse(self) -> float:
        few = min(len(self._records), max(_FEWEST, len(self._records) // _SAMPLE))
        begun = time.perf_counter()
        self._recipe(self._records.at(slice(0, few)), self._seed)
        return (time.perf_counter() - begun) / few
