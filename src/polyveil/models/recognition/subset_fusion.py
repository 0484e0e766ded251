# SPDX-License-Identifier: Apache-2.0
"""One embedding of a person from whichever modalities are there.

    share_m = softmax over the present m of gate_m(e_m),   fused = sum_m share_m e_m, made 1 long

A missing modality has share 0 exactly, whatever stands in its place; one alone is passed on as it
is. Gates start at zero: before training, fusion is the plain mean. They read the embedding itself,
so one that looks reliable counts more, and a forged one may: report the mean beside it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from polyveil.errors import UsageError
from polyveil.models import checks
from polyveil.models.recognition.modality import slot
from polyveil.models.recognition.projection import unit

_NEVER = -1e9
"""Logit of what is not there: its exponential is 0, and unlike -infinity it never makes NaN."""


class SubsetFusion(nn.Module):
    """Embeddings [records, width] of some modalities -> one [records, width] of length 1.

    Args:
      names: of all modalities there may be.
      width: of an embedding.
    """

    def __init__(self, names: Sequence[str], width: int) -> None:
        super().__init__()
        self.names = tuple(names)
        self.gates = nn.ModuleDict({slot(name): nn.Linear(width, 1) for name in names})
        for gate in self.gates.values():
            nn.init.zeros_(gate.weight)  # type: ignore[arg-type]
            nn.init.zeros_(gate.bias)  # type: ignore[arg-type]

    def forward(self, embeddings: Mapping[str, Tensor], present: Tensor | None = None) -> Tensor:
        """Fuses.

        Args:
          embeddings: modality -> float32 [records, width] of length 1; any of `names`, at least
            one.
          present: bool [records, len(embeddings)], columns as in `embeddings`; None: all.

        Returns:
          float32 [records, width]; zeros for a record with nothing present.

        Raises:
          UsageError: no modality, an unknown one, or a mask of another shape.
        """
        shares = self.shares(embeddings, present)
        return unit((shares.unsqueeze(2) * torch.stack(list(embeddings.values()), 1)).sum(1))

    def shares(self, embeddings: Mapping[str, Tensor], present: Tensor | None = None) -> Tensor:
        """How much each counts, float32 [records, len(embeddings)]; rows sum to 1, or are 0."""
        unknown = sorted(set(embeddings) - set(self.names))
        if unknown or not embeddings:
            raise UsageError(
                f"modalities: {', '.join(unknown) or 'none'}; expected one or more of "
                f"{', '.join(self.names)}."
            )
        scores = torch.cat([self.gates[slot(name)](one) for name, one in embeddings.items()], 1)
        if present is None:
            return torch.softmax(scores, 1)
        if present.dtype != torch.bool or present.shape[1:] != scores.shape[1:]:
            raise UsageError(
                f"present: {tuple(present.shape)} {present.dtype}; expected bool "
                f"(records, {scores.shape[1]})."
            )
        return torch.softmax(scores.masked_fill(~present, _NEVER), 1) * present


def random_subsets(
    records: int, modalities: int, *, missing: float, generator: torch.Generator
) -> Tensor:
    """Masks to train with, so that no modality is leaned on: bool [records, modalities].

    Each modality is missing with that probability, but one that is drawn is kept where all would
    be. Masks depend on no record, so private training may use them.

    Raises:
      UsageError: a probability outside [0, 1], or no modality.
    """
    checks.at_least("modalities", modalities, 1)
    if not 0 <= missing <= 1:
        raise UsageError(f"missing: {missing!r}; expected a probability in [0, 1].")
    present = torch.rand(records, modalities, generator=generator) >= missing
    kept = torch.randint(modalities, (records,), generator=generator)
    alone = nn.functional.one_hot(kept, modalities).bool()
    return torch.where(present.any(1, keepdim=True), present, alone)
