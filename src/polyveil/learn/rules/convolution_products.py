# SPDX-License-Identifier: Apache-2.0
"""Weight gradients of single records, a chunk of records at a time.

A chunk is small enough that its gradients, and whatever is copied to compute them, stay in
cache. Two ways, of which `convolution_contribution` takes the faster one:

- `Grouped`: records laid side by side as groups of channels of one long record, which groups
  never mix; one call of the backend's own weight gradient. Rochette et al. 2019,
  https://arxiv.org/abs/1912.06015
- `Patches`: the patches that the kernel sees written out, then one matrix product a record; for
  few channels, where the backend has no fast grouped kernel, and for kernels of one position.
"""

from __future__ import annotations

import math
from typing import Protocol

import torch
from torch import Tensor

from polyveil.learn.rules.convolution_factors import Factors, weight_gradient

# The matrix library is fastest on whole registers.
_REGISTER = 16


class Products(Protocol):
    """Gradients of chunks of records, in whatever layout they are computed.

    Attributes:
      step: number of records a chunk should have.
    """

    @property
    def step(self) -> int: ...

    def gradients(self, start: int, stop: int) -> Tensor:
        """Gradients of records start .. stop - 1, [stop - start, n]; the next call may reuse it.

        Entries beyond those of the weight are 0.
        """
        ...

    def fold(self, flat: Tensor) -> Tensor:
        """[m, n] as `gradients` lays it out -> [m, *weight]."""
        ...


class Grouped:
    """Records as groups of channels, about `budget` bytes of gradients a chunk."""

    def __init__(self, factors: Factors, budget: int) -> None:
        self._factors = factors
        self._last = factors.channels_last
        self.step = max(1, budget // (4 * math.prod(factors.geometry.weight)))

    def gradients(self, start: int, stop: int) -> Tensor:
        chunk = self._factors.chunk(start, stop)
        image, signal = self._side_by_side(chunk.image), self._side_by_side(chunk.signal)
        gradient = weight_gradient(image, signal, chunk.geometry, stop - start)
        if self._last:
            gradient = gradient.permute(0, 2, 3, 1)
        return gradient.reshape(stop - start, -1)

    def fold(self, flat: Tensor) -> Tensor:
        weight = self._factors.geometry.weight
        if self._last:
            return flat.view(-1, weight[0], *weight[2:], weight[1]).permute(0, 1, 4, 2, 3)
        return flat.view(-1, *weight)

    def _side_by_side(self, data: Tensor) -> Tensor:
        """[records * r, channels, *space] -> [r, records * channels, *space]."""
        rows = self._factors.rows
        parts = data.view(-1, rows, *data.shape[1:])
        if self._last:
            whole = parts.permute(1, 3, 4, 0, 2).reshape(rows, *data.shape[2:], -1)
            return whole.permute(0, 3, 1, 2)
        return parts.transpose(0, 1).reshape(rows, -1, *data.shape[2:])


class Patches:
    """Patches written out, about `budget` bytes of them a chunk."""

    def __init__(self, factors: Factors, budget: int) -> None:
        self._factors = factors
        geometry = factors.geometry
        self._columns = math.prod(geometry.weight[1:])
        self._padded = -(-self._columns // _REGISTER) * _REGISTER
        self._positions = factors.rows * math.prod(factors.signal.shape[2:])
        one = 4 * geometry.groups * self._padded * self._positions
        self.step = max(1, min(factors.records, budget // one))
        self._buffers: tuple[Tensor, Tensor] | None = None

    def gradients(self, start: int, stop: int) -> Tensor:
        chunk = self._factors.chunk(start, stop)
        records, groups = stop - start, chunk.geometry.groups
        signal = self._by_group(chunk.signal, records)
        patches = self._patches(chunk.image, records)
        product = torch.bmm(signal, patches.mT)
        return product.view(records, groups * product.shape[1] * product.shape[2])

    def fold(self, flat: Tensor) -> Tensor:
        weight = self._factors.geometry.weight
        rows = flat.view(-1, weight[0], flat.shape[1] // weight[0])
        return rows[:, :, : self._columns].reshape(-1, *weight)

    def _by_group(self, data: Tensor, records: int) -> Tensor:
        """[records * r, channels, *space] -> [records * groups, channels / groups, r * space]."""
        groups = self._factors.geometry.groups
        parts = data.reshape(records, -1, groups, data.shape[1] // groups, *data.shape[2:])
        return parts.movedim(1, 3).reshape(records * groups, parts.shape[3], -1)

    def _patches(self, image: Tensor, records: int) -> Tensor:
        """[records * groups, columns, r * positions], columns padded by zeros."""
        geometry = self._factors.geometry
        if math.prod(geometry.kernel) == 1 and geometry.positions(image.shape[2:]) == tuple(
            image.shape[2:]
        ):
            return self._by_group(image, records)
        if self._buffers is None:
            self._buffers = self._make_buffers(image)
        border, written = self._buffers[0][: image.shape[0]], self._buffers[1][:records]
        inner = border
        for axis, (size, padding) in enumerate(
            zip(image.shape[2:], geometry.padding, strict=True), start=2
        ):
            inner = inner.narrow(axis, padding, size)
        inner.copy_(image)
        target = written[:, :, : self._columns]
        seen = self._seen(border, records)
        target.view(seen.shape).copy_(seen)
        return written.view(-1, self._padded, self._positions)

    def _make_buffers(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """(images with their border of zeros, patches with their columns of zeros)."""
        factors, geometry = self._factors, self._factors.geometry
        space = [s + 2 * p for s, p in zip(image.shape[2:], geometry.padding, strict=True)]
        border = image.new_zeros(self.step * factors.rows, image.shape[1], *space)
        written = image.new_zeros(self.step, geometry.groups, self._padded, self._positions)
        return border, written

    def _seen(self, border: Tensor, records: int) -> Tensor:
        """View: [records, groups, channels / groups, *kernel, r, *positions]."""
        geometry, rows = self._factors.geometry, self._factors.rows
        row, channel, *along = border.stride()
        each = border.shape[1] // geometry.groups
        size = (records, geometry.groups, each, *geometry.kernel, rows)
        steps = [d * a for d, a in zip(geometry.dilation, along, strict=True)]
        moves = [s * a for s, a in zip(geometry.stride, along, strict=True)]
        return border.as_strided(
            (*size, *self._factors.signal.shape[2:]),
            (rows * row, each * channel, channel, *steps, row, *moves),
        )


class Several:
    """Several uses of one weight: their gradients, added record by record."""

    def __init__(self, uses: tuple[Products, ...], weight: tuple[int, ...]) -> None:
        self._uses = uses
        self._weight = weight
        self.step = min(use.step for use in uses)

    def gradients(self, start: int, stop: int) -> Tensor:
        first, *others = (use.fold(use.gradients(start, stop)) for use in self._uses)
        total = first.clone(memory_format=torch.contiguous_format)
        for other in others:
            total += other
        return total.flatten(1)

    def fold(self, flat: Tensor) -> Tensor:
        return flat.view(-1, *self._weight)
