# SPDX-License-Identifier: Apache-2.0
"""Scattering against a naive twin, and the properties that its authors prove."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from polyveil.errors import UsageError
from polyveil.models.registry import build
from polyveil.models.scattering import Scattering
from polyveil.models.wavelets import low_pass, morlet


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


def naive(image: Tensor, scales: int, angles: int) -> list[Tensor]:
    """Path by path at full resolution; image [side, side] -> sampled maps."""
    border = 2**scales
    padded = torch.nn.functional.pad(image[None, None], [border] * 4, mode="reflect")[0, 0]
    side = padded.shape[-1]
    turns = [math.pi * n / angles for n in range(angles)]

    def filtered(x: Tensor, response: Tensor) -> Tensor:
        return torch.fft.ifft2(torch.fft.fft2(x) * response)

    def sampled(x: Tensor) -> Tensor:
        smooth = filtered(x, low_pass(side, scales)).real
        return smooth[border:-border:border, border:-border:border]

    first = {
        (j, turn): filtered(padded, morlet(side, j, turn, angles)).abs()
        for j in range(scales)
        for turn in turns
    }
    second = [
        filtered(modulus, morlet(side, coarser, turn, angles)).abs()
        for (j, _), modulus in first.items()
        for coarser in range(j + 1, scales)
        for turn in turns
    ]
    return [sampled(x) for x in (padded, *first.values(), *second)]


def test_agrees_with_a_naive_twin() -> None:
    images = torch.rand(2, 2, 16, 16)
    found = Scattering(16, 2, 4)(images)
    assert found.shape == (2, 2 * (1 + 8 + 16), 4, 4)
    for record in range(2):
        for channel in range(2):
            expected = torch.stack(naive(images[record, channel].double(), 2, 4)).float()
            own = found[record, 25 * channel : 25 * (channel + 1)]
            torch.testing.assert_close(own, expected, rtol=1e-3, atol=1e-5)


def test_a_flat_picture_has_no_waves() -> None:
    found = Scattering(32)(torch.full((1, 1, 32, 32), 0.7))
    torch.testing.assert_close(found[0, 0], torch.full((8, 8), 0.7))
    assert found[0, 1:].abs().max() < 1e-5


def test_two_pictures_come_no_further_apart() -> None:
    """Non-expansive: the bank is a frame with bound 1, the modulus brings nothing apart."""
    scattering, (a, b) = Scattering(32), torch.rand(2, 1, 1, 32, 32)
    apart = (scattering(a) - scattering(b)).norm() * 2**scattering.scales
    padded = torch.nn.functional.pad(a - b, [4] * 4, mode="reflect")
    assert apart <= padded.norm()


@pytest.mark.parametrize("angles", [4, 8])
def test_the_bank_covers_and_never_amplifies(angles: int) -> None:
    side, scales = 40, 2
    turns = [math.pi * n / angles for n in range(angles)]
    bank = [morlet(side, j, turn, angles).square() for j in range(scales) for turn in turns]
    waves = torch.stack(bank).sum(0)
    mirrored = torch.roll(waves.flip(0, 1), (1, 1), (0, 1))
    energy = low_pass(side, scales).square() + 0.5 * (waves + mirrored)
    assert energy.max() <= 1.01
    assert energy.min() > 0.05
    assert all(abs(float(morlet(side, 0, turn, angles)[0, 0])) < 1e-12 for turn in turns)


def test_a_wavelet_answers_to_its_direction() -> None:
    across = torch.cos(0.75 * math.pi * torch.arange(32.0)).expand(1, 1, 32, 32)
    finest = Scattering(32)(across)[0, 1:9].mean((1, 2))
    assert int(finest.argmax()) == 0


def test_features_once_then_the_head_is_the_whole_network() -> None:
    model, images = build("scatter-linear", (3, 32, 32), 10), torch.rand(2, 3, 32, 32)
    features = model.features(images)
    assert features.shape == (2, 243, 8, 8)
    assert torch.equal(model.head(features), model(images))
    assert not list(model.scattering.parameters())


def test_a_picture_that_is_no_square_is_refused() -> None:
    with pytest.raises(UsageError, match="square"):
        build("scatter-cnn", (3, 32, 16), 10)
