# SPDX-License-Identifier: Apache-2.0
"""The classifier of several modalities: an encoder each, and a head that is shared or their own.

Every way of training yields this one network, so results differ by how it was trained and by the
head alone. It answers for each modality by itself, which is what fusion at prediction weighs, and
for all together.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import torch
from torch import Tensor, nn

from polyveil.errors import UsageError
from polyveil.models.multimodal.config import MultimodalConfig
from polyveil.models.multimodal.encoders import encoder
from polyveil.models.multimodal.head import Head
from polyveil.models.recognition.modality import slot


class MultimodalClassifier(nn.Module):
    """Inputs by modality -> logits; draws its weights from torch's global generator."""

    def __init__(self, config: MultimodalConfig) -> None:
        super().__init__()
        self.config = config
        self.encoders = nn.ModuleDict(
            {slot(one.name): encoder(one, config) for one in config.inputs}
        )
        owners = ("all",) if config.head == "shared" else config.names
        self.heads = nn.ModuleDict(
            {slot(one): Head(config.width, config.classes) for one in owners}
        )

    def encoder_of(self, name: str) -> nn.Module:
        """What makes features [records, width] of a modality's input."""
        return self.encoders[slot(name)]

    def head_of(self, name: str) -> Head:
        """What makes logits of a modality's features; the same for all where it is shared."""
        return cast(Head, self.heads[slot("all" if self.config.head == "shared" else name)])

    def forward(self, inputs: Mapping[str, Tensor], present: Tensor | None = None) -> Tensor:
        """Logits of all modalities together.

        Args:
          inputs: modality -> float32 [records, *shape]; one that is left out is missing for all.
          present: bool [records, modalities], columns as in the configuration; None: all given.

        Returns:
          float32 [records, classes]; zeros for a record with nothing present.

        Raises:
          UsageError: no modality, an unknown one, or a mask of another shape.
        """
        return self.together(self.by_modality(inputs), self._mask(inputs, present))

    def by_modality(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """Each modality's own logits, float32 [modalities, records, classes]; zeros where left out.

        Of a modality that a record lacks they are the answer to what stands in its place.
        """
        unknown = sorted(set(inputs) - set(self.config.names))
        if unknown or not inputs:
            raise UsageError(
                f"modalities: {', '.join(unknown) or 'none'}; expected one or more of "
                f"{', '.join(self.config.names)}."
            )
        found = {
            name: self.head_of(name)(self.encoder_of(name)(values))
            for name, values in inputs.items()
        }
        empty = torch.zeros_like(next(iter(found.values())))
        return torch.stack([found.get(name, empty) for name in self.config.names])

    def together(self, logits: Tensor, present: Tensor) -> Tensor:
        """Logits [modalities, records, classes] of all -> [records, classes], by those present."""
        weights = present.t().unsqueeze(2).to(logits.dtype)
        total = (logits * weights).sum(0)
        if self.config.head == "concatenation":
            return total
        return total / weights.sum(0).clamp_min(1.0)

    def _mask(self, inputs: Mapping[str, Tensor], present: Tensor | None) -> Tensor:
        first = next(iter(inputs.values()))
        given = torch.tensor([name in inputs for name in self.config.names], device=first.device)
        if present is None:
            return given.expand(len(first), -1)
        if present.dtype != torch.bool or present.shape != (len(first), len(given)):
            raise UsageError(
                f"present: {tuple(present.shape)} {present.dtype}; expected bool "
                f"({len(first)}, {len(given)})."
            )
        return present & given
