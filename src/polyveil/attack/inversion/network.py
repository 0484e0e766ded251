# SPDX-License-Identifier: Apache-2.0
"""Decoders that are learned: a perceptron for anything, a convolutional one for what has a grid.

Both start at the attacker's mean (the last layer is zero) and stop when held-out attacker data say
so, so that training longer can only help, and training too little is visible in the curve.

Source: Dosovitskiy & Brox, CVPR 2016, https://arxiv.org/abs/1506.02753 (inverting representations
with a decoder); upsampling by repetition and convolution: Odena et al., Distill 2016.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from polyveil import _validate
from polyveil.attack.inversion.decoder import Pairs, Scaling, Shape, Trained, pieces

FALLING = 0.01
"""Relative gain over the last quarter of the epochs from which an error counts as still falling."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long and how fast to learn.

    Attributes:
      epochs: at most; patience: epochs without a better held-out error before it stops.
      rate: of Adam; batch: records a step.
    """

    epochs: int = 200
    patience: int = 12
    rate: float = 1e-3
    batch: int = 64

    def __post_init__(self) -> None:
        _validate.at_least(1, epochs=self.epochs, patience=self.patience, batch=self.batch)
        _validate.positive(rate=self.rate)


@dataclass(frozen=True, slots=True)
class Perceptron:
    """Two hidden layers."""

    width: int = 384
    schedule: Schedule = Schedule()

    @property
    def name(self) -> str:
        """As in results."""
        return "perceptron"

    def suits(self, shape: Shape) -> bool:
        """Any shape."""
        return True

    def fit(self, known: Pairs, held: Pairs, *, seed: int) -> Trained:
        """See `Decoder`."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            body = nn.Sequential(
                nn.Linear(known.seen.shape[1], self.width), nn.GELU(),
                nn.Linear(self.width, self.width), nn.GELU(),
                _zero(nn.Linear(self.width, math.prod(known.shape))),
                nn.Unflatten(1, known.shape),
            )  # fmt: skip
            return learned(self.name, body, known, held, self.schedule)


@dataclass(frozen=True, slots=True)
class Convolutional:
    """A coarse grid, doubled and convolved until it has the size of the original.

    Suits pictures (channels, height, width) or (height, width) and spectrograms; and sequences
    (channels, time), which get one axis.
    """

    width: int = 48
    schedule: Schedule = Schedule()

    @property
    def name(self) -> str:
        """As in results."""
        return "convolutional"

    def suits(self, shape: Shape) -> bool:
        """Two or three axes, the last of at least 8 values."""
        return len(shape) in (2, 3) and shape[-1] >= 8

    def fit(self, known: Pairs, held: Pairs, *, seed: int) -> Trained:
        """See `Decoder`."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            body = _Grid(known.seen.shape[1], known.shape, self.width)
            return learned(self.name, body, known, held, self.schedule)


class _Grid(nn.Module):
    """(n, d) -> (n, *shape) over two axes; a sequence is a grid of height 1."""

    def __init__(self, size: int, shape: Shape, width: int) -> None:
        super().__init__()
        self._shape = shape
        channels, *axes = _as_grid(shape)
        doublings = [min(3, max(0, int(math.log2(side / 3)))) if side >= 6 else 0 for side in axes]
        coarse = [-(-side // 2**times) for side, times in zip(axes, doublings, strict=True)]
        self._axes = axes
        steps: list[nn.Module] = [
            nn.Linear(size, 2 * width * math.prod(coarse)),
            nn.Unflatten(1, (2 * width, *coarse)),
        ]
        now = 2 * width
        for step in range(max(doublings)):
            factor = tuple(2.0 if step < times else 1.0 for times in doublings)
            # Each doubling halves the channels, so that no scale costs more than the one before.
            after = max(8, now // 2)
            steps += [
                nn.GELU(),
                nn.Upsample(scale_factor=factor),
                nn.Conv2d(now, after, 3, padding=1),
            ]
            now = after
        self.steps = nn.Sequential(*steps, nn.GELU(), _zero(nn.Conv2d(now, channels, 3, padding=1)))

    def forward(self, seen: Tensor) -> Tensor:
        grid: Tensor = self.steps(seen)[:, :, : self._axes[0], : self._axes[1]]
        return grid.reshape(-1, *self._shape)


def _as_grid(shape: Shape) -> tuple[int, int, int]:
    if len(shape) == 3:
        return shape[0], shape[1], shape[2]
    # Fewer than 8 rows are channels of a sequence, more are an axis of a picture.
    return (shape[0], 1, shape[1]) if shape[0] < 8 else (1, shape[0], shape[1])


def _zero(layer: nn.Linear | nn.Conv2d) -> nn.Module:
    nn.init.zeros_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


def learned(name: str, body: nn.Module, known: Pairs, held: Pairs, plan: Schedule) -> Trained:
    """A network trained on pairs until held-out ones say stop; at its best.

    Args:
      body: scaled embeddings (`Scaling`) to originals less their mean, in deviations of all their
        values; its weights are changed.
    """
    scaled, mean = Scaling.of(known.seen), known.original.mean(0)
    spread = float((known.original - mean).square().mean().sqrt()) or 1.0
    seen, wanted = scaled(known.seen), (known.original - mean) / spread
    held_seen, held_wanted = scaled(held.seen), (held.original - mean) / spread
    optimiser = torch.optim.Adam(body.parameters(), lr=plan.rate)
    errors: list[float] = []
    best = {key: value.clone() for key, value in body.state_dict().items()}
    for _ in range(plan.epochs):
        for rows in pieces(torch.randperm(len(seen)), plan.batch):
            optimiser.zero_grad()
            (body(seen[rows]) - wanted[rows]).square().mean().backward()
            optimiser.step()
        errors.append(_error(body, held_seen, held_wanted) * spread**2)
        if errors[-1] == min(errors):
            best = {key: value.clone() for key, value in body.state_dict().items()}
        if len(errors) - errors.index(min(errors)) > plan.patience:
            break
    body.load_state_dict(best)

    @torch.no_grad()
    def reconstruct(fresh: Tensor) -> Tensor:
        return torch.cat([body(part) for part in pieces(scaled(fresh))]) * spread + mean

    return Trained(name, reconstruct, tuple(errors), settled(errors, plan.patience))


@torch.no_grad()
def _error(body: nn.Module, seen: Tensor, wanted: Tensor) -> float:
    total = sum(
        float((body(a) - b).square().sum())
        for a, b in zip(pieces(seen), pieces(wanted), strict=True)
    )
    return total / wanted.numel()


def settled(errors: list[float], patience: int) -> bool:
    """Whether a curve has stopped falling: it turned and stayed above for `patience` epochs, or its
    last quarter (at least 5 epochs of at least 8) gained less than 1 %."""
    if len(errors) - errors.index(min(errors)) > patience:
        return True
    quarter = max(5, len(errors) // 4)
    if len(errors) < quarter + 3:
        return False
    before = min(errors[:-quarter])
    return min(errors) > (1 - FALLING) * before
