# SPDX-License-Identifier: Apache-2.0
"""The two factors of a convolution's weight gradient.

The weight gradient of any convolution correlates an `image` with a `signal`:

    gradient[s, i, k] = sum over positions t of signal[s, t] * image[i, t * stride + k * dilation]

For a convolution the image is its input and the signal the gradient of its output; for a
transposed convolution the two change places. All the rest is the same, and so is shared.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional

# Bytes of a copy of the signal, scaled record by record, that are held at a time.
_SCALED_BYTES = 1 << 22


@dataclass(frozen=True)
class Geometry:
    """What fixes a convolution besides its data; a public fact.

    Attributes:
      weight: shape of the weight, (signal channels, image channels / groups, *kernel).
      stride, padding, dilation: one number a spatial dimension; padding is zeros on both sides.
      groups: number of groups of channels that do not see each other.
    """

    weight: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]
    groups: int

    @property
    def kernel(self) -> tuple[int, ...]:
        return self.weight[2:]

    def positions(self, space: tuple[int, ...]) -> tuple[int, ...]:
        """The signal's spatial sizes for an image of these spatial sizes."""
        parts = zip(space, self.kernel, self.stride, self.padding, self.dilation, strict=True)
        return tuple((s + 2 * p - d * (k - 1) - 1) // t + 1 for s, k, t, p, d in parts)


@dataclass(frozen=True)
class Factors:
    """Image and signal of a batch of records, r rows a record, record-major.

    Attributes:
      image: [records * r, image channels, *space]. Secret.
      signal: [records * r, signal channels, *positions], of the same precision. Secret.
      geometry: the convolution.
      records: number of records.
    """

    image: Tensor
    signal: Tensor
    geometry: Geometry
    records: int

    @classmethod
    def of(cls, image: Tensor, signal: Tensor, geometry: Geometry, records: int) -> Factors:
        """The factors; cuts from the image what an output padding >= stride appended to it."""
        if geometry.positions(image.shape[2:]) == tuple(signal.shape[2:]):
            return cls(image, signal, geometry, records)
        ends = []
        for size, kernel, stride, padding, dilation, count in zip(
            image.shape[2:],
            geometry.kernel,
            geometry.stride,
            geometry.padding,
            geometry.dilation,
            signal.shape[2:],
            strict=True,
        ):
            reach = (count - 1) * stride + dilation * (kernel - 1) + 1
            ends.append((padding, reach - padding - size))
        # F.pad counts dimensions from the last one; a negative number cuts.
        padded = functional.pad(image, [side for pair in reversed(ends) for side in pair])
        return cls(padded, signal, replace(geometry, padding=(0,) * len(ends)), records)

    @property
    def rows(self) -> int:
        """Rows a record."""
        return self.image.shape[0] // self.records

    @property
    def channels_last(self) -> bool:
        """Whether channels are what lies closest together in memory."""
        return (
            self.signal.dim() == 4
            and not self.signal.is_contiguous()
            and self.signal.is_contiguous(memory_format=torch.channels_last)
        )

    def chunk(self, start: int, stop: int) -> Factors:
        """The factors of records start .. stop - 1, in a precision that sums may be taken in."""
        rows = slice(start * self.rows, stop * self.rows)
        image, signal = in_full(self.image[rows]), in_full(self.signal[rows])
        return Factors(image, signal, self.geometry, stop - start)

    def without(self, out: Tensor) -> Factors:
        """A copy in which records marked in `out`, bool [records], are zero."""
        rows = out.repeat_interleave(self.rows).view(-1, *[1] * (self.image.dim() - 1))
        image, signal = self.image.masked_fill(rows, 0.0), self.signal.masked_fill(rows, 0.0)
        return replace(self, image=image, signal=signal)

    def weighted_sum(self, weights: Tensor) -> Tensor:
        """sum of weights[i] * gradient_i, [*weight]: as much work as without privacy."""
        step = max(1, _SCALED_BYTES * self.records // (4 * self.signal.numel()))
        total: Tensor | None = None
        for start in range(0, self.records, step):
            part = self.chunk(start, min(start + step, self.records))
            scale = weights[start : start + step].repeat_interleave(self.rows)
            signal = part.signal * scale.view(-1, *[1] * (self.signal.dim() - 1))
            gradient = weight_gradient(part.image, signal, self.geometry, 1)
            total = gradient if total is None else total.add_(gradient)
        return weights.new_zeros(self.geometry.weight) if total is None else total


def in_full(data: Tensor) -> Tensor:
    """Half precision is too coarse for sums over positions; double stays double."""
    return data if data.dtype == torch.float64 else data.float()


def weight_gradient(image: Tensor, signal: Tensor, geometry: Geometry, records: int) -> Tensor:
    """The sum over rows of the weight gradients of `records` groups of channels.

    Args:
      image: [rows, records * image channels, *space].
      signal: [rows, records * signal channels, *positions].

    Returns:
      [records * signal channels, image channels / groups, *kernel], in the factors' precision.
    """
    signals, *rest = geometry.weight
    last = image.dim() == 4 and not image.is_contiguous()
    memory = torch.channels_last if last else torch.contiguous_format
    # Only its shape and strides are read.
    weight = torch.empty(
        (records * signals, *rest), dtype=image.dtype, device=image.device, memory_format=memory
    )
    gradient: Tensor = torch.ops.aten.convolution_backward(
        signal,
        image,
        weight,
        None,
        geometry.stride,
        geometry.padding,
        geometry.dilation,
        False,
        [0] * len(geometry.stride),
        records * geometry.groups,
        [False, True, False],
    )[1]
    return gradient
