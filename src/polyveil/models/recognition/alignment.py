# SPDX-License-Identifier: Apache-2.0
"""Embeddings of one person in all modalities pulled together, and people apart.

`info_nce`: symmetric contrastive loss over all pairs of modalities. Rows of the same identity are
all positives of each other, so that a batch with two records of a person does not push them apart.

`printed_margin`: the paper's equation 7. It compares face-voice of i, j with face-behaviour of the
same i, j, two similarities of different people: nothing in it pulls one person's modalities
together. Kept to reproduce the paper.

Both MIX RECORDS: a row's loss depends on the other rows of the batch, so clipping gradients record
by record bounds nothing, and private training refuses them. The loss that takes their place there
is `anchors.Anchors`.

Source: van den Oord et al. 2018, https://arxiv.org/abs/1807.03748; Radford et al., ICML 2021,
https://arxiv.org/abs/2103.00020; Khosla et al., NeurIPS 2020, https://arxiv.org/abs/2004.11362
(several positives, L_out); Zhu & Shao (equation 7)
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import permutations

import torch
from torch import Tensor

from polyveil import _validate
from polyveil.errors import UsageError

NO_GUARANTEE = (
    "alignment: this loss mixes the records of a batch, so gradients clipped record by record give "
    "no differential-privacy guarantee. Choose alignment='anchors' to train within a budget."
)
_NEVER = -1e9
"""Logit of what is not there: its exponential is 0, and unlike -infinity it never makes NaN."""


def info_nce(
    embeddings: Mapping[str, Tensor],
    identities: Tensor,
    *,
    temperature: float = 0.1,
    present: Tensor | None = None,
) -> Tensor:
    """Each record's share of the symmetric contrastive loss. MIXES RECORDS.

    For modalities a != b, record i asks: which rows of b are of its identity? Its loss is the mean
    of -log softmax over those, then over all ordered pairs (a, b) where i has a and someone of its
    identity has b; 0 where there is no such pair.

    Args:
      embeddings: modality -> float32 [records, width] of length 1.
      identities: int64 [records].
      temperature: cosines are divided by it, > 0; no unit.
      present: bool [records, len(embeddings)], columns as in `embeddings`; None: all.

    Returns:
      float32 [records], in nats.

    Raises:
      UsageError: shapes that do not fit.
      ValueError: a temperature that is not > 0.
    """
    _validate.positive(temperature=temperature)
    mask = checked_mask(embeddings, identities, present)
    same = identities[:, None] == identities[None, :]
    total = torch.zeros(len(identities), device=identities.device)
    counted = torch.zeros_like(total)
    columns = list(zip(embeddings.values(), mask.unbind(1), strict=True))
    for (asking, here), (asked, there) in permutations(columns, 2):
        scores = (asking @ asked.T / temperature).masked_fill(~there, _NEVER)
        right = same & there
        found = here & right.any(1)
        each = -(torch.log_softmax(scores, 1) * right).sum(1) / right.sum(1).clamp(min=1)
        total = total + torch.where(found, each, torch.zeros_like(each))
        counted = counted + found
    return total / counted.clamp(min=1)


def printed_margin(
    embeddings: Mapping[str, Tensor],
    identities: Tensor,
    *,
    margin: float = 0.2,
    present: Tensor | None = None,
) -> Tensor:
    """Equation 7 as printed, by its first index; no guarantee, and no alignment. MIXES RECORDS.

        L_i = sum over j of another identity of max(0, <v_i, a_j> - <v_i, m_j> + margin)

    Args:
      embeddings: three modalities v, a, m in this order (face, voice, behaviour), float32
        [records, width] of length 1.
      identities: int64 [records].
      margin: the least difference of cosines, >= 0.
      present: bool [records, 3]; terms with something missing are left out. None: all.

    Returns:
      float32 [records]; their sum is the printed loss.

    Raises:
      UsageError: not three modalities, or shapes that do not fit.
      ValueError: a margin that is not >= 0.
    """
    _validate.not_negative(margin=margin)
    if len(embeddings) != 3:
        raise UsageError(
            f"embeddings: {', '.join(embeddings)}; equation 7 compares exactly three modalities. "
            "Use info_nce or Anchors for any number."
        )
    mask = checked_mask(embeddings, identities, present)
    v, a, m = embeddings.values()
    counts = (identities[:, None] != identities[None, :]) & mask[:, :1] & mask[:, 1:].all(1)
    return (torch.relu(v @ a.T - v @ m.T + margin) * counts).sum(1)


def checked_mask(
    embeddings: Mapping[str, Tensor], identities: Tensor, present: Tensor | None
) -> Tensor:
    """What is there, bool [records, modalities].

    Raises:
      UsageError: embeddings, identities or mask that do not fit each other.
    """
    shapes = {name: tuple(one.shape) for name, one in embeddings.items()}
    expected = {(len(identities), shape[-1]) for shape in shapes.values()}
    if len(set(shapes.values())) != 1 or set(shapes.values()) != expected:
        raise UsageError(
            f"embeddings: {shapes}; expected one or more modalities, each "
            f"({len(identities)}, width)."
        )
    if present is None:
        return torch.ones(len(identities), len(shapes), dtype=torch.bool, device=identities.device)
    if present.dtype != torch.bool or tuple(present.shape) != (len(identities), len(shapes)):
        raise UsageError(
            f"present: {tuple(present.shape)} {present.dtype}; expected bool "
            f"({len(identities)}, {len(shapes)})."
        )
    return present
