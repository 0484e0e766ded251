# SPDX-License-Identifier: Apache-2.0
"""A variational autoencoder of one modality: what is recognised is a small, noisy code of it.

    x -> encoder -> (mean, log variance) -> z = mean + noise * deviation * N(0, 1) -> decoder -> x'

The code is a map [latent, *grid] that keeps the places, so that convolutions go on from it; each
stage halves the grid. Whoever reads z alone learns of x what z holds, however it is processed.

This is no differential privacy: nothing bounds the mean, the network chooses its own deviation,
and it is trained to keep what recognition needs. How much of x can be rebuilt from z is a
question to measure, with an attacker who averages over the noise (`polyveil.attack.inversion`).

The loss is one number a record, so that private training can clip it:

    ( |x - x'|² / (2 spread²) + KL(N(mean, deviation²) || N(0, 1)) ) / numbers in x

the negative evidence lower bound in nats per number of x, less the constant log(spread sqrt(2 pi)).
KL is that of `noise` = 1. Were it that of the scaled noise, the network could undo the setting at
no price, by a smaller deviation.

Source: Kingma & Welling, ICLR 2014, https://arxiv.org/abs/1312.6114
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from polyveil.errors import UsageError
from polyveil.models import checks
from polyveil.models.step_norm import GROUP_WIDTH, place_norm

STEEPEST = 8.0
"""Log variances are kept within ±8 by a tanh: one record's noise and KL stay finite."""

DETERMINISTIC = (
    "deterministic: in use the code is the mean, without noise. The same input gives the same "
    "code, so codes link records exactly, and an attacker who inverts them has no noise to "
    "average over."
)


@dataclass(frozen=True, slots=True)
class VAEConfig:
    """Shape of the autoencoder; public facts, checked on construction.

    Attributes:
      shape: of a record: (channels, height, width) of a picture or spectrogram, or (steps,
        features) of a sequence.
      latent: channels of the code; with the grid they give its size (`code`).
      widths: channels of each stage, multiples of 8; every stage halves the grid, rounding up.
      noise: factor on the learned deviation, >= 0; no unit. 1: the autoencoder's own.
      spread: standard deviation of what the decoder may miss, in units of the input, > 0; smaller
        weighs reconstruction more against KL.
      deterministic: in use (after `eval()`) the code is the mean. See `remarks` for the price.
    """

    shape: tuple[int, ...]
    latent: int = 4
    widths: tuple[int, ...] = (16, 32, 64)
    noise: float = 1.0
    spread: float = 0.1
    deterministic: bool = False

    def __post_init__(self) -> None:
        if len(self.shape) not in (2, 3):
            raise UsageError(
                f"shape: {self.shape!r}; expected (channels, height, width) or (steps, features)."
            )
        for size in self.shape:
            checks.at_least("shape", size, 1)
        checks.at_least("latent", self.latent, 1)
        checks.noise_scale("noise", self.noise)
        if not self.widths or any(width < 1 or width % GROUP_WIDTH for width in self.widths):
            raise UsageError(f"widths: {self.widths}; expected multiples of {GROUP_WIDTH}.")
        if not (math.isfinite(self.spread) and self.spread > 0):
            raise UsageError(f"spread: {self.spread!r}; expected a finite number > 0.")
        if math.prod(self.code) >= math.prod(self.shape):
            raise UsageError(
                f"latent: a code of {self.code} has no fewer numbers than a record of "
                f"{self.shape}. Use fewer latent channels or more stages."
            )

    @property
    def sequence(self) -> bool:
        """Whether a record is (steps, features)."""
        return len(self.shape) == 2

    @property
    def grids(self) -> tuple[tuple[int, ...], ...]:
        """Space of the record and after every stage."""
        grids = [self.shape[:1] if self.sequence else self.shape[1:]]
        for _ in self.widths:
            grids.append(tuple(-(-size // 2) for size in grids[-1]))
        return tuple(grids)

    @property
    def code(self) -> tuple[int, ...]:
        """Shape of a record's code: (latent, *grid)."""
        return (self.latent, *self.grids[-1])

    @property
    def remarks(self) -> tuple[str, ...]:
        """What whoever reads a result must be told."""
        return (DETERMINISTIC,) if self.deterministic or self.noise == 0 else ()


class Coded(NamedTuple):
    """What the encoder says of records.

    Attributes:
      code: float32 [records, latent, *grid], sampled; the mean where there is no noise. Secret.
      mean, log_variance: float32, the same shape. Secret.
    """

    code: Tensor
    mean: Tensor
    log_variance: Tensor


class VAE(nn.Module):
    """float32 [records, *shape] -> (`Coded`, reconstruction [records, *shape]); records alone."""

    def __init__(self, config: VAEConfig) -> None:
        super().__init__()
        self.config = config
        convolution = nn.Conv1d if config.sequence else nn.Conv2d
        channels, widths = config.shape[-1] if config.sequence else config.shape[0], config.widths
        self.encoder = nn.Sequential(
            *(stage(convolution, a, b, 2) for a, b in pairwise((channels, *widths)))
        )
        self.posterior = convolution(widths[-1], 2 * config.latent, 1)
        self.first = stage(convolution, config.latent, widths[-1], 1)
        up = (*reversed(widths), widths[0])
        self.stages = nn.ModuleList(stage(convolution, a, b, 1) for a, b in pairwise(up))
        self.last = convolution(widths[0], channels, 3, padding=1)

    def forward(self, x: Tensor, noise: Tensor | None = None) -> tuple[Coded, Tensor]:
        coded = self.encode(x, noise)
        return coded, self.decode(coded.code)

    def encode(self, x: Tensor, noise: Tensor | None = None) -> Coded:
        """The code of records.

        Args:
          x: float32 [records, *shape].
          noise: N(0, 1) numbers [records, *code]; None: drawn from torch's global generator.

        Raises:
          UsageError: noise of another shape.
        """
        features = self.encoder(x.transpose(1, 2) if self.config.sequence else x)
        mean, steep = self.posterior(features).chunk(2, 1)
        log_variance = STEEPEST * torch.tanh(steep / STEEPEST)
        if not self.samples:
            return Coded(mean, mean, log_variance)
        if noise is not None and noise.shape != mean.shape:
            raise UsageError(f"noise: shape {tuple(noise.shape)}; expected {tuple(mean.shape)}.")
        drawn = torch.randn_like(mean) if noise is None else noise
        scaled = self.config.noise * torch.exp(log_variance / 2) * drawn
        return Coded(mean + scaled, mean, log_variance)

    def decode(self, code: Tensor) -> Tensor:
        """float32 [records, *code] -> [records, *shape]."""
        x, mode = self.first(code), "linear" if self.config.sequence else "bilinear"
        for widen, size in zip(self.stages, reversed(self.config.grids[:-1]), strict=True):
            # Convolved before it is enlarged, which takes a quarter of the work.
            x = functional.interpolate(widen(x), size=size, mode=mode)
        rebuilt: Tensor = self.last(x)
        return rebuilt.transpose(1, 2) if self.config.sequence else rebuilt

    @property
    def samples(self) -> bool:
        """Whether the next code is drawn at random."""
        return self.config.noise > 0 and (self.training or not self.config.deterministic)

    def loss(self, x: Tensor, coded: Coded, rebuilt: Tensor) -> Tensor:
        """Negative lower bound, float32 [records], nats per number of x less a constant."""
        squared = (x - rebuilt).flatten(1).square().sum(1)
        bound = squared / (2 * self.config.spread**2) + divergence(coded.mean, coded.log_variance)
        return bound / math.prod(self.config.shape)


def divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL of N(mean, exp(log_variance)) from N(0, 1), summed over a record; [records], in nats."""
    each = mean.square() + log_variance.exp() - 1 - log_variance
    return each.flatten(1).sum(1) / 2


def stage(
    convolution: type[nn.Conv1d] | type[nn.Conv2d], channels: int, width: int, stride: int
) -> nn.Sequential:
    """Convolution of 3, norm, GELU; [n, channels, *grid] -> [n, width, *grid / stride]."""
    return nn.Sequential(
        convolution(channels, width, 3, stride, 1),
        place_norm(1 if convolution is nn.Conv1d else 2, width),
        nn.GELU(),
    )
