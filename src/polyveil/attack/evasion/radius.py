# SPDX-License-Identifier: Apache-2.0
"""How little it takes: the smallest change found that makes the model err, for each record.

Found, not proven: the smallest radius of an attack is an upper bound on that of the record, so that
a curve of accuracy by strength drawn from it errs on the model's side.
"""

from __future__ import annotations

import torch
from torch import Tensor

from polyveil.attack.classifier import Classifier
from polyveil.attack.evasion.budget import Budgets
from polyveil.attack.evasion.judge import judged
from polyveil.attack.evasion.search import Search, perturb
from polyveil.attack.examples import Examples, Inputs

_FRACTIONS = (0.75, 0.5, 0.25, 0.125)
_HALVINGS = 4


def smallest_radius(
    search: Search,
    target: Classifier,
    examples: Examples,
    budgets: Budgets,
    found: Inputs,
    broken: Tensor,
    *,
    averaging: int = 1,
    passes: int = 1,
    seed: int = 0,
) -> Tensor:
    """Smallest share of the budget at which each record was broken: float64 (n,), inf where never.

    The search is repeated at three quarters, a half, a quarter and an eighth of the budget, on the
    records that fell at the strength before; then each change is shortened along its own line.

    Args:
      found, broken: adversarial inputs at the full budget, and where they work.
    """
    radius = torch.full((len(examples),), torch.inf, dtype=torch.float64, device=broken.device)
    best = {name: found[name].clone() for name in budgets}
    rows = torch.nonzero(broken).squeeze(1)
    falling = rows
    for fraction in _FRACTIONS:
        if not len(falling):
            break
        piece = examples.at(falling)
        less = {name: budget.scaled(fraction) for name, budget in budgets.items()}
        tried = perturb(search, target, piece, less, averaging=averaging, seed=seed)
        wrong = judged(target, tried, piece.labels, passes=passes, seed=seed).wrong
        falling = falling[wrong]
        for name in budgets:
            best[name][falling] = tried[name][wrong]
    if len(rows):
        piece = examples.at(rows)
        made = {name: values[rows] for name, values in best.items()}
        radius[rows] = _shortened(target, piece, budgets, made, passes, seed)
    return radius


def _shortened(
    target: Classifier,
    piece: Examples,
    budgets: Budgets,
    made: dict[str, Tensor],
    passes: int,
    seed: int,
) -> Tensor:
    """Bisection between each record and its adversarial version; the share of the budget left."""
    high = torch.ones(len(piece), dtype=torch.float64, device=piece.labels.device)
    low = torch.zeros_like(high)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        wrong = judged(
            target, _between(piece, made, middle), piece.labels, passes=passes, seed=seed
        ).wrong
        high = torch.where(wrong, middle, high)
        low = torch.where(wrong, low, middle)
    left = _between(piece, made, high)
    used = [budget.used(left[name], piece.inputs[name]) for name, budget in budgets.items()]
    return torch.stack(used).amax(0)


def _between(piece: Examples, made: dict[str, Tensor], share: Tensor) -> dict[str, Tensor]:
    """Points on the line from each record (0) to its adversarial version (1)."""
    found = dict(piece.inputs)
    for name, values in made.items():
        origin = piece.inputs[name]
        weight = share.to(origin.dtype).view(-1, *([1] * (origin.ndim - 1)))
        found[name] = torch.lerp(origin, values, weight.expand_as(origin))
    return found
