# SPDX-License-Identifier: Apache-2.0
"""Canaries: made-up records of which fair coins decide whether a training sees them.

A good canary is hard to learn from others and hard to overlook. Coarse random patterns with random
labels are both: no real record looks like them, so their gradients stay long (where clipping is
missing, it shows), and they have little in common with each other, so that one canary's mark in a
noised sum is not another's. White noise would be worse: to a convolution it all looks the same.

Real data may be added to or left as it is; canaries are records beside it and stand for nobody.

Source: Steinke, Nasr & Jagielski, NeurIPS 2023, https://arxiv.org/abs/2305.08846; Nasr et al.,
USENIX Security 2023, https://arxiv.org/abs/2302.07956 (which inputs are remembered).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from polyveil import _validate
from polyveil.attack.examples import Examples
from polyveil.errors import UsageError

CELLS = 36
"""Cells of one value that a pattern has along its places, channels aside."""


@dataclass(frozen=True, slots=True)
class Canaries:
    """Made-up records and their coins.

    Attributes:
      examples: m records; inputs as the model takes them.
      included: bool (m,), the coins: fair, independent, drawn before anything was trained. Secret
        from the attacker until he has guessed.
      seed: that both follow from.
    """

    examples: Examples
    included: NDArray[np.bool_] = field(repr=False)
    seed: int

    def __post_init__(self) -> None:
        if self.included.shape != (len(self.examples),) or self.included.dtype != np.bool_:
            raise UsageError(
                f"canaries: coins {self.included.shape} {self.included.dtype} for "
                f"{len(self.examples)} records; expected one bool each."
            )

    def __len__(self) -> int:
        return len(self.examples)

    @property
    def members(self) -> Examples:
        """Those that the training is to see."""
        return self.examples.at(np.flatnonzero(self.included))

    @staticmethod
    def like(data: Examples, *, count: int, classes: int, seed: int) -> Canaries:
        """Canaries of the shapes, types and ranges of these records.

        Args:
          data: real records; of them only shapes, types and each modality's extremes are used.
          count: m >= 2; more make the audit sharper and slower.
          classes: number of classes; labels are drawn from all of them alike.
        """
        _validate.at_least(2, count=count, classes=classes)
        draw = torch.Generator().manual_seed(seed)
        inputs = {
            name: patterns(values, count=count, draw=draw) for name, values in data.inputs.items()
        }
        labels = torch.randint(classes, (count,), generator=draw)
        return Canaries(Examples(inputs, labels), coins(count, seed=seed), seed)


def coins(count: int, *, seed: int) -> NDArray[np.bool_]:
    """Fair, independent coins, on a stream that nothing else draws from."""
    stream = np.random.default_rng(np.random.SeedSequence([seed, 0xC0115]))
    return stream.integers(0, 2, count).astype(np.bool_)


def patterns(like: Tensor, *, count: int, draw: torch.Generator) -> Tensor:
    """Random patterns of two values, the extremes of `like`, in its shape and type.

    [records, channels, ...places]: the places are cut into about CELLS blocks, each channel has a
    pattern of its own. [records, values]: every value is drawn by itself.

    Raises:
      UsageError: whole numbers that stand for something (tokens), of which none can be made up;
        uint8 is taken as pixels.
    """
    if like.dtype not in (torch.uint8, torch.float16, torch.float32, torch.float64):
        raise UsageError(
            f"canaries: {like.dtype} inputs; expected pixels (uint8) or floats. Make Canaries of "
            "your own records, with coins(count, seed=...)."
        )
    low, high = (0, 255) if like.dtype == torch.uint8 else _extremes(like)
    shape = tuple(like.shape[1:])
    bits = torch.rand((count, *_cells(shape)), generator=draw) < 0.5
    for axis, size in enumerate(shape, start=1):
        index = torch.arange(size) * bits.shape[axis] // max(size, 1)
        bits = bits.index_select(axis, index)
    return torch.where(bits, high, low).to(like.dtype)


def _extremes(values: Tensor) -> tuple[float, float]:
    finite = values[torch.isfinite(values)]
    if not finite.numel():
        return -1.0, 1.0
    low, high = float(finite.min()), float(finite.max())
    return (low, high) if high > low else (low - 1.0, low + 1.0)


def _cells(shape: tuple[int, ...]) -> tuple[int, ...]:
    """How many values a pattern has along each axis: all channels, CELLS blocks of the places."""
    if len(shape) < 2:
        return shape
    places = shape[1:]
    each = max(2, math.ceil(CELLS ** (1 / len(places))))
    return (shape[0], *(min(size, each) for size in places))
