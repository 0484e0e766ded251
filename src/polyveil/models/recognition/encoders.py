# SPDX-License-Identifier: Apache-2.0
"""From a small map to a vector of features: convolutions for places, a GRU for time.

A map is what a modality's autoencoder makes of a record (its code), or the stem where there is no
autoencoder. Pictures and spectrograms: two-dimensional convolutions, then the mean over places.
Sequences of behaviour: one-dimensional convolutions in front of a GRU, then the mean over steps
of its states, which, unlike the last state, forgets no early step.

Convolutions are dynamic (`ODConv`) or plain, with the same shape otherwise; a norm and GELU after
each. A stage halves a picture's map while a side is longer than `SMALL`; steps are all kept, for
the GRU to read.

Source: Zhu & Shao (equations 1 to 3 and 16); Cho et al. 2014, https://arxiv.org/abs/1406.1078
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from torch import Tensor, nn

from polyveil.errors import UsageError
from polyveil.models import checks
from polyveil.models.odconv import ODConv, ODConvConfig
from polyveil.models.step_norm import GROUP_WIDTH, place_norm
from polyveil.models.vae import VAEConfig, stage

SMALL = 4
"""Sides of pictures up to this many places are not halved."""


@dataclass(frozen=True, slots=True)
class EncoderConfig:
    """Shape of an encoder; public facts, checked on construction.

    Attributes:
      shape: of a map: (channels, height, width), or (channels, steps).
      widths: channels of each stage, multiples of 8; the last is the number of features.
      odconv: dynamic convolutions; False: plain ones.
      kernels: K of every dynamic convolution.
    """

    shape: tuple[int, ...]
    widths: tuple[int, ...] = (32, 64)
    odconv: bool = True
    kernels: int = 1

    def __post_init__(self) -> None:
        if len(self.shape) not in (2, 3):
            raise UsageError(
                f"shape: {self.shape!r}; expected (channels, height, width) or (channels, steps)."
            )
        for size in self.shape:
            checks.at_least("shape", size, 1)
        checks.at_least("kernels", self.kernels, 1)
        if not self.widths or any(width < 1 or width % GROUP_WIDTH for width in self.widths):
            raise UsageError(f"widths: {self.widths}; expected multiples of {GROUP_WIDTH}.")


class PictureEncoder(nn.Module):
    """float32 [records, channels, height, width] -> features [records, widths[-1]]."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        _dimensions(config, 2)
        self.stages = _stages(config)

    def forward(self, maps: Tensor) -> Tensor:
        features: Tensor = self.stages(maps).flatten(2).mean(2)
        return features


class SequenceEncoder(nn.Module):
    """float32 [records, channels, steps] -> features [records, widths[-1]]."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        _dimensions(config, 1)
        self.stages = _stages(config)
        self.memory = nn.GRU(config.widths[-1], config.widths[-1], batch_first=True)

    def forward(self, maps: Tensor) -> Tensor:
        states: Tensor = self.memory(self.stages(maps).transpose(1, 2))[0]
        return states.mean(1)


class Stem(nn.Module):
    """The autoencoder's first half without code, noise and decoder, for comparison.

    float32 [records, *shape] -> maps [records, widths[-1], *grid]. Hides nothing.
    """

    def __init__(self, config: VAEConfig) -> None:
        super().__init__()
        self.sequence = config.sequence
        convolution = nn.Conv1d if config.sequence else nn.Conv2d
        channels = config.shape[-1] if config.sequence else config.shape[0]
        widths = pairwise((channels, *config.widths))
        self.stages = nn.Sequential(*(stage(convolution, a, b, 2) for a, b in widths))
        self.output = (config.widths[-1], *config.grids[-1])

    def forward(self, x: Tensor) -> Tensor:
        maps: Tensor = self.stages(x.transpose(1, 2) if self.sequence else x)
        return maps


def _dimensions(config: EncoderConfig, expected: int) -> None:
    if len(config.shape) != expected + 1:
        raise UsageError(f"shape: {config.shape!r}; expected channels and {expected} more numbers.")


def _stages(config: EncoderConfig) -> nn.Sequential:
    layers: list[nn.Module] = []
    channels, space = config.shape[0], config.shape[1:]
    for width in config.widths:
        stride = 2 if len(space) == 2 and max(space) > SMALL else 1
        shape = ODConvConfig(
            channels, width, (3,) * len(space), stride, padding=1, kernels=config.kernels
        )
        if config.odconv:
            layers += [ODConv(shape), place_norm(len(space), width), nn.GELU()]
        else:
            layers.append(stage((nn.Conv1d, nn.Conv2d)[len(space) - 1], channels, width, stride))
        channels, space = width, shape.output(space)
    return nn.Sequential(*layers)
