# SPDX-License-Identifier: Apache-2.0
"""What every network promises: shapes, records kept apart, weights that survive a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from polyveil.errors import NotPrivate, UsageError
from polyveil.models.registry import NAMES, build, options

COLOUR, GREY = (3, 32, 32), (1, 28, 28)
SMALL: dict[str, dict[str, Any]] = {
    "hierarchical-vit": {"head_width": 8, "map_noise": 0.0},
    "vit": {"width": 32, "depth": 2},
    "cnn": {"widths": [16, 32], "hidden": 32},
    "wide-resnet": {"depth": 10, "widen": 1},
    "scatter-linear": {"angles": 4, "groups": 5},
    "scatter-cnn": {"angles": 4, "groups": 5},
}


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize("shape", [COLOUR, GREY])
def test_images_become_logits(name: str, shape: tuple[int, int, int]) -> None:
    logits = build(name, shape, 7, **SMALL[name])(torch.rand(3, *shape))
    assert logits.shape == (3, 7)
    assert logits.dtype == torch.float32
    assert torch.isfinite(logits).all()


@pytest.mark.parametrize("training", [True, False])
def test_a_record_does_not_see_the_others(name: str, training: bool) -> None:
    """Exactly what clipping per record rests on; in training mode too."""
    model = build(name, COLOUR, 5, **SMALL[name]).train(training)
    images = torch.rand(4, *COLOUR)
    others = images.clone()
    others[1:] = 100 * torch.rand(3, *COLOUR) - 50
    with torch.no_grad():
        torch.testing.assert_close(model(images)[0], model(others)[0], rtol=1e-4, atol=1e-4)
        alone = model(images[:1])[0]
        torch.testing.assert_close(model(images)[0], alone, rtol=1e-4, atol=1e-4)


def test_no_module_mixes_records(name: str) -> None:
    forbidden = (nn.modules.batchnorm._BatchNorm, nn.MultiheadAttention)
    assert not any(isinstance(m, forbidden) for m in build(name, COLOUR, 5).modules())


def test_defaults_take_both_image_sizes(name: str) -> None:
    for shape in (COLOUR, GREY):
        parameters = sum(one.numel() for one in build(name, shape, 10).parameters())
        assert 1e4 < parameters < 3e6


def test_weights_survive_safetensors(name: str, tmp_path: Path) -> None:
    model, twin = (build(name, GREY, 4, **SMALL[name]) for _ in range(2))
    images = torch.rand(2, *GREY)
    save_file(model.state_dict(), tmp_path / "weights.safetensors")
    twin.load_state_dict(load_file(tmp_path / "weights.safetensors"))
    with torch.no_grad():
        assert torch.equal(model.eval()(images), twin.eval()(images))


def test_every_parameter_gets_a_gradient(name: str) -> None:
    model = build(name, COLOUR, 5, **SMALL[name])
    model(torch.rand(2, *COLOUR)).square().sum().backward()
    missing = [n for n, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    assert not missing


def test_options_name_every_switch() -> None:
    switches = options("hierarchical-vit")
    assert {"heads", "attention", "patch", "depths", "map_noise", "norm_noise"} <= set(switches)
    assert "image" not in switches


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    with pytest.raises(UsageError, match="hierarchical-vit"):
        build("resnet-50", COLOUR, 10)


def test_an_unknown_option_is_answered_with_the_known_ones() -> None:
    with pytest.raises(UsageError, match=r"unknown option layers; it has .*depth.*width"):
        build("vit", COLOUR, 10, layers=3)


def test_batch_norm_is_refused_as_not_private() -> None:
    with pytest.raises(NotPrivate, match=r"records of a batch.*group, none"):
        build("cnn", COLOUR, 10, norm="BatchNorm")


@pytest.mark.parametrize(
    ("model", "chosen", "says"),
    [
        ("vit", {"patch": 5}, "patch: 5 does not divide"),
        ("vit", {"width": 30}, "no multiple of heads"),
        ("vit", {"depth": 0}, "depth: 0"),
        ("cnn", {"activation": "swish"}, "expected one of gelu, relu, tanh"),
        ("cnn", {"widths": (12,)}, "multiples of 8"),
        ("cnn", {"widths": (8,) * 6}, "below one"),
        ("wide-resnet", {"depth": 17}, "6 n"),
        ("wide-resnet", {"groups": 5}, "divisor of 16"),
        ("scatter-linear", {"groups": 7}, "does not divide 243"),
        ("scatter-linear", {"scales": 6}, "multiple of 2"),
        ("hierarchical-vit", {"attention": "local"}, "hierarchical, multi-head, threshold"),
        ("hierarchical-vit", {"depths": ()}, "one block or more"),
        ("hierarchical-vit", {"depths": (1,) * 8}, "below one"),
        ("hierarchical-vit", {"map_noise": float("nan")}, "map_noise"),
        ("hierarchical-vit", {"heads": True}, "whole number"),
    ],
)
def test_options_that_do_not_fit_are_refused(model: str, chosen: dict[str, Any], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        build(model, COLOUR, 10, **chosen)


@pytest.mark.parametrize("shape", [(3, 32), (0, 32, 32), (3.0, 32, 32)])
def test_a_shape_that_is_none_is_refused(shape: Any) -> None:
    with pytest.raises(UsageError, match="image"):
        build("cnn", shape, 10)
