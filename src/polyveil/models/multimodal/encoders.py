# SPDX-License-Identifier: Apache-2.0
"""Small encoders, one for each kind of input, all to features of one width.

Under privacy every weight costs noise and every step budget, so they are small: pictures are
halved by strided convolutions until a side has at most `SMALL` places, then one linear layer.
GroupNorm (or LayerNorm by step) looks at one record at a time. Activations are tanh: bounded, so
clipping loses less, and features lie in [-1, 1], so their mean can be released with little noise.

Vectors that a public front end made say what matters already. One layer reads them, or none: with
a few hundred records, noise on an encoder costs more than it learns.

Source: Papernot et al., AAAI 2021, https://arxiv.org/abs/2007.14191 (tanh);
Tramèr & Boneh, ICLR 2021, https://arxiv.org/abs/2011.11660 (small networks with GroupNorm).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from polyveil.models.multimodal.config import ModalityInput, MultimodalConfig
from polyveil.models.step_norm import place_norm

SMALL = 4
"""Sides of pictures up to this many places are not halved."""
FEW_STEPS = 16
"""Sequences up to this many steps are not halved."""


class PictureEncoder(nn.Module):
    """float32 [records, channels, height, width] -> features [records, width] in [-1, 1]."""

    def __init__(self, of: ModalityInput, config: MultimodalConfig) -> None:
        super().__init__()
        channels, *sides = of.shape
        self.stages, last, sides = _halving(channels, sides, SMALL, config.channels)
        self.out = nn.Sequential(nn.Linear(last * math.prod(sides), config.width), nn.Tanh())

    def forward(self, pictures: Tensor) -> Tensor:
        features: Tensor = self.out(self.stages(pictures).flatten(1))
        return features


class SequenceEncoder(nn.Module):
    """float32 [records, steps, features] -> features [records, width] in [-1, 1].

    The mean over steps of convolutions in time: it forgets order beyond a few steps.
    """

    def __init__(self, of: ModalityInput, config: MultimodalConfig) -> None:
        super().__init__()
        steps, features = of.shape
        self.stages, last, _ = _halving(features, [steps], FEW_STEPS, config.channels)
        self.out = nn.Sequential(nn.Linear(last, config.width), nn.Tanh())

    def forward(self, sequences: Tensor) -> Tensor:
        features: Tensor = self.out(self.stages(sequences.transpose(1, 2)).mean(2))
        return features


class VectorEncoder(nn.Module):
    """float32 [records, numbers] -> features [records, width] in [-1, 1]; one hidden layer."""

    def __init__(self, of: ModalityInput, config: MultimodalConfig) -> None:
        super().__init__()
        self.out = nn.Sequential(
            *(nn.Linear(of.shape[0], config.width), nn.Tanh()),
            *(nn.Linear(config.width, config.width), nn.Tanh()),
        )

    def forward(self, vectors: Tensor) -> Tensor:
        features: Tensor = self.out(vectors)
        return features


class LinearEncoder(nn.Module):
    """float32 [records, numbers] -> features [records, width] in [-1, 1]; no hidden layer."""

    def __init__(self, of: ModalityInput, config: MultimodalConfig) -> None:
        super().__init__()
        self.out = nn.Sequential(nn.Linear(of.shape[0], config.width), nn.Tanh())

    def forward(self, vectors: Tensor) -> Tensor:
        features: Tensor = self.out(vectors)
        return features


class FixedEncoder(nn.Module):
    """float32 [records, numbers] -> features [records, width] in [-1, 1]; nothing is learned.

    Where the vectors of all modalities fit side by side, each number is a feature of its own, so
    that a shared head reads each modality by columns of its own. Where they do not, each modality
    is laid on orthonormal directions, drawn once for everybody.
    """

    placed: Tensor

    def __init__(self, of: ModalityInput, config: MultimodalConfig) -> None:
        super().__init__()
        vectors = [one for one in config.inputs if one.kind == "vector"]
        at = vectors.index(of)
        numbers, start = of.shape[0], sum(one.shape[0] for one in vectors[:at])
        placed = torch.zeros(numbers, config.width)
        if sum(one.shape[0] for one in vectors) <= config.width:
            placed[:, start : start + numbers] = torch.eye(numbers)
        else:
            draw = torch.Generator().manual_seed(at)
            size = max(numbers, config.width)
            basis = torch.linalg.qr(torch.randn(size, size, generator=draw)).Q
            placed = basis[:numbers, : config.width].clone()
        self.register_buffer("placed", placed)

    @property
    def fills(self) -> Tensor:
        """bool [width]: features that can be anything but 0. Public: it follows from shapes."""
        return self.placed.ne(0).any(0)

    def forward(self, vectors: Tensor) -> Tensor:
        return torch.tanh(vectors @ self.placed)


def encoder(of: ModalityInput, config: MultimodalConfig) -> nn.Module:
    """The encoder for a modality; draws its weights from torch's global generator."""
    if of.kind == "vector":
        return VECTOR_ENCODERS[config.vectors](of, config)
    kinds = {"picture": PictureEncoder, "sequence": SequenceEncoder}
    return kinds[of.kind](of, config)


VECTOR_ENCODERS = {"hidden": VectorEncoder, "linear": LinearEncoder, "fixed": FixedEncoder}
"""By `MultimodalConfig.vectors`."""


def _halving(
    channels: int, sides: list[int], small: int, widths: tuple[int, int]
) -> tuple[nn.Sequential, int, list[int]]:
    """Strided convolutions until every side is small; (stages, channels, sides at the end)."""
    convolution = (nn.Conv1d, nn.Conv2d)[len(sides) - 1]
    layers: list[nn.Module] = []
    while not layers or max(sides) > small:
        width = widths[1] if layers else widths[0]
        layers += [convolution(channels, width, 3, 2, 1), place_norm(len(sides), width), nn.Tanh()]
        channels, sides = width, [-(-side // 2) for side in sides]
    return nn.Sequential(*layers), channels, sides
