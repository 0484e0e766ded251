# SPDX-License-Identifier: Apache-2.0
"""A record changed as another session of the same person might differ: recognition must bear it.

A face is turned, enlarged, moved, mirrored, lit otherwise; a voice begins elsewhere, lacks a band
or a moment, has some noise; typing begins some keys later. Each record is changed by itself, from
torch's generator alone, so that private training may use it: a random function of one record.

Source: Park et al., SpecAugment, Interspeech 2019, https://arxiv.org/abs/1904.08779 (bands and
moments left out)
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

BANDS, MOMENTS = 6, 16
"""Widest band, in rows, and longest moment, in frames, that a voice may lack."""
LATER = 12
"""Steps that typing may begin later, below."""


def as_another_session(kind: str, x: Tensor) -> Tensor:
    """Records of one modality, each changed by itself.

    Args:
      kind: of the input: "face", "voice" or "behaviour"; anything else stays as it is.
      x: float32 [records, *shape].
    """
    change = {"face": _face, "voice": _voice, "behaviour": _behaviour}.get(kind)
    return x if change is None or not len(x) else change(x)


def _face(x: Tensor) -> Tensor:
    """float32 [records, channels, height, width] in [0, 1]."""
    n = len(x)
    angle, size = 0.08 * torch.randn(n), torch.exp(0.06 * torch.randn(n))
    side = 1.0 - 2.0 * torch.randint(2, (n,))
    maps = torch.zeros(n, 2, 3)
    maps[:, 0, 0], maps[:, 0, 1] = side * torch.cos(angle) / size, -torch.sin(angle) / size
    maps[:, 1, 0], maps[:, 1, 1] = side * torch.sin(angle) / size, torch.cos(angle) / size
    maps[:, :, 2] = 0.05 * torch.randn(n, 2)
    grid = functional.affine_grid(maps, list(x.shape), align_corners=False)
    moved = functional.grid_sample(x, grid, padding_mode="border", align_corners=False)
    gain, light = torch.exp(0.15 * torch.randn(n, 1, 1, 1)), 0.05 * torch.randn(n, 1, 1, 1)
    return ((moved - 0.5) * gain + 0.5 + light).clamp(0, 1)


def _voice(x: Tensor) -> Tensor:
    """float32 [records, 1, bands, frames], 0 on average."""
    n, _, bands, frames = x.shape
    begin = torch.randint(frames, (n, 1, 1, 1))
    where = (torch.arange(frames) + begin) % frames
    moved = x.gather(3, where.expand_as(x))
    heard = ~_stretch(n, bands, min(BANDS, bands))[:, None, :, None]
    heard = heard & ~_stretch(n, frames, min(MOMENTS, frames))[:, None, None, :]
    return moved * heard + 0.1 * torch.randn_like(x)


def _behaviour(x: Tensor) -> Tensor:
    """float32 [records, steps, features]; zeros behind the end."""
    steps = x.shape[1]
    by = torch.randint(min(LATER, steps), (len(x), 1))
    where = torch.arange(steps) + by
    kept = x.gather(1, where.clamp(max=steps - 1)[:, :, None].expand_as(x))
    return kept * (where < steps)[:, :, None]


def _stretch(rows: int, length: int, most: int) -> Tensor:
    """A random stretch of fewer than `most` places in each row: bool [rows, length]."""
    size = torch.randint(most, (rows, 1))
    first = torch.randint(length - most + 1, (rows, 1))
    place = torch.arange(length)
    return (place >= first) & (place < first + size)
