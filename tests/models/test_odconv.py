# SPDX-License-Identifier: Apache-2.0
"""Dynamic convolution: equal to a loop over records, each with a kernel of its own."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional

from polyveil.errors import UsageError
from polyveil.learn.private import PrivateTraining
from polyveil.models.odconv import ODConv, ODConvConfig
from polyveil.models.odconv_attention import Attentions, OmniAttention, anneal, temperature_at

FORMS = st.fixed_dictionaries(
    {
        "dimensions": st.integers(1, 2),
        "size": st.integers(1, 3),
        "groups": st.integers(1, 3),
        "each_in": st.integers(1, 3),
        "each_out": st.integers(1, 3),
        "stride": st.integers(1, 2),
        "padding": st.integers(0, 2),
        "dilation": st.integers(1, 2),
        "kernels": st.integers(1, 3),
        "records": st.integers(1, 4),
        "space": st.integers(5, 8),
    }
)


def convolution(form: dict[str, int]) -> tuple[ODConv, Tensor]:
    """A network of that form, its weights and an input drawn from a fixed seed."""
    torch.manual_seed(sum(form.values()))
    channels = form["groups"] * form["each_in"]
    config = ODConvConfig(
        channels,
        form["groups"] * form["each_out"],
        (form["size"], form["size"] + 1)[: form["dimensions"]],
        *(form[name] for name in ("stride", "padding", "dilation", "groups", "kernels")),
    )
    layer = ODConv(config)
    layer.attention.set_temperature(0.5)  # attentions that differ more between records
    space = (form["space"], form["space"] + 2)[: form["dimensions"]]
    return layer, torch.randn(form["records"], channels, *space)


def by_hand(layer: ODConv, x: Tensor) -> Tensor:
    """Record after record: mix the kernels, weigh, and call torch's own convolution."""
    config = layer.config
    convolve = (functional.conv1d, functional.conv2d)[len(config.kernel) - 1]
    shape = (config.filters, -1, config.channels // config.groups, *config.kernel)
    kernels = layer.weight.reshape(shape)
    rows = []
    for row in x:
        found = layer.attention(row[None])
        mixture = torch.ones(1) if found.kernel is None else found.kernel[0]
        weight = sum(share * kernels[:, k] for k, share in enumerate(mixture))
        if found.spatial is not None:
            weight = weight * found.spatial[0].reshape(config.kernel)
        ones = (1,) * len(config.kernel)
        y = convolve(
            (row * found.channel[0].reshape(-1, *ones))[None],
            weight,
            None,
            config.stride,
            config.padding,
            config.dilation,
            config.groups,
        )[0]
        rows.append(y if found.filter is None else y * found.filter[0].reshape(-1, *ones))
    return torch.stack(rows)


@settings(max_examples=60, deadline=None)
@given(FORMS)
def test_equals_a_loop_over_records(form: dict[str, int]) -> None:
    layer, x = convolution(form)
    twin = by_hand(layer, x)
    torch.testing.assert_close(layer(x), twin, atol=2e-5, rtol=1e-4)
    assert layer.config.output(tuple(x.shape[2:])) == tuple(twin.shape[2:])
    taken = torch.autograd.grad(layer(x).square().sum(), list(layer.parameters()))
    expected = torch.autograd.grad(twin.square().sum(), list(layer.parameters()))
    for one, other in zip(taken, expected, strict=True):
        torch.testing.assert_close(one, other, atol=1e-3, rtol=1e-3)


@settings(max_examples=30, deadline=None)
@given(FORMS)
def test_patches_are_the_same_where_it_is_exported(form: dict[str, int]) -> None:
    layer, x = convolution(form)
    assert torch.equal(layer._shifted(x), layer._patches(x))


class AllOnes(nn.Module):
    """Attentions that change nothing; of K kernels the last is chosen."""

    def __init__(self, config: ODConvConfig) -> None:
        super().__init__()
        self.config = config

    def forward(self, x: Tensor) -> Attentions:
        c, records = self.config, x.shape[0]
        last = functional.one_hot(torch.tensor([c.kernels - 1]), c.kernels).float()
        return Attentions(
            torch.ones(records, c.channels),
            torch.ones(records, c.filters),
            torch.ones(records, c.positions),
            last.expand(records, -1),
        )


@settings(max_examples=25, deadline=None)
@given(FORMS)
def test_is_a_plain_convolution_where_every_attention_is_one(form: dict[str, int]) -> None:
    layer, x = convolution(form)
    config = layer.config
    layer.attention = AllOnes(config)  # type: ignore[assignment]
    plain = (nn.Conv1d, nn.Conv2d)[len(config.kernel) - 1](
        config.channels,
        config.filters,
        config.kernel,  # type: ignore[arg-type]
        config.stride,
        config.padding,
        config.dilation,
        config.groups,
        bias=False,
    )
    with torch.no_grad():
        plain.weight.copy_(
            layer.weight[config.kernels - 1 :: config.kernels].reshape(plain.weight.shape)
        )
    torch.testing.assert_close(layer(x), plain(x), atol=2e-5, rtol=1e-4)


@settings(max_examples=20, deadline=None)
@given(FORMS)
def test_a_record_sees_nothing_of_the_others(form: dict[str, int]) -> None:
    layer, x = convolution({**form, "records": 3})
    x.requires_grad_()
    (gradient,) = torch.autograd.grad(layer(x)[1].sum(), x)
    assert not gradient[[0, 2]].any()
    torch.testing.assert_close(layer(x)[1:2], layer(x[1:2]), atol=1e-6, rtol=1e-5)


def test_attentions_have_the_stated_ranges_and_sizes() -> None:
    torch.manual_seed(0)
    found = OmniAttention(40, 24, 9, 4, 1 / 16)(torch.randn(5, 40, 6, 6))
    sizes = [None if one is None else tuple(one.shape) for one in found]
    assert sizes == [(5, 40), (5, 24), (5, 9), (5, 4)]
    for one in found[:3]:
        assert one is not None and ((one > 0) & (one < 1)).all()
    torch.testing.assert_close(found[3].sum(1), torch.ones(5))


@pytest.mark.parametrize(("channels", "width"), [(8, 16), (256, 16), (300, 18), (512, 32)])
def test_the_descriptor_is_a_sixteenth_but_at_least_sixteen(channels: int, width: int) -> None:
    assert OmniAttention(channels, 0, 1, 1, 1 / 16).squeeze.out_features == width


def test_attentions_with_nothing_to_choose_are_left_out() -> None:
    point = ODConv(ODConvConfig(8, 4, (1, 1), kernels=2)).attention
    assert (point.spatial, point.kernel is None, point.filter is None) == (None, False, False)
    single = ODConv(ODConvConfig(8, 4, (3, 3))).attention
    assert (single.kernel, single.spatial is None) == (None, False)
    depthwise = ODConv(ODConvConfig(8, 8, (3,), groups=8)).attention
    assert (depthwise.filter, depthwise.spatial is None) == (None, False)


def test_temperature_falls_from_thirty_to_one_in_ten_epochs() -> None:
    assert [temperature_at(epoch) for epoch in (0, 5, 10, 400)] == [30.0, 15.5, 1.0, 1.0]
    network = nn.Sequential(ODConv(ODConvConfig(3, 8, (3, 3))), nn.ReLU())
    assert anneal(network, 2.5) == pytest.approx(22.75)
    again = nn.Sequential(ODConv(ODConvConfig(3, 8, (3, 3))), nn.ReLU())
    again.load_state_dict(network.state_dict())
    assert again[0].attention.temperature.item() == pytest.approx(22.75)


def test_a_hot_network_treats_every_record_alike() -> None:
    torch.manual_seed(0)
    layer, x = ODConv(ODConvConfig(4, 6, (3, 3), kernels=4)), torch.randn(20, 4, 8, 8)
    spread = []
    for temperature in (1.0, 1000.0):
        layer.attention.set_temperature(temperature)
        spread.append(layer.attention(x).kernel.std(0).max().item())
    assert spread[1] < 0.01 * spread[0]


@pytest.mark.parametrize("clipping", ["per-layer", "flat"])
def test_private_training_covers_it_without_a_fall_back(clipping: str) -> None:
    torch.manual_seed(0)
    network = nn.Sequential(
        ODConv(ODConvConfig(1, 4, (3, 3), stride=2, padding=1, kernels=2)),
        nn.GroupNorm(1, 4),
        nn.Tanh(),
        nn.Flatten(),
        nn.Linear(64, 2),
    )
    data = torch.randn(60, 1, 8, 8), torch.arange(60) % 2
    optimizer = torch.optim.SGD(network.parameters(), 0.1)
    private = PrivateTraining(
        network, optimizer, data, epsilon=5.0, batch_size=20, epochs=1, clipping=clipping,
        secret=bytes(32),
    )  # fmt: skip
    for images, labels in private.batches():
        private.backward(functional.cross_entropy(network(images), labels, reduction="none"))
        optimizer.step()
    assert private.guarantee() is not None
    assert not private._attachment._fallbacks


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"kernel": (3, 3, 3)}, "kernel"),
        ({"kernel": (0,)}, "kernel"),
        ({"groups": 3}, "groups"),
        ({"kernels": 0}, "kernels"),
        ({"reduction": 0.0}, "reduction"),
        ({"padding": -1}, "padding"),
    ],
)
def test_a_shape_that_cannot_be_is_refused_by_name(wrong: dict[str, object], named: str) -> None:
    with pytest.raises(UsageError, match=f"^{named}"):
        ODConvConfig(**({"channels": 8, "filters": 4, "kernel": (3, 3)} | wrong))  # type: ignore[arg-type]


@pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan"), float("inf")])
def test_a_temperature_that_cannot_be_is_refused(temperature: float) -> None:
    with pytest.raises(UsageError, match="temperature"):
        OmniAttention(3, 0, 1, 1, 1.0).set_temperature(temperature)
    with pytest.raises(UsageError, match="epoch"):
        temperature_at(-1 if temperature <= 0 else temperature)
