# SPDX-License-Identifier: Apache-2.0
"""Alignment without mixing records: every identity has a fixed place, the same in all modalities.

Each modality's embedding of a record is drawn to the anchor of its identity and pushed from all
other anchors, by cross-entropy over cosines with a margin (CosFace). Modalities of one person so
meet at one place, though no record is ever compared with another: the loss is one number a record
that depends on that record alone, and private training can clip it.

Anchors are drawn from a seed, not learned. Up to `width` identities they form a simplex, as far
apart as can be (cosine -1 / (identities - 1)); more than that are random directions. They hold
nothing of the records.

Source: Wang et al., CVPR 2018, https://arxiv.org/abs/1801.09414 (margin); Mettes et al., NeurIPS
2019, https://arxiv.org/abs/1901.10514 (fixed prototypes); Papyan et al., PNAS 2020,
https://arxiv.org/abs/2008.08186 (simplex)
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from polyveil import _validate
from polyveil.models import checks
from polyveil.models.recognition.alignment import checked_mask
from polyveil.models.recognition.projection import unit


class Anchors(nn.Module):
    """One loss a record, of its own embeddings alone.

    Args:
      identities: how many people.
      width: of an embedding.
      scale: factor on cosines before the softmax, > 0.
      margin: taken from the cosine to the own anchor, in [0, 1].
      seed: of the anchors.

    Attributes:
      places: float32 [identities, width], the anchors, of length 1; a buffer, not trained.
    """

    places: Tensor

    def __init__(
        self,
        identities: int,
        width: int,
        *,
        scale: float = 16.0,
        margin: float = 0.2,
        seed: int = 0,
    ) -> None:
        super().__init__()
        checks.at_least("identities", identities, 1)
        checks.at_least("width", width, 1)
        _validate.positive(scale=scale)
        _validate.probability(margin=margin)
        self.scale, self.margin = scale, margin
        self.register_buffer("places", anchors(identities, width, seed))

    def forward(
        self,
        embeddings: Mapping[str, Tensor],
        identities: Tensor,
        present: Tensor | None = None,
    ) -> Tensor:
        """The loss, a mean over the modalities that are there.

        Args:
          embeddings: modality -> float32 [records, width] of length 1.
          identities: int64 [records], in 0..identities - 1.
          present: bool [records, len(embeddings)], columns as in `embeddings`; None: all.

        Returns:
          float32 [records], in nats; 0 for a record with nothing present.

        Raises:
          UsageError: shapes that do not fit.
        """
        mask = checked_mask(embeddings, identities, present)
        own = functional.one_hot(identities, len(self.places))
        total = torch.zeros(len(identities), device=identities.device)
        for embedding, here in zip(embeddings.values(), mask.unbind(1), strict=True):
            logits = self.scale * (embedding @ self.places.T - self.margin * own)
            each = functional.cross_entropy(logits, identities, reduction="none")
            total = total + torch.where(here, each, torch.zeros_like(each))
        return total / mask.sum(1).clamp(min=1)


def anchors(identities: int, width: int, seed: int) -> Tensor:
    """Directions that are far apart, float32 [identities, width] of length 1."""
    draw = torch.Generator().manual_seed(seed)
    drawn = torch.randn(width, identities, generator=draw, dtype=torch.float64)
    if identities > width:
        return unit(drawn.T).float()
    basis: Tensor = torch.linalg.qr(drawn)[0]
    if identities > 1:
        # Orthonormal vectors less their mean are the corners of a simplex.
        longer = math.sqrt(identities / (identities - 1))
        basis = longer * (basis - basis.mean(1, keepdim=True))
    return basis.T.float()
