# SPDX-License-Identifier: Apache-2.0
"""A black-box search: random patches at the border of the budget, kept where they help.

It needs no gradient, so that it is not fooled by one that was hidden. Where it breaks records that
every gradient search left standing, those searches were misled and not the model strong.

The patches shrink over time as in the Square attack; a record may be a picture, a spectrogram or
plain features, so that a patch is a window over the last two axes, or one of them. Under "l2" the
changed values are brought back to the ball: weaker than the published form for that norm.

Source: Andriushchenko et al., ECCV 2020, https://arxiv.org/abs/1912.00049
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from polyveil import _validate
from polyveil.attack.classifier import Classifier
from polyveil.attack.evasion import steps as move
from polyveil.attack.evasion.budget import Budget, Budgets
from polyveil.attack.evasion.loss import margin
from polyveil.attack.evasion.pgd import settled
from polyveil.attack.examples import Examples, Inputs

_HALVINGS = (0.001, 0.005, 0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8)
"""Shares of all queries after which the patch's area halves, as published for Square."""


@dataclass(frozen=True, slots=True)
class RandomSearch:
    """Random search by queries alone.

    Attributes:
      queries: tries a record.
      area: of the first patches, as a share of a record's positions.
    """

    queries: int = 200
    area: float = 0.8

    def __post_init__(self) -> None:
        _validate.at_least(1, queries=self.queries)
        _validate.positive(area=self.area)
        _validate.probability(area=self.area)

    @property
    def name(self) -> str:
        return f"black box, {self.queries} queries"

    @property
    def loss(self) -> None:
        """None: it sees outputs only."""
        return None

    @property
    def rounds(self) -> int:
        return 1

    @property
    def passes(self) -> int:
        return self.queries

    def harder(self) -> RandomSearch:
        """Twice the queries."""
        return replace(self, queries=2 * self.queries)

    def climb(
        self,
        target: Classifier,
        piece: Examples,
        budgets: Budgets,
        *,
        averaging: int,
        generator: torch.Generator,
        at: int,
    ) -> dict[str, Tensor]:
        """See `Search.climb`. The modalities take turns."""
        point = {
            name: _striped(piece.inputs[name], budget, generator)
            for name, budget in budgets.items()
        }
        found = dict(point)
        rows = torch.arange(len(piece), device=piece.labels.device)
        reached = _margin(target, piece.inputs, piece.labels, point, averaging)
        turns = list(budgets)
        for query in range(1, self.queries):
            keep = torch.nonzero(reached <= 0).squeeze(1)
            if len(keep) < len(rows) and averaging == 1:
                found = settled(found, point, rows)
                rows, piece, reached = rows[keep], piece.at(keep), reached[keep]
                point = {name: values[keep] for name, values in point.items()}
                if not len(rows):
                    return found
            name = turns[query % len(turns)]
            tried = _patched(
                point[name], piece.inputs[name], budgets[name], self._share(query), generator
            )
            gained = _margin(target, piece.inputs, piece.labels, {**point, name: tried}, averaging)
            better = gained > reached
            reached = torch.where(better, gained, reached)
            wide = better.view(-1, *([1] * (tried.ndim - 1)))
            point[name] = torch.where(wide, tried, point[name])
        return settled(found, point, rows)

    def _share(self, query: int) -> float:
        passed = sum(query > share * self.queries for share in _HALVINGS)
        return self.area * 0.5**passed


def _margin(
    target: Classifier, inputs: Inputs, labels: Tensor, point: Inputs, averaging: int
) -> Tensor:
    given = {**inputs, **point}
    logits = torch.stack([target.logits(given) for _ in range(averaging)]).mean(0)
    return margin(logits, labels, labels)


def _striped(origin: Tensor, budget: Budget, generator: torch.Generator) -> Tensor:
    """Stripes along the last axis but one: a good first guess against convolutions."""
    shape = list(origin.shape)
    if origin.ndim > 2:
        shape[-2] = 1
    return _applied(move.signs(tuple(shape), origin, generator) * budget.epsilon, origin, budget)


def _patched(
    point: Tensor, origin: Tensor, budget: Budget, share: float, generator: torch.Generator
) -> Tensor:
    """The point with one patch a record set to plus or minus epsilon, channels independent, and
    single values where a record is a plain vector."""
    window = _window(origin, share, generator)
    lead = origin.shape[:-2] if origin.ndim > 2 else origin.shape
    sign = move.signs(tuple(lead), origin, generator)
    sign = sign.view(*lead, *([1] * (origin.ndim - len(lead))))
    delta = torch.where(window, sign * budget.epsilon, point - origin)
    return _applied(delta, origin, budget)


def _applied(delta: Tensor, origin: Tensor, budget: Budget) -> Tensor:
    moved = origin + move.masked(delta.expand_as(origin).clone(), budget)
    return move.project_(moved, origin, budget)


def _window(origin: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """bool, broadcastable to the records: one window each, of this share of the positions."""
    axes = [axis for axis in (origin.ndim - 2, origin.ndim - 1) if axis >= 1]
    inside = torch.ones((), dtype=torch.bool, device=origin.device)
    for axis in axes:
        length = origin.shape[axis]
        width = min(max(round(length * share ** (1 / len(axes))), 1), length)
        first = torch.randint(
            0, length - width + 1, (len(origin),), generator=generator, device=origin.device
        )
        shape = [1] * origin.ndim
        shape[axis] = length
        places = torch.arange(length, device=origin.device).view(shape)
        low = first.view(-1, *([1] * (origin.ndim - 1)))
        inside = inside & (places >= low) & (places < low + width)
    return inside
