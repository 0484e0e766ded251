# SPDX-License-Identifier: Apache-2.0
"""Noise inside a network while it trains: a regulariser, NOT differential privacy.

Yang 2024 (section 2) adds Gaussian noise to attention weights after the softmax and to the mean
and standard deviation of normalisation, and calls it differential privacy. It is none: nothing
bounds the sensitivity of these quantities, and the residual connections carry the record past
the noise untouched. It works like dropout. Whoever wants a guarantee trains with clipped, noised
gradients (`polyveil.learn`), with or without this noise.

The paper gives neither size nor form of the noise. Our choice: attention maps get N(0, scale²) an
entry; the mean moves by scale x N(0, 1) standard deviations, and the standard deviation is
multiplied by exp(scale x N(0, 1)), which keeps it positive. Both are drawn anew for every record
and switched off by `model.eval()`.

Source: Yang, Traitement du Signal 41(3), 2024, https://doi.org/10.18280/ts.410333
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

REMARK = (
    "Noise inside attention and normalisation is a regulariser; it gives no differential privacy."
)


class MapNoise(nn.Module):
    """Adds Gaussian noise to attention maps while training: a regulariser, no privacy.

    Args:
      scale: standard deviation of the noise on one entry of a map; no unit, >= 0; 0 adds none.
    """

    def __init__(self, scale: float) -> None:
        super().__init__()
        self.scale = scale

    @property
    def active(self) -> bool:
        """Whether the next forward pass adds noise."""
        return self.training and self.scale > 0

    def forward(self, maps: Tensor) -> Tensor:
        return maps + self.scale * torch.randn_like(maps) if self.active else maps

    def extra_repr(self) -> str:
        return f"scale={self.scale}, regulariser, no differential privacy"


class Normalisation(nn.Module):
    """Layer normalisation over the last dimension, with optional noise in mean and deviation.

    Args:
      width: size of the last dimension.
      scale: size of the noise, relative to the standard deviation; >= 0; 0 is plain LayerNorm.
        A regulariser, no privacy.
    """

    def __init__(self, width: int, scale: float = 0.0) -> None:
        super().__init__()
        self.width, self.scale = width, scale
        self.weight = nn.Parameter(torch.ones(width))
        self.bias = nn.Parameter(torch.zeros(width))

    def forward(self, x: Tensor) -> Tensor:
        if not (self.training and self.scale > 0):
            return functional.layer_norm(x, (self.width,), self.weight, self.bias)
        plain = functional.layer_norm(x, (self.width,))
        # (x - (mean + s e1 std)) / (std exp(s e2)), written on the normalised value.
        moved = plain - self.scale * torch.randn_like(plain[..., :1])
        spread = torch.exp(-self.scale * torch.randn_like(plain[..., :1]))
        return moved * spread * self.weight + self.bias

    def extra_repr(self) -> str:
        noise = f", noise={self.scale} (regulariser, no differential privacy)"
        return f"{self.width}{noise if self.scale else ''}"
