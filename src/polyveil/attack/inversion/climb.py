# SPDX-License-Identifier: Apache-2.0
"""The record that a classifier takes for a class most of all, among those that look like records.

The search moves in the few directions in which the attacker's own records vary, so that it finds
something that looks like a person and not what merely fools a network.

Source: Fredrikson et al., CCS 2015 (model inversion); Zhang et al., CVPR 2020,
https://arxiv.org/abs/1911.07135 (a prior learned from public records; here a linear one).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from polyveil import _validate
from polyveil.attack.classifier import Classifier
from polyveil.attack.examples import Inputs
from polyveil.attack.inversion.prior import Directions


@dataclass(frozen=True, slots=True)
class Climb:
    """How hard to search.

    Attributes:
      steps: each one forward and one backward pass for every class; rate: of Adam.
      directions: in which records may differ from the mean, at most.
      prior: weight of being a likely record, against the class's log-likelihood.
      jitter: noise added to a record before it is shown to the model, in standard deviations of the
        attacker's records: what survives it is a feature and no trick.
      starts: random ones a class; the model's own confidence chooses.
    """

    steps: int = 200
    rate: float = 0.1
    directions: int = 60
    prior: float = 0.02
    jitter: float = 0.2
    starts: int = 2

    def __post_init__(self) -> None:
        _validate.at_least(1, steps=self.steps, directions=self.directions, starts=self.starts)
        _validate.positive(rate=self.rate)
        _validate.not_negative(prior=self.prior, jitter=self.jitter)


@dataclass(frozen=True, slots=True)
class Peak:
    """What a search came to.

    Attributes:
      inputs: modality -> (classes, ...), one record a class.
      confidence: (classes,), probability that the model gives to the class.
      losses: mean over classes after each step.
    """

    inputs: Inputs = field(repr=False)
    confidence: Tensor
    losses: tuple[float, ...]


def climb(
    target: Classifier,
    classes: Tensor,
    directions: Mapping[str, Directions],
    shapes: Mapping[str, tuple[int, ...]],
    plan: Climb,
    *,
    seed: int,
) -> Peak:
    """The most typical record of each class, (classes,) int64."""
    draw = torch.Generator().manual_seed(seed)
    wanted = classes.repeat(plan.starts)
    held = {
        name: (0.1 * torch.randn(len(wanted), len(one.scales), generator=draw)).requires_grad_()
        for name, one in directions.items()
    }
    jitter = {name: plan.jitter * _spread(one) for name, one in directions.items()}
    optimiser = torch.optim.Adam(held.values(), lr=plan.rate)
    losses = []
    for _ in range(plan.steps):
        shown = {
            name: values + jitter[name] * torch.randn(values.shape, generator=draw)
            for name, values in _records(held, directions, shapes).items()
        }
        fit = torch.nn.functional.cross_entropy(target.scored(shown), wanted, reduction="sum")
        unlikely = sum((one.square().sum() / 2 for one in held.values()), torch.zeros(()))
        steps = torch.autograd.grad(fit + plan.prior * unlikely, list(held.values()))
        for values, step in zip(held.values(), steps, strict=True):
            values.grad = step
        optimiser.step()
        losses.append(float(fit.detach()) / len(wanted))
    with torch.no_grad():
        found = _records(held, directions, shapes)
    return _best(target, found, wanted, len(classes), tuple(losses))


def _best(
    target: Classifier, found: Inputs, wanted: Tensor, classes: int, losses: tuple[float, ...]
) -> Peak:
    sure = torch.softmax(target.logits(found), 1)[torch.arange(len(wanted)), wanted]
    start = sure.reshape(-1, classes).argmax(0)
    rows = start * classes + torch.arange(classes)
    return Peak({name: values[rows] for name, values in found.items()}, sure[rows], losses)


def _records(
    held: Mapping[str, Tensor],
    directions: Mapping[str, Directions],
    shapes: Mapping[str, tuple[int, ...]],
) -> dict[str, Tensor]:
    return {
        name: directions[name].record(values).reshape(-1, *shapes[name])
        for name, values in held.items()
    }


def _spread(one: Directions) -> float:
    return math.sqrt(float(one.scales.square().sum()) / len(one.mean))
