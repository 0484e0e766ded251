# SPDX-License-Identifier: Apache-2.0
"""torch's attention layers, written so that rows stay record by record.

`nn.MultiheadAttention` works on [tokens, records, width] inside, where dimension 0 is not the
records. Here everything is [records, tokens, width], projections are plain `F.linear` calls that
the linear rule knows, and the rest is ordinary autograd. Same parameters, same options, same
output. Where queries come from elsewhere than keys (cross-attention), the packed projection is
applied to both, at up to twice its plain cost, so that the packed weight stays one parameter.

A transformer that was built with batch_first=False is run batch first and turned back.

Source: Vaswani et al. 2017, https://arxiv.org/abs/1706.03762
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from polyveil.errors import NotPrivate


def multi_head_attention(
    module: nn.MultiheadAttention,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    key_padding_mask: Tensor | None = None,
    need_weights: bool = True,
    attn_mask: Tensor | None = None,
    average_attn_weights: bool = True,
    is_causal: bool = False,
) -> tuple[Tensor, Tensor | None]:
    """`nn.MultiheadAttention.forward`, every option of it, on a batch.

    Raises:
      NotPrivate: inputs without a batch dimension, or nested tensors.
    """
    if query.dim() != 3 or query.is_nested:
        raise NotPrivate(
            f"MultiheadAttention: query of shape {tuple(query.shape)}; expected three dimensions, "
            "with the records among them. Private training needs a batch of padded sequences."
        )
    if is_causal and attn_mask is None:
        raise RuntimeError("MultiheadAttention: is_causal=True needs attn_mask as well.")
    q, k, v = _projected(module, *_rows_first(module, query, key, value))
    extra = (module.bias_k is not None) + module.add_zero_attn
    mask = _mask(module, q, k, attn_mask, key_padding_mask, extra)
    heads = _Heads(module.num_heads, module.dropout if module.training else 0.0)
    k, v = _lengthened(module, k, v)
    mixed, weights = heads.attend(q, k, v, mask, need_weights=need_weights)
    out = F.linear(mixed, module.out_proj.weight, module.out_proj.bias)
    if weights is not None and average_attn_weights:
        weights = weights.mean(1)
    return out if module.batch_first else out.transpose(0, 1), weights


def _rows_first(module: nn.MultiheadAttention, *inputs: Tensor) -> tuple[Tensor, ...]:
    """Batch first; the same tensor stays the same object."""
    if module.batch_first:
        return inputs
    turned = {id(one): one.transpose(0, 1) for one in inputs}
    return tuple(turned[id(one)] for one in inputs)


def _projected(
    module: nn.MultiheadAttention, query: Tensor, key: Tensor, value: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Queries, keys and values, [records, tokens, width] each."""
    sources = (query, key, value)
    if module.in_proj_weight is None:
        weights = (module.q_proj_weight, module.k_proj_weight, module.v_proj_weight)
        found = [F.linear(one, weight) for one, weight in zip(sources, weights, strict=True)]
        if module.in_proj_bias is not None:
            biases = module.in_proj_bias.expand(query.shape[0], 1, -1).chunk(3, dim=-1)
            found = [one + bias for one, bias in zip(found, biases, strict=True)]
        return found[0], found[1], found[2]
    distinct = list({id(one): one for one in sources}.values())
    joined = distinct[0] if len(distinct) == 1 else torch.cat(distinct, dim=1)
    packed = F.linear(joined, module.in_proj_weight, module.in_proj_bias)
    lengths = [one.shape[1] for one in distinct]
    parts = dict(zip(map(id, distinct), torch.split(packed, lengths, 1), strict=True))
    q, k, v = (parts[id(one)].chunk(3, dim=-1)[place] for place, one in enumerate(sources))
    return q, k, v


def _lengthened(module: nn.MultiheadAttention, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
    """Keys and values with the learned bias token and the zero token, where the module has them."""
    records = k.shape[0]
    if module.bias_k is not None and module.bias_v is not None:
        k = torch.cat([k, module.bias_k.expand(records, -1, -1)], dim=1)
        v = torch.cat([v, module.bias_v.expand(records, -1, -1)], dim=1)
    if module.add_zero_attn:
        k, v = F.pad(k, (0, 0, 0, 1)), F.pad(v, (0, 0, 0, 1))
    return k, v


def _mask(
    module: nn.MultiheadAttention,
    q: Tensor,
    k: Tensor,
    attn_mask: Tensor | None,
    key_padding_mask: Tensor | None,
    extra: int,
) -> Tensor | None:
    """What is added to the scores, broadcastable to [records, heads, queries, keys + extra]."""
    total: Tensor | None = None
    if attn_mask is not None:
        total = _additive(attn_mask, q)
        if attn_mask.dim() == 3:
            total = total.view(q.shape[0], module.num_heads, q.shape[1], k.shape[1])
    if key_padding_mask is not None:
        padding = _additive(key_padding_mask, q)[:, None, None, :]
        total = padding if total is None else total + padding
    return F.pad(total, (0, extra)) if total is not None and extra else total


def _additive(mask: Tensor, like: Tensor) -> Tensor:
    """torch's two kinds of masks as one: True, or -inf, is not looked at."""
    if mask.dtype != torch.bool:
        return mask.to(like.dtype)
    return torch.zeros_like(mask, dtype=like.dtype).masked_fill_(mask, float("-inf"))


@dataclass(frozen=True)
class _Heads:
    """How many heads, and how many of their weights are dropped (a share in [0, 1])."""

    count: int
    dropout: float

    def attend(
        self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, *, need_weights: bool
    ) -> tuple[Tensor, Tensor | None]:
        """Mixed values [records, queries, width], weights [records, heads, queries, keys]."""
        q, k, v = (one.view(*one.shape[:2], self.count, -1).transpose(1, 2) for one in (q, k, v))
        if not need_weights:
            found = F.scaled_dot_product_attention(q, k, v, mask, dropout_p=self.dropout)
            return found.transpose(1, 2).flatten(2), None
        scores = (q * q.shape[-1] ** -0.5) @ k.mT
        weights = torch.softmax(scores if mask is None else scores + mask, dim=-1)
        weights = F.dropout(weights, self.dropout) if self.dropout else weights
        return (weights @ v).transpose(1, 2).flatten(2), weights


@contextmanager
def _batch_first(module: nn.Module) -> Iterator[None]:
    """For a moment, every layer inside takes the records in dimension 0."""
    layers: list[Any] = [one for one in module.modules() if hasattr(one, "batch_first")]
    before = [layer.batch_first for layer in layers]
    for layer in layers:
        layer.batch_first = True
    try:
        yield
    finally:
        for layer, given in zip(layers, before, strict=True):
            layer.batch_first = given


def _is_tokens_first(module: nn.Module) -> bool:
    """Whether torch's own attention inside was built with batch_first=False throughout."""
    layers = [one for one in module.modules() if isinstance(one, nn.MultiheadAttention)]
    return bool(layers) and not any(one.batch_first for one in layers)


def _turning(names: tuple[str, ...]) -> Callable[..., Tensor]:
    """A transformer's forward for which the named sequences are turned to batch first."""

    def forward(module: nn.Module, *args: Any, **kwargs: Any) -> Tensor:
        own = type(module).forward
        if not _is_tokens_first(module):
            out: Tensor = own(module, *args, **kwargs)
            return out
        given = dict(zip(names, args, strict=False)) | {
            name: kwargs[name] for name in names if name in kwargs
        }
        turned = {name: one.transpose(0, 1) for name, one in given.items()}
        rest = {name: one for name, one in kwargs.items() if name not in names}
        with _batch_first(module):
            out = own(module, *turned.values(), *args[len(names) :], **rest)
        return out.transpose(0, 1)

    return forward


REWRITES: dict[type[nn.Module], Callable[..., Any]] = {
    nn.MultiheadAttention: multi_head_attention,
    nn.TransformerEncoderLayer: _turning(("src",)),
    nn.TransformerDecoderLayer: _turning(("tgt", "memory")),
    nn.TransformerEncoder: _turning(("src",)),
    nn.TransformerDecoder: _turning(("tgt", "memory")),
    nn.Transformer: _turning(("src", "tgt")),
}
