# SPDX-License-Identifier: Apache-2.0
"""Morlet wavelets and their low-pass filter, as frequency responses on a periodic grid.

Filter (scale j, angle θ) is a Gabor function of standard deviation 0.8 x 2^j pixels, slant 4 / L
and frequency 3π / 4 / 2^j, less a multiple of its envelope so that it has mean zero.

Source: Mallat, CPAM 2012, https://arxiv.org/abs/1101.2286; Oyallon & Mallat, CVPR 2015,
https://arxiv.org/abs/1412.8659 (these constants).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

SIGMA, FREQUENCY = 0.8, 3 * math.pi / 4


def morlet(side: int, scale: int, angle: float, angles: int) -> Tensor:
    """float64 [side, side]: frequency response of one wavelet; 0 at frequency 0, peak near 1.

    Args:
      side: pixels of the periodic grid.
      scale: j >= 0; the wavelet is about 2^j pixels wide.
      angle: direction of the wave, radians.
      angles: L, number of directions in the bank; sets the slant.
    """
    sigma, frequency = SIGMA * 2**scale, FREQUENCY / 2**scale
    envelope = gabor(side, sigma, 0.0, angle, 4.0 / angles)
    wave = gabor(side, sigma, frequency, angle, 4.0 / angles)
    return wave - wave[0, 0] / envelope[0, 0] * envelope


def low_pass(side: int, scales: int) -> Tensor:
    """float64 [side, side]: frequency response of the Gaussian that averages over 2^scales."""
    return gabor(side, SIGMA * 2 ** (scales - 1), 0.0, 0.0, 1.0)


def gabor(side: int, sigma: float, frequency: float, angle: float, slant: float) -> Tensor:
    """float64 [side, side]: response of a unit-sum Gaussian envelope times a plane wave.

    The Fourier transform of a Gabor function is a Gaussian around its frequency; summing it over
    neighbouring periods makes it the response of the periodised filter.
    """
    turns = torch.fft.fftfreq(side, dtype=torch.float64) * 2 * math.pi
    total = torch.zeros(side, side, dtype=torch.float64)
    for down in range(-2, 3):
        for right in range(-2, 3):
            v, u = torch.meshgrid(
                turns + down * 2 * math.pi, turns + right * 2 * math.pi, indexing="ij"
            )
            along = math.cos(angle) * u + math.sin(angle) * v - frequency
            across = -math.sin(angle) * u + math.cos(angle) * v
            total += torch.exp(-0.5 * sigma**2 * (along**2 + (across / slant) ** 2))
    return total
