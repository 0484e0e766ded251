# SPDX-License-Identifier: Apache-2.0
"""Wavelet scattering: features made by hand, so that they cost no privacy budget.

Order 0 averages the picture, order 1 the modulus of its wavelet transform, order 2 the modulus of
the wavelet transform of that, at coarser scales:

    x * φ,   |x * ψ_λ1| * φ,   ||x * ψ_λ1| * ψ_λ2| * φ,

sampled every 2^J pixels. With J = 2 and L = 8 a colour channel of 32 x 32 pixels becomes
1 + 16 + 64 = 81 maps of 8 x 8. Nothing is learned and no statistic of the data is used, so the
features are a function of one record alone: training on them privately costs what training on
pictures costs, and far fewer parameters have to be learned through the noise.

Compute features once, `scattering(images)`, and train a head on them; that is exact and saves the
work of every epoch.

Source: Tramèr & Boneh, ICLR 2021, https://arxiv.org/abs/2011.11660 (strongest at small budgets);
Oyallon & Mallat, CVPR 2015, https://arxiv.org/abs/1412.8659
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from polyveil.errors import UsageError
from polyveil.models import checks
from polyveil.models.wavelets import low_pass, morlet

_TOGETHER = 4
"""Records transformed at a time: more leave the caches, at twice the time a record."""


class Scattering(nn.Module):
    """float32 [N, C, H, W] -> float32 [N, C * maps, H / 2^scales, W / 2^scales].

    Args:
      side: H = W in pixels, a multiple of 2^scales.
      scales: J >= 1.
      angles: L >= 1 directions over half a turn.

    Attributes:
      maps: features a channel, 1 + J L + J (J - 1) / 2 L².
    """

    responses: Tensor
    average: Tensor

    def __init__(self, side: int, scales: int = 2, angles: int = 8) -> None:
        super().__init__()
        checks.at_least("scales", scales, 1)
        checks.at_least("angles", angles, 1)
        if side % 2**scales or side < 2 * 2**scales:
            raise UsageError(
                f"side: {side} pixels; expected a multiple of 2^scales = {2**scales}, at least two."
            )
        self.side, self.scales, self.angles = side, scales, angles
        self.maps = 1 + scales * angles + scales * (scales - 1) // 2 * angles**2
        # A mirrored border of one sample keeps opposite sides of the periodic grid apart.
        self.border = 2**scales
        padded = side + 2 * self.border
        turns = [math.pi * n / angles for n in range(angles)]
        bank = [[morlet(padded, j, turn, angles) for turn in turns] for j in range(scales)]
        responses = torch.stack([torch.stack(row) for row in bank]).float()
        self.register_buffer("responses", responses, persistent=False)
        self.register_buffer("average", low_pass(padded, scales).float(), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        return torch.cat([self._features(part) for part in torch.split(images, _TOGETHER)])

    def _features(self, images: Tensor) -> Tensor:
        records, channels = images.shape[:2]
        padded = functional.pad(images, [self.border] * 4, mode="reflect")
        spectrum = torch.fft.fft2(padded.flatten(0, 1)).unsqueeze(1)
        maps = [self._averaged(spectrum)]
        moduli = [self._modulus(spectrum, j) for j in range(self.scales)]
        maps += [self._averaged(modulus) for modulus in moduli]
        for j, modulus in enumerate(moduli):
            for coarser in range(j + 1, self.scales):
                maps.append(self._averaged(self._modulus(modulus, coarser)))
        joined = torch.cat(maps, dim=1)
        return joined.reshape(records, channels * self.maps, *joined.shape[-2:])

    def _modulus(self, spectra: Tensor, scale: int) -> Tensor:
        """Spectra [N, M, S, S] -> spectra of |. * ψ| for every angle, [N, M * angles, S, S]."""
        filtered = (spectra.unsqueeze(2) * self.responses[scale]).flatten(1, 2)
        moduli: Tensor = torch.fft.fft2(torch.fft.ifft2(filtered).abs())
        return moduli

    def _averaged(self, spectra: Tensor) -> Tensor:
        """Spectra [N, M, S, S] -> low-passed maps, sampled, without the border."""
        step, padded = 2**self.scales, spectra.shape[-1]
        periods = (step, padded // step, step, padded // step)
        # Sampling in space is folding in frequency: the inverse transform is that much smaller.
        folded = (spectra * self.average).reshape(*spectra.shape[:2], *periods).mean((2, 4))
        smooth: Tensor = torch.fft.ifft2(folded).real
        return smooth[..., 1:-1, 1:-1]

    def extra_repr(self) -> str:
        return f"side={self.side}, scales={self.scales}, angles={self.angles}"


class ScatterClassifier(nn.Module):
    """Scattering, a normalisation without parameters, and a small head that is all that learns.

    forward: images [N, C, H, W] -> logits [N, classes]. To train faster, compute
    `model.features(images)` once and train `model.head`.

    Args:
      image: (channels, height, width), square, a multiple of 2^scales.
      classes: number of classes.
      head: "linear" or "convolution" (two 3 x 3 tanh convolutions before the linear layer).
      scales, angles: of `Scattering`.
      groups: maps are normalised per record in this many groups; the usual 27 for colour (3 maps
        channels times 81), a divisor of their number.
    """

    def __init__(
        self,
        image: tuple[int, int, int],
        classes: int,
        *,
        head: str = "linear",
        scales: int = 2,
        angles: int = 8,
        groups: int = 27,
    ) -> None:
        super().__init__()
        checks.image_shape("image", image)
        checks.at_least("classes", classes, 1)
        checks.at_least("groups", groups, 1)
        checks.one_of("head", head, HEADS)
        if image[1] != image[2]:
            raise UsageError(f"image: {image[1]} x {image[2]} pixels; expected a square.")
        self.scattering = Scattering(image[1], scales, angles)
        maps, side = image[0] * self.scattering.maps, image[1] >> scales
        if maps % groups:
            raise UsageError(f"groups: {groups} does not divide {maps} maps.")
        self.groups = groups
        self.head = HEADS[head](maps, side, classes)

    def features(self, images: Tensor) -> Tensor:
        """Normalised scattering maps [N, C * maps, H / 2^scales, W / 2^scales]."""
        return functional.group_norm(self.scattering(images), self.groups)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.head(self.features(images))
        return logits


def linear_head(maps: int, side: int, classes: int) -> nn.Module:
    """All maps -> logits, one linear layer."""
    return nn.Sequential(nn.Flatten(), nn.Linear(maps * side * side, classes))


def convolution_head(maps: int, side: int, classes: int) -> nn.Module:
    """Two tanh convolutions of 64 channels, a 2 x 2 mean pool, one linear layer."""
    half = side // 2
    return nn.Sequential(
        nn.Conv2d(maps, 64, 3, padding=1),
        nn.Tanh(),
        nn.Conv2d(64, 64, 3, padding=1),
        nn.Tanh(),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Linear(64 * half * half, classes),
    )


HEADS = {"linear": linear_head, "convolution": convolution_head}
