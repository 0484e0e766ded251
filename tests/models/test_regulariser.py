# SPDX-License-Identifier: Apache-2.0
"""The noise inside the network: there in training, gone in use, and never called privacy."""

from __future__ import annotations

import pytest
import torch

from polyveil.models.registry import build
from polyveil.models.regulariser import REMARK, MapNoise, Normalisation

NOISY = {"map_noise": 0.1, "norm_noise": 0.1, "head_width": 8}


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


def test_noise_has_the_stated_size() -> None:
    noise = MapNoise(0.3)
    assert noise(torch.zeros(100_000)).std().item() == pytest.approx(0.3, rel=0.02)
    assert torch.equal(noise.eval()(torch.ones(5)), torch.ones(5))


def test_normalisation_without_noise_is_layer_norm() -> None:
    x, norm = torch.randn(3, 4, 16), Normalisation(16)
    torch.testing.assert_close(norm(x), torch.nn.LayerNorm(16)(x))


def test_noise_moves_mean_and_deviation_of_each_token() -> None:
    norm = Normalisation(64, 0.2)
    out = norm(torch.randn(20_000, 64))
    assert out.mean(1).std().item() == pytest.approx(0.2, rel=0.05)
    assert out.std(1).log().std().item() == pytest.approx(0.2, rel=0.05)


def test_in_use_nothing_is_random() -> None:
    model, images = build("hierarchical-vit", (3, 32, 32), 5, **NOISY), torch.rand(2, 3, 32, 32)
    with torch.no_grad():
        assert not torch.equal(model(images), model(images))
        model.eval()
        assert torch.equal(model(images), model(images))


def test_whoever_reads_the_model_is_told_that_it_is_no_privacy() -> None:
    noisy = build("hierarchical-vit", (3, 32, 32), 5, **NOISY)
    quiet = build("hierarchical-vit", (3, 32, 32), 5)
    assert noisy.config.remarks == (REMARK,)
    assert quiet.config.remarks == ()
    assert "no differential privacy" in REMARK
    assert repr(noisy).count("no differential privacy") >= 4
