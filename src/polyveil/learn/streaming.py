# SPDX-License-Identifier: Apache-2.0
"""Norms and weighted sums of per-record gradients b_i^T a_i, a few records at a time.

The product of one record costs what its share of the plain weight gradient costs. Held for all
records it would go out to memory and come back twice; held for a few records it is measured and
added up while still in the cache, so that the surplus over the plain gradient is two passes over
cached data.

Shapes throughout: inputs a [records, tokens, d], output gradients b [records, tokens, p], both
float32; a record's gradient is b_i^T a_i [p, d].

Source: Goodfellow 2015, https://arxiv.org/abs/1510.01799 (norms from Gram matrices);
Li et al., ICLR 2022, https://arxiv.org/abs/2110.05679 (the same with tokens).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator

import torch
from torch import Tensor

from polyveil.learn.contribution import ClipRule

# Floats held at once: 2 MB, about a core's share of the caches. A smaller part would stay in L2,
# but the calls for each part then cost more than is saved. Accelerators want large launches.
_ON_CPU = 1 << 19
_ON_ACCELERATOR = 1 << 24

# Below this share of |a_i|^2 |b_i|^2, a norm from Gram matrices has lost three of its seven digits.
_CANCELLED = 1e-4

_kept = threading.local()


def records_at_once(floats_a_record: int, records: int, device: torch.device) -> int:
    """How many records' intermediate results to hold together, at least one."""
    room = _ON_CPU if device.type == "cpu" else _ON_ACCELERATOR
    return max(1, min(records, room // max(1, floats_a_record)))


def clipped_in_one_pass(
    inputs: Tensor, gradients: Tensor, extra: Tensor | None, rule: ClipRule
) -> tuple[Tensor, Tensor]:
    """(n_i, sum_i rule(n)_i * b_i^T a_i as [p, d]) with n_i = |b_i^T a_i|^2 + extra_i."""
    d, p = inputs.shape[2], gradients.shape[2]
    squared_norms = inputs.new_empty(inputs.shape[0])
    total = inputs.new_zeros(d * p)
    place = 0
    for products in _products(inputs, gradients):
        part = slice(place, place + products.shape[0])
        own = _squared_lengths(products, out=squared_norms[part])
        if extra is not None:
            own.add_(extra[part])
        total.addmv_(products.t(), rule(own))
        place = part.stop
    if d < p:
        return squared_norms, total.view(d, p).t().contiguous()
    return squared_norms, total.view(p, d)


def streamed_norms(inputs: Tensor, gradients: Tensor) -> Tensor:
    """|b_i^T a_i|^2 of every record, [records], from the products themselves."""
    return torch.cat([_squared_lengths(each) for each in _products(inputs, gradients)])


def gram_norms(inputs: Tensor, gradients: Tensor) -> Tensor:
    """The same as sum((a_i a_i^T) * (b_i b_i^T)): tokens^2 (d + p) work, mostly no product.

    Large tokens that cancel leave a small norm that rounding may make smaller still, and a norm
    that is too small is a record that is not clipped. Such records are measured by their products.
    """
    records, tokens = inputs.shape[:2]
    count = records_at_once(2 * tokens * tokens, records, inputs.device)
    norms, largest = [], []
    for a, b in zip(torch.split(inputs, count), torch.split(gradients, count), strict=True):
        both, of_gradients = torch.bmm(a, a.mT), torch.bmm(b, b.mT)
        largest.append(_traces(both) * _traces(of_gradients))
        norms.append(both.mul_(of_gradients).flatten(1).sum(1))
    found = torch.cat(norms)
    doubtful = (found < _CANCELLED * torch.cat(largest)).nonzero()[:, 0]
    if len(doubtful):
        found[doubtful] = streamed_norms(inputs[doubtful], gradients[doubtful])
    return found


def _traces(matrices: Tensor) -> Tensor:
    return matrices.diagonal(dim1=1, dim2=2).sum(1)


def weighted_sum(inputs: Tensor, gradients: Tensor, weights: Tensor) -> Tensor:
    """sum_i weights[i] * b_i^T a_i as [p, d], by one product over all records and tokens."""
    if inputs.shape[2] <= gradients.shape[2]:
        inputs = inputs * weights[:, None, None]
    else:
        gradients = gradients * weights[:, None, None]
    return torch.mm(gradients.flatten(0, 1).t(), inputs.flatten(0, 1))


def _products(inputs: Tensor, gradients: Tensor) -> Iterator[Tensor]:
    """The next few records' gradients [few, d * p]; gone when the next few are asked for.

    The longer side runs along memory, which the matrix library likes better.
    """
    left, right = gradients, inputs
    if inputs.shape[2] < gradients.shape[2]:
        left, right = inputs, gradients
    records, rows, columns = left.shape[0], left.shape[2], right.shape[2]
    count = records_at_once(rows * columns, records, inputs.device)
    count = -(-records // -(-records // count))  # as many parts, of nearly equal size
    held = _scratch(count * rows * columns, inputs.device).view(count, rows, columns)
    flat = held.flatten(1)
    for some, others in zip(torch.split(left.mT, count), torch.split(right, count), strict=True):
        few = some.shape[0]
        torch.bmm(some, others, out=held if few == count else held[:few])
        yield flat if few == count else flat[:few]


def _scratch(floats: int, device: torch.device) -> Tensor:
    """Memory of this thread: pages fresh from the system would cost more than a product."""
    if device.type != "cpu" or floats > _ON_CPU:
        return torch.empty(floats, device=device)
    if not hasattr(_kept, "floats"):
        _kept.floats = torch.empty(_ON_CPU)
    kept: Tensor = _kept.floats
    return kept[:floats]


def _squared_lengths(products: Tensor, *, out: Tensor | None = None) -> Tensor:
    lengths: Tensor = torch.linalg.vector_norm(products, dim=1, out=out)
    return lengths.square_()
