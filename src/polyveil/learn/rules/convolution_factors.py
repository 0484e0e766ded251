# SPDX-License-Identifier: Apache-2.0
"""The two factors of a convolution's weight gradient, and the products taken of them.

The weight gradient of any convolution correlates an `image` with a `signal`:

    gradient[s, i, k] = sum over records and positions t of signal[s, t] * image[i, t*stride + k]

For a convolution the image is its input and the signal the gradient of its output; for a
transposed convolution the two change places. All the rest is the same, and so is shared here.

Gradients of single records come from one backend call too: the records of a chunk are laid side
by side as groups of channels of one long record, and groups never mix (Rochette et al. 2019,
https://arxiv.org/abs/1912.06015). A chunk is small enough that its gradients stay in cache.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional


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


def weight_gradient(image: Tensor, signal: Tensor, geometry: Geometry, records: int) -> Tensor:
    """Sum over the rows of the weight gradient, one for each of `records` groups of channels.

    Args:
      image: [rows, records * image channels, *space].
      signal: [rows, records * signal channels, *positions].

    Returns:
      [records, *geometry.weight], in the precision of the factors.
    """
    signals, *rest = geometry.weight
    # Only its shape is read: no memory stands behind it.
    weight = image.new_zeros(()).expand(records * signals, *rest)
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
    return gradient.reshape(records, *geometry.weight)


@dataclass(frozen=True)
class Factors:
    """Image and signal of a batch of records, r rows a record, record-major.

    Attributes:
      image: [records * r, image channels, *space]. Secret.
      signal: [records * r, signal channels, *positions], of the same precision. Secret.
      output: gradient of the layer's output, for the bias: the image or the signal. Secret.
      geometry: the convolution.
      records: number of records.
    """

    image: Tensor
    signal: Tensor
    output: Tensor
    geometry: Geometry
    records: int

    @classmethod
    def of(
        cls, image: Tensor, signal: Tensor, output: Tensor, geometry: Geometry, records: int
    ) -> Factors:
        """The factors; cuts from the image what an output padding >= stride appended to it."""
        if geometry.positions(image.shape[2:]) == tuple(signal.shape[2:]):
            return cls(image, signal, output, geometry, records)
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
        bare = replace(geometry, padding=(0,) * len(ends))
        return cls(padded, signal, output, bare, records)

    @property
    def rows(self) -> int:
        """Rows a record."""
        return self.image.shape[0] // self.records

    def gradients(self, start: int, stop: int) -> Tensor:
        """The weight gradients of records start .. stop - 1: [stop - start, *weight], float."""
        image, signal = (
            self._side_by_side(self.image, start, stop),
            self._side_by_side(self.signal, start, stop),
        )
        return _float(weight_gradient(image, signal, self.geometry, stop - start))

    def weighted(self, weights: Tensor, start: int, stop: int) -> Tensor:
        """sum of weights[i] * gradient_i over records start .. stop - 1: [*weight], float.

        A record of weight 0 leaves no trace, whatever its factors hold.
        """
        rows = slice(start * self.rows, stop * self.rows)
        factor = weights[start:stop].repeat_interleave(self.rows)
        image, signal = self.image[rows], self.signal[rows]
        shape = (-1, *[1] * (image.dim() - 1))
        scaled = signal.float() * factor.view(shape)
        if not bool(torch.isfinite(scaled).all()) or bool((factor == 0).any()):
            out = (factor == 0).view(shape)
            scaled, image = scaled.masked_fill(out, 0.0), image.masked_fill(out, 0.0)
        return weight_gradient(_float(image), scaled, self.geometry, 1)[0]

    def _side_by_side(self, data: Tensor, start: int, stop: int) -> Tensor:
        """[r, (stop - start) * channels, *space]: the chunk's records as groups of channels."""
        rows = self.rows
        chunk = data[start * rows : stop * rows]
        if rows > 1:
            chunk = chunk.view(stop - start, rows, *chunk.shape[1:]).transpose(0, 1)
        return _float(chunk.reshape(rows, -1, *data.shape[2:]))


def _float(data: Tensor) -> Tensor:
    """Half precision is too coarse for sums over positions; double stays double."""
    return data if data.dtype == torch.float64 else data.float()
