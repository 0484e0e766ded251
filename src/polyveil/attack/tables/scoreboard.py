# SPDX-License-Identifier: Apache-2.0
"""The scoreboard: which released row do a few known values point to, and how clearly?

Each known value votes for the rows that are close to it, the louder the fewer rows are; the row
with the most votes is named, and claimed where it leads the second by more than the spread of all.

Source: Narayanan & Shmatikov, "Robust De-anonymization of Large Sparse Datasets", S&P 2008,
https://arxiv.org/abs/cs/0610105, with its rarity weights and eccentricity.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from polyveil.attack.tables.contest import by_draws
from polyveil.attack.tables.space import MEMORY, Points

ECCENTRICITY = 1.5
"""By how many standard deviations of all votes the first must lead the second to be claimed."""
_DRAWS = 4999


@dataclass(frozen=True, slots=True)
class Search:
    """One release searched for everybody.

    Attributes:
      guess: row of the release named for each person, (n,).
      rank: place of the right row, 1 the best; released rows + 1 where there is none.
      claimed: the attacker is sure.
      origin: of each row of the release, the person it came from, or -1.
    """

    guess: NDArray[np.intp] = field(repr=False)
    rank: NDArray[np.intp] = field(repr=False)
    claimed: NDArray[np.bool_] = field(repr=False)
    origin: NDArray[np.intp] = field(repr=False)

    @property
    def found(self) -> NDArray[np.bool_]:
        """bool (n,): the named row is the person's."""
        right: NDArray[np.bool_] = self.origin[self.guess] == np.arange(len(self.guess))
        return right


def search(
    known: Points,
    released: Points,
    origin: NDArray[np.intp],
    category: NDArray[np.bool_],
    *,
    bandwidth: float,
    seed: int,
) -> Search:
    """Names a row of the release for each person by what is known; see `Search`, `scoreboard`."""
    step = max(1, MEMORY // (8 * len(released)))
    draw = np.random.default_rng([seed, 8])
    mine = np.full(len(known), -1)
    held = np.flatnonzero(origin >= 0)
    mine[origin[held[origin[held] < len(known)]]] = held[origin[held] < len(known)]
    guess, rank = np.empty(len(known), np.intp), np.empty(len(known), np.intp)
    claimed = np.empty(len(known), bool)
    for start in range(0, len(known), step):
        block = slice(start, min(start + step, len(known)))
        votes = scoreboard(known[block], released, category, bandwidth)
        # Equal votes are broken at random, never by the order of the rows.
        votes += 1e-9 * draw.random(votes.shape)
        guess[block] = votes.argmax(1)
        claimed[block] = _eccentric(votes)
        right = np.take_along_axis(votes, np.maximum(mine[block], 0)[:, None], 1)
        place = (votes > right).sum(1) + 1
        rank[block] = np.where(mine[block] >= 0, place, len(released) + 1)
    return Search(guess, rank, claimed, origin)


def scoreboard(
    known: Points, released: Points, category: NDArray[np.bool_], bandwidth: float
) -> NDArray[np.float64]:
    """Votes (people, released rows): the sum over columns of weight x similarity.

    The similarity of numbers is exp(-|difference| / bandwidth), of categories equality; the weight
    is 1 / log(1 + rows that are close), so that a value that few have speaks loudest. What is
    missing on either side does not vote.
    """
    votes = np.zeros((len(known), len(released)))
    for column, is_category in enumerate(category):
        gap = known[:, None, column] - released[None, :, column]
        if is_category:
            alike = (gap == 0).astype(np.float64)
        else:
            alike = np.nan_to_num(np.exp(-np.abs(gap) / bandwidth), nan=0.0)
        close = (alike >= np.exp(-1.0)).sum(1, keepdims=True)
        votes += alike / np.log1p(np.maximum(close, 1))
    return votes


def swapped(search: Search, *, draws: int = _DRAWS, seed: int = 0) -> float:
    """Chance of so many found, had the rows been dealt to the people at random."""
    draw = np.random.default_rng([seed, 9])
    people = np.arange(len(search.guess))
    reached = int(search.found.sum())

    def deal() -> bool:
        origin = draw.permutation(search.origin)
        return int((origin[search.guess] == people).sum()) >= reached

    return by_draws((deal() for _ in range(draws)), draws)


def _eccentric(votes: NDArray[np.float64]) -> NDArray[np.bool_]:
    if votes.shape[1] < 2:
        return np.zeros(len(votes), dtype=bool)
    second, first = np.partition(votes, -2, axis=1)[:, -2:].T
    stands_out: NDArray[np.bool_] = first - second > ECCENTRICITY * votes.std(1)
    return stands_out
