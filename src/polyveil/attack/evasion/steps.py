# SPDX-License-Identifier: Apache-2.0
"""Starts, steps and projections of one modality: the arithmetic that every search shares.

The order of operations is the one of common libraries (add the step, take the difference, clamp it,
add it back, clamp to the box), so that results agree to the bit where settings agree.

Source: Madry et al., ICLR 2018, https://arxiv.org/abs/1706.06083
"""

from __future__ import annotations

import torch
from torch import Tensor

from polyveil.attack.evasion.budget import Budget

_NO_DIRECTION = 1e-10


def lengths(values: Tensor) -> Tensor:
    """Euclidean length of each record, shaped (n, 1, ...) to broadcast."""
    found: Tensor = torch.linalg.vector_norm(values.flatten(1), dim=1)
    return found.view(-1, *([1] * (values.ndim - 1)))


def random_start(origin: Tensor, budget: Budget, generator: torch.Generator) -> Tensor:
    """A random point of the budget around each record; a new tensor.

    "linf": uniform in the cube. "l2": a uniform direction, a uniform length.
    """
    if budget.norm == "linf":
        delta = torch.empty_like(origin).uniform_(
            -budget.epsilon, budget.epsilon, generator=generator
        )
    else:
        delta = torch.empty_like(origin).normal_(generator=generator)
        norm = lengths(delta)
        reach = torch.zeros_like(norm).uniform_(0, 1, generator=generator)
        delta *= reach / norm * budget.epsilon
    return boxed(masked(delta, budget).add_(origin), budget)


def border_start(origin: Tensor, budget: Budget, generator: torch.Generator) -> Tensor:
    """A random point at full distance, each record's largest change as large as may be."""
    delta = torch.empty_like(origin)
    if budget.norm == "linf":
        delta = masked(delta.uniform_(-1, 1, generator=generator), budget)
        extent = delta.flatten(1).abs().amax(1).view(-1, *([1] * (delta.ndim - 1)))
    else:
        delta = masked(delta.normal_(generator=generator), budget)
        extent = lengths(delta)
    delta *= budget.epsilon / (extent + _NO_DIRECTION)
    return boxed(delta.add_(origin), budget)


def random_noise(origin: Tensor, budget: Budget, generator: torch.Generator) -> Tensor:
    """Noise that takes the whole budget: what someone without the model would add."""
    if budget.norm == "linf":
        delta = signs(origin.shape, origin, generator) * budget.epsilon
    else:
        delta = torch.empty_like(origin).normal_(generator=generator)
        delta = masked(delta, budget)
        delta *= budget.epsilon / (lengths(delta) + _NO_DIRECTION)
    return boxed(masked(delta, budget).add_(origin), budget)


def signs(shape: torch.Size | tuple[int, ...], like: Tensor, generator: torch.Generator) -> Tensor:
    """Random +1 and -1."""
    coins = torch.randint(0, 2, tuple(shape), generator=generator, device=like.device)
    return coins.to(like.dtype).mul_(2).sub_(1)


def step_(values: Tensor, gradient: Tensor, budget: Budget, size: float | Tensor) -> Tensor:
    """Moves values uphill, in place: by sign under "linf", along the gradient under "l2".

    Args:
      size: one number, or one a record, shaped to broadcast.
    """
    if budget.norm == "linf":
        direction = masked(gradient.sign_(), budget)
    else:
        direction = masked(gradient, budget)
        direction = direction / (lengths(direction) + _NO_DIRECTION)
    return values.add_(direction.mul_(size))


def project_(values: Tensor, origin: Tensor, budget: Budget) -> Tensor:
    """Back into the budget around the origin and into the box, in place."""
    delta = values.sub_(origin)
    if budget.norm == "linf":
        delta.clamp_(-budget.epsilon, budget.epsilon)
    else:
        delta.mul_((budget.epsilon / lengths(delta)).clamp_(max=1.0))
    return boxed(delta.add_(origin), budget)


def boxed(values: Tensor, budget: Budget) -> Tensor:
    """Clamped to the box, in place."""
    return values if budget.box is None else values.clamp_(*budget.box)


def masked(values: Tensor, budget: Budget) -> Tensor:
    """Zero where nothing may change, in place."""
    return values if budget.mask is None else values.mul_(budget.mask.to(values))
