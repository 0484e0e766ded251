# SPDX-License-Identifier: Apache-2.0
"""Norms and weighted sums of per-record gradients b_i^T a_i, a few records at a time.

The product of one record costs what its share of the plain weight gradient costs. Held for all
records it would be read back from memory twice; held for as many records as fit in a core's L2
cache it is measured and added up while still hot, so that the surplus over the plain gradient
is two passes over cached data.

Shapes throughout: inputs a [records, tokens, d], output gradients b [records, tokens, p], both
float32; a record's gradient is b_i^T a_i [p, d].

Source: Goodfellow 2015, https://arxiv.org/abs/1510.01799 (norms from Gram matrices);
Li et al., ICLR 2022, https://arxiv.org/abs/2110.05679 (the same with tokens).
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from polyveil.learn.contribution import ClipRule

# Half of a common core's L2; on accelerators launches cost more than memory.
_CPU_FLOATS = 1 << 17
_ACCELERATOR_FLOATS = 1 << 24


def records_at_once(floats_a_record: int, records: int, device: torch.device) -> int:
    """How many records' intermediate results to hold together, at least one."""
    room = _CPU_FLOATS if device.type == "cpu" else _ACCELERATOR_FLOATS
    return max(1, min(records, room // max(1, floats_a_record)))


def clipped_in_one_pass(
    inputs: Tensor, gradients: Tensor, extra: Tensor | None, rule: ClipRule
) -> tuple[Tensor, Tensor]:
    """(squared norms + extra, sum_i rule(...)_i * b_i^T a_i as [p, d]); each product made once."""
    norms = inputs.new_empty(inputs.shape[0])
    total = inputs.new_zeros(gradients.shape[2] * inputs.shape[2])
    for part, flat in _products(inputs, gradients):
        squared = _squared_lengths(flat)
        norms[part] = squared if extra is None else squared.add_(extra[part])
        total.addmv_(flat.t(), rule(norms[part]))
    return norms, total.view(gradients.shape[2], inputs.shape[2])


def streamed_norms(inputs: Tensor, gradients: Tensor) -> Tensor:
    """Squared Frobenius norm of every b_i^T a_i, by making each product once."""
    return torch.cat([_squared_lengths(flat) for _, flat in _products(inputs, gradients)])


def gram_norms(inputs: Tensor, gradients: Tensor) -> Tensor:
    """The same from Gram matrices over tokens: sum((a a^T) * (b b^T)), tokens^2 (d + p) work."""
    records, tokens = inputs.shape[:2]
    count = records_at_once(2 * tokens * tokens, records, inputs.device)
    norms = []
    for start in range(0, records, count):
        a, b = inputs[start : start + count], gradients[start : start + count]
        products = torch.bmm(a, a.mT).mul_(torch.bmm(b, b.mT))
        norms.append(products.flatten(1).sum(1))
    # A square cannot be negative; cancellation between large entries can make it so.
    return torch.cat(norms).clamp_(min=0)


def weighted_sum(inputs: Tensor, gradients: Tensor, weights: Tensor) -> Tensor:
    """sum_i weights[i] * b_i^T a_i as [p, d], by one product over all records and tokens."""
    if inputs.shape[2] <= gradients.shape[2]:
        inputs = inputs * weights[:, None, None]
    else:
        gradients = gradients * weights[:, None, None]
    return torch.mm(gradients.flatten(0, 1).t(), inputs.flatten(0, 1))


def _products(inputs: Tensor, gradients: Tensor) -> Iterator[tuple[slice, Tensor]]:
    (records, _, d), p = inputs.shape, gradients.shape[2]
    count = records_at_once(d * p, records, inputs.device)
    buffer = inputs.new_empty(count, p, d)
    for start in range(0, records, count):
        part = slice(start, min(start + count, records))
        held = buffer[: part.stop - start]
        torch.bmm(gradients[part].mT, inputs[part], out=held)
        yield part, held.flatten(1)


def _squared_lengths(flat: Tensor) -> Tensor:
    lengths: Tensor = torch.linalg.vector_norm(flat, dim=1)
    return lengths.square_()
