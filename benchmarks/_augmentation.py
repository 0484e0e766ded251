# SPDX-License-Identifier: Apache-2.0
"""Records changed as another session might change them."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional


def augmented(name: str, x: Tensor, draw: np.random.Generator) -> Tensor:
    """Each record changed as another session might: moved, lighter, noisier."""
    return {"face": face, "voice": voice, "behaviour": behaviour}[name](x, draw)


def face(x: Tensor, draw: np.random.Generator) -> Tensor:
    """Turned, enlarged, moved, mirrored; contrast and brightness."""
    n = len(x)
    angle, size = draw.normal(0, 0.08, n), np.exp(draw.normal(0, 0.06, n))
    mirrored = draw.choice([-1.0, 1.0], n)
    maps = np.zeros((n, 2, 3))
    maps[:, 0, 0], maps[:, 0, 1] = mirrored * np.cos(angle) / size, -np.sin(angle) / size
    maps[:, 1, 0], maps[:, 1, 1] = mirrored * np.sin(angle) / size, np.cos(angle) / size
    maps[:, :, 2] = draw.normal(0, 0.05, (n, 2))
    grid = functional.affine_grid(torch.from_numpy(maps).float(), list(x.shape), False)
    moved = functional.grid_sample(x, grid, padding_mode="border", align_corners=False)
    gain = torch.from_numpy(np.exp(draw.normal(0, 0.15, (n, 1, 1, 1)))).float()
    light = torch.from_numpy(draw.normal(0, 0.05, (n, 1, 1, 1))).float()
    return ((moved - 0.5) * gain + 0.5 + light).clamp(0, 1)


def voice(x: Tensor, draw: np.random.Generator) -> Tensor:
    """Begun elsewhere, a band or some time silenced, a little noise."""
    moved = torch.stack(
        [
            one.roll(int(by), -1)
            for one, by in zip(x, draw.integers(x.shape[-1], size=len(x)), strict=True)
        ]
    )
    for dimension, longest in ((2, 6), (3, 16)):
        size = draw.integers(0, longest, len(x))
        first = draw.integers(0, x.shape[dimension] - longest, len(x))
        for one, at, width in zip(moved, first, size, strict=True):
            one.narrow(dimension - 1, int(at), int(width)).zero_()
    noise = torch.from_numpy(draw.normal(0, 0.1, tuple(x.shape))).float()
    return moved + noise


def behaviour(x: Tensor, draw: np.random.Generator) -> Tensor:
    """Begun some keys later."""
    later = []
    for one, by in zip(x, draw.integers(0, 12, len(x)), strict=True):
        later.append(functional.pad(one[int(by) :], (0, 0, 0, int(by))))
    return torch.stack(later)
