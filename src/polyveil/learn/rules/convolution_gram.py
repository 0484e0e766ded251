# SPDX-License-Identifier: Apache-2.0
"""Lengths of convolutions' weight gradients without the gradients, for few positions.

The squared length is a sum over pairs of positions and over kernel offsets k

    |gradient|^2 = sum_k sum_(t, t') <signal_t, signal_t'> <image_(t + k), image_(t' + k)>

so two small Gram matrices a record hold all of it. The patches that the kernel sees are never
written out: moving both positions by k moves along the diagonal of the image's Gram matrix.

The terms of the sum may cancel (normalisation layers make signals that sum to zero), and then
its rounding error is large against what is left. A bound of that error is added, so that a
gradient is never believed shorter than it is: clipping stays safe.

Source: Goodfellow 2015, https://arxiv.org/abs/1510.01799; Bu et al. 2022,
https://arxiv.org/abs/2205.10683 (convolutions, by patches).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from polyveil.learn.rules.convolution_factors import Factors

# Bytes of Gram matrices that are held at a time.
_CHUNK_BYTES = 1 << 18
# Rounding of float32 sums, relative to the sum of absolute terms: 16 units in the last place,
# far above the square-root growth of blocked summation.
_ROUNDING = 1e-6


def worth_trying(factors: Factors) -> bool:
    """Whether Gram matrices need no more work than the gradients themselves."""
    image, signal = _positions(factors.image, factors), _positions(factors.signal, factors)
    gradients = signal * math.prod(factors.geometry.weight)
    grams = image**2 * factors.image.shape[1] + signal**2 * factors.signal.shape[1]
    return grams <= gradients


def squared_norms(factors: Factors) -> Tensor:
    """Squared length of each record's gradient, rounded up; float32 [records]."""
    pairs = factors.geometry.groups * _positions(factors.image, factors) ** 2
    step = max(1, _CHUNK_BYTES // (4 * pairs))
    stops = range(0, factors.records, step)
    parts = [
        _chunk_norms(factors.chunk(start, min(start + step, factors.records))) for start in stops
    ]
    return torch.cat(parts)


def _chunk_norms(factors: Factors) -> Tensor:
    geometry = factors.geometry
    images, signals = _gram(factors.image, factors), _gram(factors.signal, factors)
    signals = signals.flatten(1)
    # Cauchy-Schwarz over the pairs, for each kernel offset.
    lengths = torch.linalg.vector_norm(images.flatten(1), dim=1)
    lengths *= torch.linalg.vector_norm(signals, dim=1)
    slack = _ROUNDING * math.prod(geometry.kernel) * lengths
    dimensions = len(geometry.kernel)
    # Axes: records * groups, rows, *space, rows, *space.
    for axis in range(dimensions):
        first = 2 + axis
        images = _along_diagonal(images, first, first + dimensions + 1, factors, axis)
    squares = torch.linalg.vecdot(images.flatten(1), signals) + slack
    norms: Tensor = squares.view(factors.records, geometry.groups).sum(1)
    return norms.float()


def _along_diagonal(gram: Tensor, first: int, second: int, factors: Factors, axis: int) -> Tensor:
    """The sum over kernel offsets of this dimension, both positions moved by the offset."""
    geometry = factors.geometry
    count, size = factors.signal.shape[2 + axis], gram.shape[first]
    stride, padding = geometry.stride[axis], geometry.padding[axis]
    if geometry.kernel[axis] == 1 and stride == 1 and padding == 0:
        return gram
    shape = list(gram.shape)
    shape[first] = shape[second] = count
    total = gram.new_zeros(shape)
    for offset in range(geometry.kernel[axis]):
        begin = offset * geometry.dilation[axis] - padding
        low = max(0, -(begin // stride))
        high = min(count, (size - 1 - begin) // stride + 1)
        if low < high:
            target, source = total, gram
            for one in (first, second):
                target = target.narrow(one, low, high - low)
                source = source.narrow(one, low * stride + begin, (high - low - 1) * stride + 1)
                source = source[(slice(None),) * one + (slice(None, None, stride),)]
            target += source
    return total


def _gram(data: Tensor, factors: Factors) -> Tensor:
    """Inner products of all pairs of positions: [records * groups, r, *space, r, *space]."""
    groups, rows = factors.geometry.groups, factors.rows
    parts = data.reshape(-1, rows, groups, data.shape[1] // groups, *data.shape[2:])
    flat = parts.movedim(1, 3).flatten(0, 1).flatten(2)
    space = (rows, *data.shape[2:])
    return torch.bmm(flat.mT, flat).view(-1, *space, *space)


def _positions(data: Tensor, factors: Factors) -> int:
    return factors.rows * math.prod(data.shape[2:])
