# SPDX-License-Identifier: Apache-2.0
"""The parts that both vision transformers share: learned positions, and the block.

A block normalises, attends, adds; normalises, runs two linear layers with GELU, adds.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from polyveil.models.regulariser import Normalisation

POSITION = 0.3
"""Standard deviation of position vectors at the start. The usual 0.02 drowns in the patches: within
a small number of steps, which is all that a privacy budget buys, global attention then never
learns where things are."""


def positions(tokens: int, width: int) -> nn.Parameter:
    """A learned vector for every place in the sequence, [tokens, width]."""
    return nn.Parameter(nn.init.trunc_normal_(torch.empty(tokens, width), std=POSITION))


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
