# SPDX-License-Identifier: Apache-2.0
"""Embeddings: rows of a table looked up by index.

A record touches few rows. Its gradient is kept as those rows alone, each row once: what several
tokens of a record add to the same row is summed before any norm is taken, for the norm of a sum
is not the sum of norms. Only the sum over records has the size of the table.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F  # noqa: N812

from polyveil.errors import NotPrivate
from polyveil.learn.contribution import ClipRule, Contribution, joined_per_record
from polyveil.learn.rules.operands import is_trainable
from polyveil.learn.use import Rule, Use


class EmbeddingContribution:
    """The rows of a table [entries, size] that each record uses, and their gradients.

    Args:
      table: the trainable parameter.
      indices: int64 [records, tokens].
      gradients: of the outputs, [records, tokens, size].
    """

    def __init__(self, table: nn.Parameter, indices: Tensor, gradients: Tensor) -> None:
        self.parameters = (table,)
        self.records = indices.shape[0]
        self._entries = table.shape[0]
        self._indices, self._gradients = indices, gradients.float()
        owners = torch.arange(self.records, device=indices.device)[:, None]
        used, place = torch.unique(owners * self._entries + indices, return_inverse=True)
        rows = self._gradients.new_zeros(used.shape[0], table.shape[1])
        self._rows = rows.index_add_(0, place.flatten(), self._gradients.flatten(0, 1))
        self._owners, self._used = used // self._entries, used % self._entries

    def squared_norms(self) -> Tensor:
        lengths = self._rows.square().sum(1)
        return lengths.new_zeros(self.records).index_add_(0, self._owners, lengths)

    def weighted_sum(self, weights: Tensor) -> tuple[Tensor, ...]:
        scale = weights[self._owners][:, None]
        scaled = self._rows * scale
        if not torch.isfinite(scaled.sum()):
            # 0 x inf is NaN in IEEE 754; a record of weight 0 must leave no trace.
            scaled = scaled.masked_fill(scale == 0, 0)
        total = scaled.new_zeros(self._entries, scaled.shape[1])
        return (total.index_add_(0, self._used, scaled),)

    def clipped(self, rule: ClipRule) -> tuple[Tensor, tuple[Tensor, ...]]:
        norms = self.squared_norms()
        return norms, self.weighted_sum(rule(norms))

    def per_record(self) -> tuple[Tensor, ...]:
        dense = self._rows.new_zeros(self.records, self._entries, self._rows.shape[1])
        dense[self._owners, self._used] = self._rows
        return (dense,)

    def joined(self, other: Contribution) -> Contribution:
        table = self.parameters[0]
        if not isinstance(other, EmbeddingContribution) or other.parameters[0] is not table:
            return joined_per_record(self, other)
        indices = torch.cat([self._indices, other._indices], 1)
        gradients = torch.cat([self._gradients, other._gradients], 1)
        return EmbeddingContribution(table, indices, gradients)


class _Embedding(torch.autograd.Function):
    """Looks rows up; indices have no gradient, so only the anchor leads here."""

    @staticmethod
    def forward(
        ctx: Any,
        indices: Tensor,
        table: Tensor,
        anchor: Tensor,
        use: Use,
        parameter: nn.Parameter,
        padding: int,
    ) -> Tensor:
        ctx.use, ctx.parameter, ctx.padding = use, parameter, padding
        ctx.save_for_backward(indices)
        return torch.embedding(table, indices)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[None, ...]:
        (indices,) = ctx.saved_tensors
        records = ctx.use.records
        with torch.autocast(gradient.device.type, enabled=False):
            flat = indices.reshape(records, -1).long()
            gradients = gradient.reshape(*flat.shape, gradient.shape[-1])
            if ctx.padding >= 0:
                gradients = gradients.masked_fill((flat == ctx.padding)[..., None], 0)
            ctx.use.add(EmbeddingContribution(ctx.parameter, flat, gradients))
        return None, None, None, None, None, None


def embedding(
    use: Use, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """The rule for `torch.nn.functional.embedding`.

    NotImplemented where indices have no records in dimension 0 or the table is computed.

    Raises:
      NotPrivate: an option ties records together, or changes the table outside of training.
    """
    return _looked_up(use, *_bound(*args, **kwargs))


def raw_embedding(
    use: Use, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """The rule for `torch.embedding`, which takes the table first."""
    return _looked_up(use, *_bound_raw(*args, **kwargs))


def _looked_up(use: Use, indices: Tensor, table: Tensor, padding: int) -> Any:
    if indices.dim() < 1 or indices.shape[0] % use.records or not is_trainable(table):
        return NotImplemented
    return _Embedding.apply(indices, table.detach(), use.anchor, use, table, padding)  # type: ignore[no-untyped-call]


def _bound(
    input: Tensor,
    weight: Tensor,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> tuple[Tensor, Tensor, int]:
    if max_norm is not None:
        raise NotPrivate(
            "embedding: max_norm changes the table by the batch's data, outside of any "
            "guarantee; expected max_norm=None. Remove it."
        )
    padding = -1 if padding_idx is None else padding_idx % weight.shape[0]
    return _bound_raw(weight, input, padding, scale_grad_by_freq, sparse)


def _bound_raw(
    weight: Tensor,
    indices: Tensor,
    padding_idx: int = -1,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> tuple[Tensor, Tensor, int]:
    if scale_grad_by_freq:
        raise NotPrivate(
            "embedding: scale_grad_by_freq divides by counts over the whole batch, which ties "
            "records together; expected False. Remove it."
        )
    if sparse:
        raise NotPrivate(
            "embedding: sparse=True, but noise reaches every row, so the sum is dense; "
            "expected False. Remove it."
        )
    return indices, weight, padding_idx


RULES: dict[Callable[..., Any], Rule] = {F.embedding: embedding, torch.embedding: raw_embedding}
