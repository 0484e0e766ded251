# SPDX-License-Identifier: Apache-2.0
"""Pixels as a network takes them, and several shifted views of each picture.

Scaling is fixed, since a mean over private pictures would be a release of its own. Views of one
record are averaged before its gradient is clipped, so they cost time and no budget.

Source: De et al. 2022, https://arxiv.org/abs/2204.13650 (augmentation multiplicity).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

MARGIN = 8
"""A view is shifted by at most 1/8 of the picture's side, the border repeated."""


def scaled(pixels: Tensor) -> Tensor:
    """uint8 0 to 255 -> float32 -1 to 1."""
    return pixels.float().div_(127.5).sub_(1.0)


def views(pictures: Tensor, count: int, *, flip: bool) -> Tensor:
    """[records * count, ...]: the views of each record together; draws from torch's generator.

    Args:
      pictures: float32 [records, channels, height, width].
      count: views of each; 1 gives the pictures themselves.
      flip: every other view, by chance, is mirrored left to right.
    """
    if count == 1:
        return pictures
    repeated = pictures.repeat_interleave(count, 0)
    rows, _, height, width = repeated.shape
    down, across = max(1, height // MARGIN), max(1, width // MARGIN)
    padded = functional.pad(repeated, (across, across, down, down), mode="replicate")
    top = torch.randint(2 * down + 1, (rows, 1, 1))
    left = torch.randint(2 * across + 1, (rows, 1, 1))
    line = torch.arange(height)[None, :, None] + top
    column = torch.arange(width)[None, None, :].repeat(rows, 1, 1)
    if flip:
        mirrored = torch.rand(rows, 1, 1) < 0.5
        column = torch.where(mirrored, width - 1 - column, column)
    which = torch.arange(rows)[:, None, None]
    # Advanced indices around a slice go to the front: [rows, height, width, channels].
    return padded[which, :, line, column + left].permute(0, 3, 1, 2).contiguous()
