# SPDX-License-Identifier: Apache-2.0
"""The last layer: features to logits, its bias being the weight of a feature that is always 1.

Alternating training keeps updates of a shared head off the directions that the preceding modality
uses. A bias that stood beside the weight would escape that, and would move every modality's logits
at every step. As one more column of one matrix it is protected, measured and clipped with it.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Head(nn.Module):
    """float32 features [records, width] -> logits [records, classes].

    Attributes:
      linear: weight [classes, width + 1]; the last column is the bias.
    """

    def __init__(self, width: int, classes: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width + 1, classes, bias=False)

    def forward(self, features: Tensor) -> Tensor:
        logits: Tensor = self.linear(extended(features))
        return logits


def extended(features: Tensor) -> Tensor:
    """Features with a 1 at the end, [records, width + 1]."""
    return torch.cat([features, features.new_ones(features.shape[0], 1)], 1)
