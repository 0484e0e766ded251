# SPDX-License-Identifier: Apache-2.0
"""Normalisation after a convolution: over channels and places of pictures, over channels of a step.

Both look at one record alone. In a sequence of behaviour the mean over time is what people differ
in (how long a key is held, how fast someone walks); GroupNorm takes much of that away. Normalised
step by step it stays: keystrokes of 30 people of the development part, 5 sentences each to learn
from and 5 to tell by, were 24 % right against 18 % (one small network, one seed).

Source: Ba et al. 2016, https://arxiv.org/abs/1607.06450; Wu & He, ECCV 2018,
https://arxiv.org/abs/1803.08494
"""

from __future__ import annotations

from torch import Tensor, nn

GROUP_WIDTH = 8


class StepNorm(nn.Module):
    """float32 [records, channels, steps] -> the same shape; each step over its channels."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels)

    def forward(self, x: Tensor) -> Tensor:
        normed: Tensor = self.norm(x.transpose(1, 2))
        return normed.transpose(1, 2)


def place_norm(dimensions: int, channels: int) -> nn.Module:
    """What follows a convolution of so many dimensions: 1, `StepNorm`; 2, GroupNorm by 8."""
    return (
        StepNorm(channels) if dimensions == 1 else nn.GroupNorm(channels // GROUP_WIDTH, channels)
    )
