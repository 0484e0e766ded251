# SPDX-License-Identifier: Apache-2.0
"""A transformer block: normalise, attend, add; normalise, two linear layers with GELU, add."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from polyveil.models.regulariser import Normalisation


class Block(nn.Module):
    """One pre-normalised block; float32 [records, T, width] -> the same shape.

    Args:
      attention: module over [records, T, width].
      width: size of a token.
      mlp_ratio: hidden units of the two linear layers, in multiples of width.
      norm_noise: noise in the mean and deviation of normalisation; a regulariser, no privacy.
    """

    def __init__(
        self, attention: nn.Module, width: int, mlp_ratio: int = 4, norm_noise: float = 0.0
    ) -> None:
        super().__init__()
        self.attention_norm = Normalisation(width, norm_noise)
        self.attention = attention
        self.mlp_norm = Normalisation(width, norm_noise)
        self.widen = nn.Linear(width, mlp_ratio * width)
        self.narrow = nn.Linear(mlp_ratio * width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        tokens = tokens + self.attention(self.attention_norm(tokens))
        out: Tensor = tokens + self.narrow(functional.gelu(self.widen(self.mlp_norm(tokens))))
        return out
