# SPDX-License-Identifier: Apache-2.0
"""What strangers reach in searches through galleries of any size, from one set of comparisons.

A stranger who was compared with M templates has also searched every smaller gallery: put his
templates in a random order, and the first N of them are N templates drawn at random. The best of
those is what he reached among N. Only records count, the scores that beat all before them: about
ln(M) a search, from which the best for every N can be told.

Where a threshold is for the N templates of a gallery, strangers who searched N are exchangeable
with the next one; the best of all M would be stricter than the rate asks for.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from polyveil.errors import UsageError
from polyveil.recognize.scheme import Floats

Numbers: TypeAlias = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class SearchFront:
    """Records of searches, by search, then by place.

    Attributes:
      search: (n,) number of the search, from 0, ascending.
      place: (n,) of the template in that search's random order, from 1, ascending in a search.
      score: (n,) ascending in a search.
      others: templates in each search, at least.
    """

    search: Numbers = field(repr=False)
    place: Numbers = field(repr=False)
    score: Floats = field(repr=False)
    others: int

    def __post_init__(self) -> None:
        same = np.diff(self.search) == 0
        starts = np.concatenate([[True], ~same])
        lengths = {len(self.search), len(self.place), len(self.score)}
        right = (
            len(lengths) == 1
            and len(self.search) > 0
            and self.others >= 1
            and self.search[0] == 0
            and bool(np.isin(np.diff(self.search), (0, 1)).all())
            and bool((self.place[starts] == 1).all())
            and bool((np.diff(self.place)[same] > 0).all())
            and bool((np.diff(self.score)[same] > 0).all())
            and bool(np.isfinite(self.score).all())
        )
        if not right:
            raise UsageError("searches: expected records by search, place and score, ascending.")

    @classmethod
    def of(cls, searches: NDArray[np.str_], scores: Floats, *, seed: int = 0) -> SearchFront:
        """From comparisons of strangers.

        Args:
          searches: (n,) which search each is of.
          scores: (n,).
          seed: of the orders.
        """
        _, search, sizes = np.unique(searches, return_inverse=True, return_counts=True)
        drawn = np.random.default_rng(seed).random(len(search))
        order = np.lexsort((drawn, search))
        ends = np.cumsum(sizes)
        found: list[tuple[Numbers, Numbers, Floats]] = []
        for number, (end, size) in enumerate(zip(ends, sizes, strict=True)):
            own = scores[order[end - size : end]]
            best = np.maximum.accumulate(own)
            records = np.flatnonzero(np.concatenate([[True], best[1:] > best[:-1]]))
            found.append((np.full(len(records), number), records + 1, own[records]))
        columns = (np.concatenate(column) for column in zip(*found, strict=True))
        search, place, score = columns
        return cls(search.astype(np.int64), place.astype(np.int64), score, int(sizes.min()))

    @property
    def count(self) -> int:
        """Searches."""
        return int(self.search[-1]) + 1

    def best(self, gallery: int) -> Floats:
        """(count,) ascending: the best of each stranger among `gallery` templates, or among all of
        his where he met fewer."""
        inside = self.place <= gallery
        best = np.full(self.count, -np.inf)
        np.maximum.at(best, self.search[inside], self.score[inside])
        return np.sort(best)
