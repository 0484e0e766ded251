# SPDX-License-Identifier: Apache-2.0
"""The hierarchical vision transformer: its switches, its sizes, that it learns."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn
from torch.func import functional_call, grad, vmap

from polyveil.models.attention import GatedAttention, GlobalAttention
from polyveil.models.hierarchical_vit import HierarchicalViT, HierarchicalViTConfig
from polyveil.models.registry import build

IMAGE = (3, 16, 16)
TINY: dict[str, Any] = {"head_width": 4, "depths": (2, 1), "stem_width": 8}


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


def tiny(**chosen: Any) -> HierarchicalViT:
    return HierarchicalViT(HierarchicalViTConfig(IMAGE, 4, **{**TINY, **chosen}))


def kinds(model: nn.Module) -> list[type[nn.Module]]:
    kept = (GatedAttention, GlobalAttention)
    return [type(module) for module in model.modules() if isinstance(module, kept)]


@pytest.mark.parametrize(
    ("attention", "expected"),
    [
        ("threshold", [GatedAttention] * 3),
        ("multi-head", [GlobalAttention] * 3),
        ("hierarchical", [GatedAttention, GlobalAttention, GatedAttention]),
    ],
)
def test_the_first_block_of_each_stage_is_local(
    attention: str, expected: list[type[nn.Module]]
) -> None:
    assert kinds(tiny(attention=attention)) == expected


@pytest.mark.parametrize("heads", [4, 8, 12])
def test_heads_set_the_width(heads: int) -> None:
    model = tiny(heads=heads)
    assert model.config.width == 4 * heads
    assert model(torch.rand(2, *IMAGE)).shape == (2, 4)


@pytest.mark.parametrize("order", ["raster", "z-curve"])
def test_tokens_halve_between_stages(order: str) -> None:
    model, seen = tiny(depths=(1, 1, 1), order=order), []
    for stage in model.stages:
        stage.register_forward_hook(lambda _m, inputs, _o: seen.append(inputs[0].shape[1]))
    model(torch.rand(1, *IMAGE))
    assert seen == [16, 8, 4]


@pytest.mark.parametrize(("heads", "millions"), [(4, 9.87), (8, 38.26), (12, 86.23)])
def test_the_papers_parameter_counts_are_met(heads: int, millions: float) -> None:
    """Table 3 within 2 %: 12 blocks of 64 x heads on 224 x 224 pixels, 1,000 classes."""
    with torch.device("meta"):
        model = build(
            "hierarchical-vit", (3, 224, 224), 1000, patch=14, heads=heads, head_width=64,
            depths=(3, 3, 3, 3), mlp_ratio=4, stem_width=0,
        )  # fmt: skip
    counted = sum(one.numel() for one in model.parameters()) / 1e6
    assert counted == pytest.approx(millions, rel=0.02)


def test_patches_follow_the_order_of_the_grid() -> None:
    """Token i of a z-curve network is the patch that the grid says it is."""
    raster, curve = (tiny(order=order, stem_width=0) for order in ("raster", "z-curve"))
    curve.embed.load_state_dict(raster.embed.state_dict())
    images = torch.rand(1, *IMAGE)
    rows, curved = raster.embed(images), curve.embed(images)
    for i, ((row, column),) in enumerate(curve.config.grid().members):
        assert torch.equal(curved[0, i], rows[0, 4 * row + column])


def synthetic(count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Noise with a bright square in one of four corners."""
    images, labels = torch.randn(count, *IMAGE), torch.randint(0, 4, (count,))
    for image, label in zip(images, labels.tolist(), strict=True):
        top, left = 8 * (label // 2), 8 * (label % 2)
        image[:, top : top + 8, left : left + 8] += 0.7
    return images, labels


@pytest.mark.parametrize("attention", ["threshold", "multi-head", "hierarchical"])
def test_sixty_steps_learn_where_the_square_is(attention: str) -> None:
    model = tiny(attention=attention, map_noise=0.01, norm_noise=0.05)
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    losses = []
    for _ in range(60):
        images, labels = synthetic(32)
        loss = F.cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert sum(losses[-10:]) / 10 < 0.5 * sum(losses[:5]) / 5


def test_gradients_of_single_records_agree_with_a_loop() -> None:
    """torch.func's vmap(grad), the form that engines of private training fall back to."""
    model, (images, labels) = tiny(), synthetic(5)
    weights = {name: one.detach() for name, one in model.named_parameters()}

    def loss(weights: Any, image: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        logits = functional_call(model, weights, (image[None],))
        return F.cross_entropy(logits, label[None])

    together = vmap(grad(loss), in_dims=(None, 0, 0))(weights, images, labels)
    for i in range(5):
        model.zero_grad()
        F.cross_entropy(model(images[i : i + 1]), labels[i : i + 1]).backward()
        for name, one in model.named_parameters():
            torch.testing.assert_close(together[name][i], one.grad, rtol=1e-3, atol=1e-5)
