# SPDX-License-Identifier: Apache-2.0
"""Who is named first: rank-k rates of an attacker who picks one of N, ties shared, beside k/N.

Intervals are over people, never over pictures: pictures of one person are not independent. The
p-value is that of a permutation test: if what the attacker saw told him nothing, any assignment of
people to what he named would have been as good.

Source: Good, Permutation, Parametric and Bootstrap Tests of Hypotheses (2005), chapter 3.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from polyveil.interval import Interval, bootstrap, clopper_pearson

RANKS = (1, 5, 10)
PERMUTATIONS = 9999
_AT_ONCE = 500
_FEW = 10
"""People who must have been found at least once, and as many missed, for a bootstrap alone."""


@dataclass(frozen=True, slots=True)
class Ranked:
    """What one attacker named.

    Attributes:
      named: (n, n): how often he took person i for person j, rows sum to 1; j lies in i's
        gallery.
      hits: (n, len(RANKS)): how often the right person was among the first k.
      gallery: (n,) of which gallery person i is: the attacker chooses within one.
    """

    named: NDArray[np.float64] = field(repr=False)
    hits: NDArray[np.float64] = field(repr=False)
    gallery: NDArray[np.intp] = field(repr=False)

    @staticmethod
    def of(table: NDArray[np.float64]) -> Ranked:
        """One try: (n, n) how well row i's own fits column j, the right one on the diagonal; all in
        one gallery. Scores that differ by rounding alone are ties."""
        rounded, count = np.round(table, 6), len(table)
        hits = within(rounded, np.arange(count))
        return Ranked(first_places(rounded), hits, np.zeros(count, np.intp))

    @property
    def people(self) -> int:
        """How many were looked for."""
        return len(self.hits)

    def chance(self, k: int = 1) -> float:
        """What guessing gives: the mean of k / size of the gallery."""
        sizes = np.bincount(self.gallery)[self.gallery]
        return float(np.minimum(1.0, k / sizes).mean())

    def rate(self, k: int = 1) -> Interval:
        """Share of people who were among the first k."""
        return share_of_people(self.hits[:, RANKS.index(k)])

    def p_value(self, *, strata: NDArray[np.intp] | None = None, seed: int = 0) -> float:
        """Chance of so many first places if he had known nothing.

        Args:
          strata: (n,) people of one number may be told from others by what is kept on purpose; then
            the chance if he had known nothing more than that.
        """
        kinds = self.gallery if strata is None else self.gallery * (strata.max() + 1) + strata
        groups = [np.flatnonzero(kinds == one) for one in np.unique(kinds)]
        draw = np.random.default_rng(seed)
        seen, more = float(np.trace(self.named)), 0
        for left in range(PERMUTATIONS, 0, -_AT_ONCE):
            found = np.zeros(min(_AT_ONCE, left))
            for group in groups:
                truth = draw.permuted(np.tile(group, (len(found), 1)), axis=1)
                found += self.named[group[None], truth].sum(axis=1)
            more += int((found >= seen - 1e-6).sum())
        return (1 + more) / (1 + PERMUTATIONS)


def share_of_people(hits: NDArray[np.float64]) -> Interval:
    """The mean of per-person rates with its interval.

    Exact where everybody was tried once; a bootstrap over people otherwise, widened to the exact
    one where so few people were ever found, or missed, that a bootstrap would end at nothing.
    """
    total, count = float(hits.sum()), len(hits)
    least = clopper_pearson(math.floor(total + 1e-9), count)
    if count == 0 or set(np.unique(hits)) <= {0.0, 1.0}:
        return least
    found = bootstrap(hits)
    low, high = found.low, found.high
    if (hits > 0).sum() < _FEW:
        high = max(high, clopper_pearson(math.ceil(total - 1e-9), count).high)
    if (hits < 1).sum() < _FEW:
        low = min(low, least.low)
    return Interval(found.estimate, low, high, count, f"{found.method}, over people")


def rank(
    likeness: NDArray[np.floating],
    who: NDArray[np.intp],
    gallery: NDArray[np.intp],
    *,
    draws: int = 100,
    across: bool = True,
    seed: int = 0,
) -> Ranked:
    """Ranks everybody within his gallery by how alike pictures are, averaged over the choice of
    pictures.

    Args:
      likeness: (m, m), rows: what the attacker sees; columns: what he holds. Only pairs within one
        gallery are read.
      who: (m,) person of each picture, 0 to n - 1, everybody at least once.
      gallery: (n,) gallery of each person.
      across: he holds another picture of everybody than the one he sees; else the very same.
    """
    people = len(gallery)
    pictures = [np.flatnonzero(who == person) for person in range(people)]
    if not across:
        draws = max(len(own) for own in pictures)
    members = [np.flatnonzero(gallery == one) for one in np.unique(gallery)]
    draw = np.random.default_rng(seed)
    named = np.zeros((people, people))
    hits = np.zeros((people, len(RANKS)))
    for turn in range(draws):
        held, seen = _choice(pictures, draw, turn, across=across)
        for group in members:
            table = likeness[np.ix_(seen[group], held[group])]
            named[np.ix_(group, group)] += first_places(table)
            hits[group] += within(table, np.arange(len(group)))
    return Ranked(named / draws, hits / draws, gallery)


def first_places(table: NDArray[np.floating]) -> NDArray[np.float64]:
    """(n, m): share of each column in first place of a row; ties share it."""
    best = table == table.max(axis=1, keepdims=True)
    return np.asarray(best / best.sum(axis=1, keepdims=True), np.float64)


def within(table: NDArray[np.floating], truth: NDArray[np.intp]) -> NDArray[np.float64]:
    """(n, len(RANKS)): chance that the true column is among the first k of its row; ties are
    broken by lot."""
    own = table[np.arange(len(table)), truth][:, None]
    before, tied = (table > own).sum(axis=1), (table == own).sum(axis=1)
    shares = (np.array(RANKS)[None] - before[:, None]) / tied[:, None]
    return np.asarray(np.clip(shares, 0.0, 1.0), np.float64)


def _choice(
    pictures: list[NDArray[np.intp]], draw: np.random.Generator, turn: int, *, across: bool
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """A picture of everybody that is held, and one that is seen."""
    if not across:
        same = np.array([own[turn % len(own)] for own in pictures])
        return same, same
    both = np.array([draw.permutation(own)[:2] for own in pictures])
    return both[:, 0], both[:, 1]
