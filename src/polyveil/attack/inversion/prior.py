# SPDX-License-Identifier: Apache-2.0
"""What the attacker knows about records in general: that neighbours are alike, and which few
directions his own records vary in.

Source: Rudin, Osher & Fatemi, Physica D 60 (1992) (total variation); Turk & Pentland, J. Cognitive
Neuroscience 3 (1991) (faces as a mean and a few directions).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


def total_variation(values: Tensor) -> Tensor:
    """Mean absolute step between neighbours along the last two axes of (n, c, h, w) or (n, h, w),
    or the last of (n, c, t); 0 for plain features (n, d), where no two are neighbours."""
    if values.ndim < 3:
        return values.new_zeros(())
    found = (values[..., 1:] - values[..., :-1]).abs().mean()
    if values.shape[-2] >= 8:
        found = found + (values[..., 1:, :] - values[..., :-1, :]).abs().mean()
    return found


@dataclass(frozen=True, slots=True)
class Directions:
    """A mean and its principal directions.

    Attributes:
      mean: (d,); axes: (k, d), orthonormal; scales: (k,), standard deviation along each.
    """

    mean: Tensor
    axes: Tensor
    scales: Tensor

    @classmethod
    def of(cls, rows: Tensor, most: int) -> Directions:
        """At most `most` directions of (n, d), those along which nothing varies left out."""
        mean = rows.mean(0)
        centred = (rows - mean).double()
        if len(rows) <= rows.shape[1]:
            # n x n is smaller than d x d, and has the same spectrum.
            values, left = torch.linalg.eigh(centred @ centred.T)
            axes = left.T @ centred
        else:
            values, axes = torch.linalg.eigh(centred.T @ centred)
            axes = axes.T
        order = values.argsort(descending=True)[:most]
        order = order[values[order] > 1e-9 * values.max()]
        axes = axes[order] / axes[order].norm(dim=1, keepdim=True)
        scales = (values[order] / len(rows)).sqrt()
        return cls(mean, axes.to(rows.dtype), scales.to(rows.dtype))

    def coordinates(self, rows: Tensor) -> Tensor:
        """(n, d) -> (n, k), each of deviation 1 on the rows that this came from."""
        return (rows - self.mean) @ self.axes.T / self.scales

    def record(self, coordinates: Tensor) -> Tensor:
        """(n, k) -> (n, d)."""
        return coordinates * self.scales @ self.axes + self.mean
