# SPDX-License-Identifier: Apache-2.0
"""What goes through the network in one step: one modality alone, or all of them together.

A path may also tell: one more weight, which stays zero, reads a vector v_i of each record (its
feature, its scores) and adds 0 to the loss. The loss's gradient by that weight is v_i, so clipping,
summing, noise and accounting of the gradients serve the sum of v_i as they are, in one release;
without a promise it is the plain mean of v_i over the batch. The weight itself is never changed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from polyveil.models.multimodal import Head, MultimodalClassifier
from polyveil.models.multimodal.head import extended


class Passed(NamedTuple):
    """What a batch gave.

    Attributes:
      logits: float32 [records, classes].
      told: float32 [records], all zero; carries what is told into the gradient.
      features: float32 [records, width + 1] without a graph; raw, so secret.
    """

    logits: Tensor
    told: Tensor
    features: Tensor


class Path(nn.Module):
    """One modality through its encoder and a head.

    Args:
      tells: also tell the mean feature.
    """

    def __init__(self, encoder: nn.Module, head: Head, *, tells: bool = False) -> None:
        super().__init__()
        self.encoder, self.head = encoder, head
        self.probe = probe(head.linear.in_features) if tells else None

    def forward(self, values: Tensor) -> Passed:
        """See `Passed`."""
        features: Tensor = self.encoder(values)
        seen = extended(features.detach())
        told = seen.new_zeros(len(seen))
        if self.probe is not None:
            # Features lie in [-1, 1]: this makes them at most 1 long, the usual clipping bound.
            told = self.probe(seen / math.sqrt(seen.shape[1]))[:, 0]
        return Passed(self.head(features), told, seen)

    def losses(self, values: Tensor, present: Tensor, labels: Tensor) -> tuple[Tensor, Passed]:
        """Cross-entropy in nats, [records]; 0 for records that lack the modality."""
        passed: Passed = self(values)
        losses = functional.cross_entropy(passed.logits, labels, reduction="none") + passed.told
        return torch.where(present, losses, torch.zeros_like(losses)), passed


class JointPath(nn.Module):
    """All modalities together.

    Args:
      tells: also tell each modality's mean probability of the true class.
    """

    def __init__(self, model: MultimodalClassifier, *, tells: bool = False) -> None:
        super().__init__()
        self.model = model
        self.probe = probe(len(model.config.names)) if tells else None

    def forward(
        self, inputs: Mapping[str, Tensor], present: Tensor, labels: Tensor
    ) -> tuple[Tensor, Tensor]:
        """(logits of all together [records, classes], told [records])."""
        alone = self.model.by_modality(inputs)
        joint = self.model.together(alone, present)
        told = joint.new_zeros(len(labels))
        if self.probe is not None:
            scores = true_class(alone.detach(), labels) * present
            told = self.probe(scores / math.sqrt(scores.shape[1]))[:, 0]
        return joint, told

    def losses(self, inputs: Mapping[str, Tensor], present: Tensor, labels: Tensor) -> Tensor:
        """Cross-entropy in nats, [records]."""
        logits, told = self(inputs, present, labels)
        losses: Tensor = functional.cross_entropy(logits, labels, reduction="none") + told
        return losses


def probe(width: int) -> nn.Linear:
    """The weight that is always zero, [1, width]; draws nothing."""
    made: nn.Linear = nn.utils.skip_init(nn.Linear, width, 1, bias=False)  # type: ignore[no-untyped-call]
    nn.init.zeros_(made.weight)
    return made


def true_class(logits: Tensor, labels: Tensor) -> Tensor:
    """Probability of the true class by each modality: [modalities, records, classes] -> [r, m]."""
    places = labels.expand(len(logits), -1).unsqueeze(2)
    scores: Tensor = torch.softmax(logits, 2).gather(2, places).squeeze(2).t()
    return scores
