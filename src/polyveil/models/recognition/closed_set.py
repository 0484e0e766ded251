# SPDX-License-Identifier: Apache-2.0
"""Which of the people of the training set: a linear layer over the fused embedding.

It knows nobody else: a stranger is called by the name of whom he resembles most. Open-set
decisions, with "unknown" at a stated false-accept rate, compare embeddings with a gallery.
"""

from __future__ import annotations

from torch import Tensor, nn

SCALE = 16.0
"""Embeddings have length 1; without a factor a softmax over many people could not become sure."""


class ClosedSetHead(nn.Module):
    """float32 embeddings [records, width] of length 1 -> logits [records, identities]."""

    def __init__(self, width: int, identities: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, identities)

    def forward(self, fused: Tensor) -> Tensor:
        logits: Tensor = self.linear(SCALE * fused)
        return logits
