# SPDX-License-Identifier: Apache-2.0
"""Operations and parameters against counts made by hand."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from polyveil.models.cost import cost
from polyveil.models.registry import build
from polyveil.models.vit import ViT, ViTConfig


def vit_multiply_adds(width: int, depth: int, tokens: int, patch: int, classes: int) -> int:
    """By hand: patches, then 4 + 8 products of width x width a token, two of T x T, the head."""
    block = tokens * 12 * width**2 + 2 * tokens**2 * width
    return tokens * 3 * patch**2 * width + depth * block + width * classes


@pytest.mark.parametrize("width", [128, 384])
def test_the_timing_model_counts_as_by_hand(width: int) -> None:
    found = cost(ViT(ViTConfig((3, 32, 32), 10, width=width)), (3, 32, 32))
    assert found.multiply_adds == vit_multiply_adds(width, 4, 64, 4, 10)
    assert found.flops == 2 * found.multiply_adds


def test_the_timing_model_has_the_stated_size() -> None:
    assert round(cost(ViT(ViTConfig((3, 32, 32), 10)), (3, 32, 32)).parameters / 1e6, 1) == 0.8


def test_a_convolution_counts_as_by_hand() -> None:
    model = nn.Sequential(nn.Conv2d(3, 8, 5, stride=2), nn.Flatten(), nn.Linear(8 * 6 * 6, 2))
    found = cost(model, (3, 16, 16))
    assert found.multiply_adds == 8 * 3 * 25 * 36 + 288 * 2
    assert found.parameters == 8 * 3 * 25 + 8 + 288 * 2 + 2
    assert [row.flops // 2 for row in found.modules] == [8 * 75 * 36 + 576, 8 * 75 * 36, 0, 576]


def test_the_hierarchical_transformer_counts_as_by_hand() -> None:
    model = build(
        "hierarchical-vit", (3, 32, 32), 10, heads=4, head_width=16, depths=(1, 1), mlp_ratio=2,
        stem_width=0,
    )  # fmt: skip
    stages = [t * 8 * 64**2 + 2 * t**2 * 64 + t**2 * 3 * 4 for t in (64, 32)]
    found = cost(model, (3, 32, 32))
    assert found.multiply_adds == 64 * 48 * 64 + sum(stages) + 64 * 10
    by_name = {row.name: row for row in found.modules}
    assert [by_name[f"stages.{n}"].flops // 2 for n in range(2)] == stages
    assert by_name["stages"].flops // 2 == sum(stages)


def test_shared_and_frozen_parameters_count_once_and_never() -> None:
    shared = nn.Linear(4, 4)
    model = nn.Sequential(nn.Flatten(), shared, shared, nn.Linear(4, 2).requires_grad_(False))
    found = cost(model, (1, 2, 2))
    assert found.parameters == 20
    assert found.multiply_adds == 16 + 16 + 8


def test_fourier_transforms_count() -> None:
    assert cost(build("scatter-linear", (1, 16, 16), 2), (1, 16, 16)).flops > 1e6


def test_the_model_stays_in_its_mode() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 2)).train()
    cost(model, (1, 2, 2))
    assert model.training


def test_the_table_names_modules() -> None:
    table = cost(build("cnn", (3, 32, 32), 10), (3, 32, 32)).table(depth=1)
    assert "| all | CNN |" in table
    assert "| head | Linear | 1,290 |" in table
    assert "stages.0" not in table


def test_counting_leaves_no_gradient() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 2))
    cost(model, (1, 2, 2))
    assert all(one.grad is None for one in model.parameters())
    assert torch.is_grad_enabled()
