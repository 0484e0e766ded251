# SPDX-License-Identifier: Apache-2.0
"""Gradient matching: records are sought whose gradient points where the leaked one points.

Source: Zhu et al., NeurIPS 2019, https://arxiv.org/abs/1906.08935; Geiping et al., NeurIPS 2020,
https://arxiv.org/abs/2003.14053 (cosine, total variation, signed steps).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from polyveil import _validate
from polyveil.attack.examples import Inputs
from polyveil.attack.inversion.leaked import Gradient, GradientSource
from polyveil.attack.inversion.prior import total_variation


@dataclass(frozen=True, slots=True)
class Search:
    """How hard to search.

    Attributes:
      steps: each costs two backward passes; rate: of the first step, in standard deviations of the
        attacker's records; smooth: weight of total variation, in the same unit.
      restarts: random starts beside the attacker's mean; the best match counts.
    """

    steps: int = 300
    rate: float = 0.1
    smooth: float = 0.02
    restarts: int = 0

    def __post_init__(self) -> None:
        _validate.at_least(1, steps=self.steps)
        _validate.at_least(0, restarts=self.restarts)
        _validate.positive(rate=self.rate)
        _validate.not_negative(smooth=self.smooth)


@dataclass(frozen=True, slots=True)
class Range:
    """What values a modality takes, from the attacker's own records.

    Attributes:
      mean: (...) of one record; deviation: of all values; low, high: the least and the greatest.
    """

    mean: Tensor
    deviation: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Tensor) -> Range:
        """From (n, ...)."""
        mean = values.mean(0)
        deviation = float((values - mean).square().mean().sqrt()) or 1.0
        return cls(mean, deviation, float(values.min()), float(values.max()))


@dataclass(frozen=True, slots=True)
class Match:
    """What a search came to.

    Attributes:
      inputs: modality -> (records, ...).
      costs: 1 - cosine of the two gradients after each step, smoothness aside; in [0, 2].
    """

    inputs: Inputs = field(repr=False)
    costs: tuple[float, ...]

    @property
    def cost(self) -> float:
        """Of `inputs`."""
        return self.costs[-1]


def apart(one: Gradient, other: Gradient) -> Tensor:
    """1 - cosine of two gradients, all parameters in a row."""
    inner = sum(((a * b).sum() for a, b in zip(one, other, strict=True)), torch.zeros(()))
    sizes = [sum((a.square().sum() for a in side), torch.zeros(())) for side in (one, other)]
    return 1 - inner / (sizes[0] * sizes[1]).sqrt().clamp_min(1e-20)


def match(
    source: GradientSource,
    leaked: Gradient,
    labels: Tensor,
    ranges: Mapping[str, Range],
    search: Search,
    *,
    seed: int,
) -> Match:
    """The best of all starts, by the match alone."""
    draw = torch.Generator().manual_seed(seed)
    found = [
        _descend(source, leaked, labels, _start(ranges, len(labels), spread, draw), ranges, search)
        for spread in (0.1, *(1.0,) * search.restarts)
    ]
    return min(found, key=lambda one: one.cost)


def _start(
    ranges: Mapping[str, Range], records: int, spread: float, draw: torch.Generator
) -> dict[str, Tensor]:
    return {
        name: one.mean + spread * one.deviation
        * torch.randn((records, *one.mean.shape), generator=draw)
        for name, one in ranges.items()
    }  # fmt: skip


def _descend(
    source: GradientSource,
    leaked: Gradient,
    labels: Tensor,
    start: dict[str, Tensor],
    ranges: Mapping[str, Range],
    search: Search,
) -> Match:
    held = {name: values.clone().requires_grad_() for name, values in start.items()}
    groups = [
        {"params": [values], "lr": search.rate * ranges[name].deviation}
        for name, values in held.items()
    ]
    optimiser = torch.optim.Adam(groups)
    # Coarse to fine, as Geiping et al.: a tenth after 3/8, 5/8 and 7/8 of the way.
    marks = sorted({max(1, search.steps * part // 8) for part in (3, 5, 7)})
    slower = torch.optim.lr_scheduler.MultiStepLR(optimiser, marks, gamma=0.1)
    costs: list[float] = []
    for _ in range(search.steps):
        cost = apart(source.plain(held, labels, graph=True), leaked)
        rough = sum(
            (total_variation(values) / ranges[name].deviation for name, values in held.items()),
            torch.zeros(()),
        )
        steps = torch.autograd.grad(cost + search.smooth * rough, list(held.values()))
        for values, step in zip(held.values(), steps, strict=True):
            values.grad = step.sign()
        optimiser.step()
        slower.step()
        costs.append(float(cost.detach()))
        with torch.no_grad():
            for name, values in held.items():
                values.clamp_(ranges[name].low, ranges[name].high)
    final = {name: values.detach() for name, values in held.items()}
    costs.append(float(apart(source.plain(final, labels), leaked)))
    return Match(final, tuple(costs))
