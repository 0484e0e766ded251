# SPDX-License-Identifier: Apache-2.0
"""Every modality's features into one space: a linear map, then the unit sphere.

There the inner product of two vectors is their cosine, whatever modalities they come from.

Source: Zhu & Shao (equations 4 to 6); Radford et al., ICML 2021, https://arxiv.org/abs/2103.00020
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

SHORTEST = 1e-6
"""Shorter vectors have no direction; they are divided by this instead of their length."""


class Projection(nn.Module):
    """float32 [records, features] -> embeddings [records, width] of length 1.

    Features that are all zero give zeros, which are at cosine 0 from everything.

    Args:
      features: numbers that the modality's encoder gives.
      width: of the common space.
    """

    def __init__(self, features: int, width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(features, width, bias=False)

    def forward(self, features: Tensor) -> Tensor:
        return unit(self.linear(features))


def unit(vectors: Tensor) -> Tensor:
    """Vectors along the last dimension made 1 long."""
    return functional.normalize(vectors, dim=-1, eps=SHORTEST)
