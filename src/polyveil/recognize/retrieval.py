# SPDX-License-Identifier: Apache-2.0
"""Does one modality find the same person in another? A leak test for paired data.

Where people are put together at random of several data packs, a face says nothing about the voice
that it was paired with. A recogniser that finds one by the other, of people it was not trained on,
has found a trace of the pairing itself: a background that both recordings share, an order of files,
a person who is on both sides of a split. Whose row belongs to whom was drawn at random, so drawing
it again gives the exact distribution of every figure where nothing leaks.

Source: Fisher, The Design of Experiments (1935), chapter 2; Phipson & Smyth, Permutation p-values
should never be zero, Statistical Applications in Genetics and Molecular Biology 9 (2010).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from polyveil.errors import UsageError
from polyveil.interval import Interval, bootstrap
from polyveil.recognize.scheme import Floats

_FEWEST = 10
_PERMUTATIONS = 2000
_ROUNDING = 1e-12


@dataclass(frozen=True, slots=True)
class Retrieval:
    """How well one modality finds the same person in another.

    Attributes:
      rank_1: share of queries whose own person comes first; ties share the place.
      rank_1_chance: of a gallery in random order.
      place: share of the others who come before the own person, ties half: 0 is first of all, 0.5
        is chance, 1 is last.
      place_chance: between which 95 of 100 random pairings lie.
      p: chance that a random pairing's place lies as far from 0.5, on either side, or farther.
      p_rank_1: chance that a random pairing has so many first places, or more.
      queries: how many, over all pairings.
    """

    rank_1: Interval
    rank_1_chance: float
    place: Interval
    place_chance: tuple[float, float]
    p: float
    p_rank_1: float
    queries: int

    @property
    def leaks(self) -> bool:
        """Whether fewer than 5 in 100 random pairings stand out so, in place or in first places."""
        return min(self.p, self.p_rank_1) < 0.025


def retrieval(
    scores: Sequence[ArrayLike], *, seed: int, permutations: int = _PERMUTATIONS
) -> Retrieval:
    """Figures and permutation test over one or more pairings.

    Args:
      scores: for each pairing (people, people), query by gallery, larger is more alike; the own
        person of query i is column i.
      seed: of the permutations and of the bootstrap, which draws queries.
      permutations: how many random pairings the measured one is compared with.

    Raises:
      UsageError: no pairing, a table that is not square or not finite, or fewer than 10 people.
    """
    tables = [_table(one) for one in scores]
    if not tables:
        raise UsageError("retrieval: expected the scores of at least one pairing.")
    places, firsts = [_places(table) for table in tables], [_firsts(table) for table in tables]
    own, first = (np.concatenate([one.diagonal() for one in of]) for of in (places, firsts))
    placed, hit = _by_chance(places, firsts, permutations, seed)
    away = np.abs(placed - 0.5) >= abs(float(own.mean()) - 0.5) - _ROUNDING
    more = hit >= float(first.mean()) - _ROUNDING
    low, high = np.percentile(placed, [2.5, 97.5])
    return Retrieval(
        bootstrap(first, seed=seed),
        len(tables) / len(own),
        bootstrap(own, seed=seed),
        (float(low), float(high)),
        float((1 + away.sum()) / (1 + permutations)),
        float((1 + more.sum()) / (1 + permutations)),
        len(own),
    )


def _table(values: ArrayLike) -> Floats:
    table = np.asarray(values, dtype=np.float64)
    if table.ndim != 2 or table.shape[0] != table.shape[1] or len(table) < _FEWEST:
        raise UsageError(
            f"retrieval: expected scores (people, people) of at least {_FEWEST} people, got shape "
            f"{table.shape}."
        )
    if not np.isfinite(table).all():
        raise UsageError("retrieval: expected finite scores of people who have both modalities.")
    return table


def _places(table: Floats) -> Floats:
    """Share of the others in the same row that score higher, ties half: (people, people)."""
    places = np.empty_like(table)
    for row, kept in zip(table, places, strict=True):
        ascending = np.sort(row)
        higher = len(row) - np.searchsorted(ascending, row, side="right")
        no_lower = len(row) - np.searchsorted(ascending, row, side="left") - 1
        kept[:] = 0.5 * (higher + no_lower) / (len(row) - 1)
    return places


def _firsts(table: Floats) -> Floats:
    """1 where somebody alone is first in a row, 1/k where k share the first place, else 0."""
    first = table == table.max(axis=1, keepdims=True)
    return np.asarray(first / first.sum(axis=1, keepdims=True))


def _by_chance(
    places: Sequence[Floats], firsts: Sequence[Floats], permutations: int, seed: int
) -> tuple[Floats, Floats]:
    """Mean place and share of first places under random pairings: two of (permutations,)."""
    draw = np.random.default_rng(seed)
    total = sum(len(place) for place in places)
    placed, hit = np.zeros(permutations), np.zeros(permutations)
    for place, first in zip(places, firsts, strict=True):
        rows = np.arange(len(place))
        others = draw.permuted(np.tile(rows, (permutations, 1)), axis=1)
        placed += place[rows, others].sum(axis=1)
        hit += first[rows, others].sum(axis=1)
    return placed / total, hit / total
