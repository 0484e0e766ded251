# SPDX-License-Identifier: Apache-2.0
"""The norm of sequences keeps what differs between records at every step; GroupNorm does not."""

from __future__ import annotations

import torch
from torch import nn

from polyveil.models.step_norm import StepNorm, place_norm


def test_every_step_is_normalised_by_itself() -> None:
    torch.manual_seed(0)
    x, norm = torch.randn(3, 8, 5), StepNorm(8)
    centred = x - x.mean(1, keepdim=True)
    expected = centred / (x.var(1, unbiased=False, keepdim=True) + 1e-5).sqrt()
    torch.testing.assert_close(norm(x), expected)
    torch.testing.assert_close(norm(x)[..., 2:3], norm(x[..., 2:3]))


def test_tempo_survives_step_by_step_alone() -> None:
    """Two records that differ in one channel's mean over time; each channel a group of its own."""
    slow = torch.randn(1, 8, 20, generator=torch.Generator().manual_seed(0))
    fast = slow.clone()
    fast[:, 3] += 2.0
    group = nn.GroupNorm(8, 8)
    torch.testing.assert_close(group(slow), group(fast), atol=1e-4, rtol=1e-4)
    norm = StepNorm(8)
    assert (norm(slow) - norm(fast)).abs().max() > 0.5


def test_which_norm_follows_which_convolution() -> None:
    assert isinstance(place_norm(1, 16), StepNorm)
    pictures = place_norm(2, 16)
    assert isinstance(pictures, nn.GroupNorm) and pictures.num_groups == 2
