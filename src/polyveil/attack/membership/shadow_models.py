# SPDX-License-Identifier: Apache-2.0
"""Models that the attacker trains himself, on halves that he knows, to see what membership does.

They come in pairs: one is trained on a random half of the pool, its mate on the rest. So every
record is in exactly half of the models whenever one stops, and leaving a pair out, to play its
members as targets, leaves the rest balanced too. Leaving out a single model would not: then the
number of models that saw a record would tell who was in the one left out.

How a target was trained only its owner knows, so that there is no recipe here, only its type.

Source: Carlini et al., IEEE S&P 2022, https://arxiv.org/abs/2112.03570; pairs: Zarifzadeh et al.,
ICML 2024, https://arxiv.org/abs/2312.03262.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from torch import nn

from polyveil import _validate
from polyveil.attack.examples import joined
from polyveil.attack.membership.candidates import Candidates
from polyveil.attack.recipe import Recipe, trained
from polyveil.errors import UsageError

Progress: TypeAlias = Callable[[int, int], None]
"""(models done, models wanted)."""
_FEWEST_REPEATED = 10


@dataclass(frozen=True, slots=True)
class Shadows:
    """Trained models, and what each was trained on.

    Attributes:
      models: model 2i and 2i + 1 are a pair.
      keep: bool (models, pool): whether the record was in that model's training.
      seconds: that training took.
    """

    models: tuple[nn.Module, ...] = field(repr=False)
    keep: NDArray[np.bool_] = field(repr=False)
    seconds: float = 0.0

    def __post_init__(self) -> None:
        if self.keep.ndim != 2 or len(self.models) != len(self.keep) or len(self.models) % 2:
            raise UsageError(
                f"shadow models: {len(self.models)} with a keep-mask {self.keep.shape}; expected "
                "pairs, and one row for each model."
            )
        if not (self.keep[::2] ^ self.keep[1::2]).all():
            raise UsageError(
                "shadow models: a record is in both or in none of a pair; expected the second of "
                "each pair to be trained on exactly what the first was not."
            )


@dataclass(frozen=True, slots=True)
class Twin:
    """A model that is known to remember: the attack's positive control.

    Attributes:
      model: trained on a few records, again and again.
      keep: bool (pool,): which.
      seconds: that training took.
    """

    model: nn.Module = field(repr=False)
    keep: NDArray[np.bool_] = field(repr=False)
    seconds: float = 0.0


def balanced_halves(pairs: int, records: int, *, seed: int) -> NDArray[np.bool_]:
    """bool (2 * pairs, records): random halves, each followed by its complement.

    With an odd number of records the first of a pair has one fewer.
    """
    _validate.at_least(1, pairs=pairs)
    _validate.at_least(2, records=records)
    draw = np.random.default_rng(seed)
    keep = np.zeros((2 * pairs, records), dtype=np.bool_)
    for row in range(0, 2 * pairs, 2):
        keep[row, draw.permutation(records)[: records // 2]] = True
        keep[row + 1] = ~keep[row]
    return keep


def train_shadows(
    recipe: Recipe,
    candidates: Candidates,
    models: int,
    *,
    seed: int,
    seconds: float = float("inf"),
    progress: Progress | None = None,
) -> Shadows:
    """Shadow models on random halves of the pool, each with all of the background.

    Args:
      recipe: trains one model.
      candidates: members and non-members of the target are the pool.
      models: how many, even; 4 are the fewest that all controls work with.
      seed: of the halves; model i is trained with seed + 1 + i.
      seconds: no pair is begun that would not be done by then, judged by the slowest so far; the
        first is always trained.
      progress: called after each model.
    """
    if models < 2 or models % 2:
        raise ValueError(f"expected an even number of models, 2 or more, got {models}.")
    pool, background = candidates.pool, candidates.background
    keep = balanced_halves(models // 2, len(pool), seed=seed)
    made: list[nn.Module] = []
    slowest, started = 0.0, time.perf_counter()
    for row in range(0, models, 2):
        begun = time.perf_counter()
        if row and begun - started + slowest > seconds:
            break
        for at in (row, row + 1):
            half = pool.at(np.flatnonzero(keep[at]))
            records = half if background is None else joined(half, background)
            made.append(trained(recipe, records, seed + 1 + at))
            if progress is not None:
                progress(len(made), models)
        slowest = max(slowest, time.perf_counter() - begun)
    return Shadows(tuple(made), keep[: len(made)], time.perf_counter() - started)


def train_twin(recipe: Recipe, candidates: Candidates, *, seed: int, repeats: int = 10) -> Twin:
    """A model that must be caught: the recipe on few records, each of them `repeats` times over.

    It sees as many records as half of the pool holds, but only 1 / repeats as many different ones,
    and no fewer than 10, on which something can be shown. A recipe that protects each record
    (differential privacy) may protect these too: train a twin with a recipe that does not then.
    """
    _validate.at_least(2, repeats=repeats)
    pool = candidates.pool
    few = max(len(pool) // 2 // repeats, min(_FEWEST_REPEATED, len(pool) // 2))
    chosen = np.sort(np.random.default_rng(seed).permutation(len(pool))[:few])
    keep = np.zeros(len(pool), dtype=np.bool_)
    keep[chosen] = True
    begun = time.perf_counter()
    model = trained(recipe, pool.at(np.tile(chosen, repeats)), seed)
    return Twin(model, keep, time.perf_counter() - begun)


def pairs_of(models: int) -> Iterator[tuple[int, int]]:
    """The rows of each pair."""
    return ((row, row + 1) for row in range(0, models - 1, 2))
