# SPDX-License-Identifier: Apache-2.0
"""Convolutions: every way to a record's gradient equals autograd on that record alone."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from one_use import OneUse
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from polyveil.learn import choice
from polyveil.learn.rules import convolution_gram
from polyveil.learn.rules.convolution import RULES
from polyveil.learn.rules.convolution_factors import Factors, Geometry
from polyveil.learn.rules.convolution_products import Grouped

torch.set_num_threads(1)


class Watch(TorchFunctionMode):
    """Sends every convolution by a parameter to its rule."""

    def __init__(self, use):
        super().__init__()
        self.use = use

    def __torch_function__(self, func, types, args=(), kwargs=None):
        if func in RULES:
            return RULES[func](self.use, func, args, kwargs or {})
        return func(*args, **(kwargs or {}))


def watched(layer, data, records, seed=0):
    """(contributions, output, input gradient) of a pass with a random linear loss."""
    use = OneUse(records)
    data = data.detach().clone(memory_format=torch.preserve_format).requires_grad_()
    with Watch(use):
        output = layer(data)
    output.backward(pull(output, seed))
    return use.contributions, output.detach(), data.grad


def pull(output, seed):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(output.shape, generator=generator).to(output.dtype)


def alone(layer, data, records, seed=0):
    """The naive twin: every record's gradient by autograd on that record alone."""
    rows = data.shape[0] // records
    factor = pull(layer(data).detach(), seed)
    gradients = []
    for record in range(records):
        own = slice(record * rows, (record + 1) * rows)
        output = layer(data[own])
        gradients.append(
            torch.autograd.grad(output, list(layer.parameters()), factor[own].to(output.dtype))
        )
    return tuple(torch.stack(parts) for parts in zip(*gradients, strict=True))


def agrees(layer, data, records, tolerance=1e-4):
    contributions, output, to_input = watched(layer, data, records)
    expected = alone(layer, data, records)
    (contribution,) = contributions
    assert contribution.records == records
    assert contribution.parameters == tuple(layer.parameters())

    def close(got, wanted):
        assert got.dtype == torch.float32
        scale = float(wanted.abs().max()) + 1e-6
        torch.testing.assert_close(got, wanted.float(), rtol=tolerance, atol=tolerance * scale)

    for got, wanted in zip(contribution.per_record(), expected, strict=True):
        close(got, wanted)
    norms = sum(part.flatten(1).square().sum(1) for part in expected)
    close(contribution.squared_norms(), norms)
    weights = torch.rand(records)
    for got, wanted in zip(contribution.weighted_sum(weights), expected, strict=True):
        close(got, torch.tensordot(weights, wanted.float(), 1))

    def rule(squares):
        return 1 / (1 + squares)

    squares, sums = contribution.clipped(rule)
    close(squares, norms)
    for got, wanted in zip(sums, expected, strict=True):
        close(got, torch.tensordot(rule(norms.float()), wanted.float(), 1))
    reference = data.detach().clone().requires_grad_()
    plain = layer(reference)
    plain.backward(pull(plain, 0))
    torch.testing.assert_close(output, plain.detach())
    close(to_input, reference.grad)


LAYERS = {
    1: (torch.nn.Conv1d, torch.nn.ConvTranspose1d),
    2: (torch.nn.Conv2d, torch.nn.ConvTranspose2d),
    3: (torch.nn.Conv3d, torch.nn.ConvTranspose3d),
}


@st.composite
def cases(draw):
    dimensions = draw(st.integers(1, 3))
    transposed = draw(st.booleans())
    groups = draw(st.sampled_from((1, 1, 2, 3)))
    each = st.integers(1, 3)
    kernel = [draw(each) for _ in range(dimensions)]
    stride = [draw(st.integers(1, 2)) for _ in range(dimensions)]
    dilation = [draw(st.integers(1, 2)) for _ in range(dimensions)]
    padding = [draw(st.integers(0, 2)) for _ in range(dimensions)]
    channels_in, channels_out = groups * draw(each), groups * draw(each)
    space = [draw(st.integers(5, 7)) for _ in range(dimensions)]
    options = {"stride": stride, "dilation": dilation, "groups": groups}
    options["bias"] = draw(st.booleans())
    if transposed:
        options["output_padding"] = [
            draw(st.integers(0, max(s, d) - 1)) for s, d in zip(stride, dilation, strict=True)
        ]
    layer = LAYERS[dimensions][transposed](
        channels_in, channels_out, kernel, padding=padding, **options
    )
    records, rows = draw(st.integers(1, 5)), draw(st.sampled_from((1, 1, 2)))
    return layer, torch.randn(records * rows, channels_in, *space), records


@settings(max_examples=60, deadline=None)
@given(cases())
def test_equals_autograd_on_each_record(case):
    agrees(*case)


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("kernel", [2, 3])
def test_padding_by_name(padding, kernel):
    agrees(torch.nn.Conv2d(3, 4, kernel, padding=padding), torch.randn(4, 3, 6, 6), 4)


@pytest.mark.parametrize("mode", ["reflect", "circular", "replicate"])
def test_padding_done_by_the_module(mode):
    layer = torch.nn.Conv2d(3, 4, 3, padding=1, padding_mode=mode)
    agrees(layer, torch.randn(4, 3, 6, 6), 4)


def test_depthwise():
    agrees(torch.nn.Conv2d(8, 8, 3, padding=1, groups=8), torch.randn(5, 8, 6, 6), 5)


def test_channels_last():
    data = torch.randn(5, 16, 8, 8).contiguous(memory_format=torch.channels_last)
    agrees(torch.nn.Conv2d(16, 32, 3, padding=1), data, 5)


def test_not_contiguous():
    agrees(torch.nn.Conv2d(4, 6, 3), torch.randn(6, 6, 5, 4).transpose(1, 3), 5 + 1)


def test_a_frozen_weight_or_bias_is_left_out():
    for frozen in ("weight", "bias"):
        layer = torch.nn.Conv2d(3, 4, 3)
        getattr(layer, frozen).requires_grad_(False)
        data = torch.randn(4, 3, 6, 6)
        (contribution,), _, _ = watched(layer, data, 4)
        (parameter,) = contribution.parameters
        assert parameter is getattr(layer, "bias" if frozen == "weight" else "weight")
        getattr(layer, frozen).requires_grad_(True)
        index = 1 if frozen == "weight" else 0
        wanted = alone(layer, data, 4)[index]
        torch.testing.assert_close(contribution.per_record()[0], wanted, rtol=1e-4, atol=1e-4)


def test_first_layer_without_input_gradient():
    layer, use = torch.nn.Conv2d(3, 4, 3), OneUse(4)
    data = torch.randn(4, 3, 6, 6)
    with Watch(use):
        output = layer(data)
    output.backward(pull(output, 0))
    for got, wanted in zip(use.contributions[0].per_record(), alone(layer, data, 4), strict=True):
        torch.testing.assert_close(got, wanted, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("channels", [3, 16])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_broken_record_leaves_no_trace_at_weight_zero(channels, value):
    layer = torch.nn.Conv2d(channels, 16, 3, padding=1)
    data = torch.randn(6, channels, 8, 8)
    broken = data.clone()
    broken[2] = value
    weights = torch.rand(6)
    weights[2] = 0
    (whole,), _, _ = watched(layer, data, 6)
    (hurt,), _, _ = watched(layer, broken, 6)
    norms = hurt.squared_norms()
    assert not torch.isfinite(norms[2])
    kept = torch.arange(6) != 2
    torch.testing.assert_close(norms[kept], whole.squared_norms()[kept])
    expected = whole.weighted_sum(weights)
    _, clipped = hurt.clipped(lambda squares: torch.where(squares.isfinite(), weights, 0.0))
    for got, also, wanted in zip(hurt.weighted_sum(weights), clipped, expected, strict=True):
        torch.testing.assert_close(got, wanted)
        torch.testing.assert_close(also, wanted)


def test_mixed_precision():
    layer, data = torch.nn.Conv2d(16, 16, 3, padding=1), torch.randn(4, 16, 8, 8)
    with torch.autocast("cpu", torch.bfloat16):
        (contribution,), output, to_input = watched(layer, data, 4)
        plain = layer(data)
    assert output.dtype == plain.dtype == torch.bfloat16 and to_input.dtype == torch.float32
    torch.testing.assert_close(output, plain.detach())
    exact = torch.nn.Conv2d(16, 16, 3, padding=1)
    exact.load_state_dict(layer.state_dict())
    wanted = alone(exact, data.bfloat16().float(), 4)
    for got, reference in zip(contribution.per_record(), wanted, strict=True):
        assert got.dtype == torch.float32
        torch.testing.assert_close(got, reference, rtol=0.02, atol=0.3)


def test_a_weight_used_twice():
    layer, data = torch.nn.Conv2d(4, 4, 3, padding=1), torch.randn(5, 4, 6, 6)
    twice = torch.nn.Sequential(layer, layer)
    (second, first), _, _ = watched(twice, data, 5)
    both = first.joined(second)
    wanted = alone(twice, data, 5)
    norms = sum(part.flatten(1).square().sum(1) for part in wanted)
    torch.testing.assert_close(both.squared_norms(), norms, rtol=1e-4, atol=1e-3)
    sums = both.weighted_sum(torch.ones(5))
    for got, reference in zip(sums, wanted, strict=True):
        torch.testing.assert_close(got, reference.sum(0), rtol=1e-4, atol=1e-3)


def test_what_cannot_be_split_into_records_is_left_to_the_fall_back():
    layer, rule = torch.nn.Conv2d(3, 4, 3), RULES[torch.conv2d]
    data = torch.randn(4, 3, 6, 6)
    for inputs, weight, records in (
        (data[0], layer.weight, 3),
        (data, layer.weight, 3),
        (data, layer.weight * 2, 4),
        (torch.nn.Parameter(data), layer.weight, 4),
    ):
        use = OneUse(records)
        assert rule(use, torch.conv2d, (inputs, weight), {}) is NotImplemented
        assert not use.contributions


def norms_by(way, contribution):
    with choice.pinned(way):
        return contribution.squared_norms()


@pytest.mark.parametrize("rows", [1, 2])
@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("stride", [1, 2])
def test_all_ways_agree(rows, last, groups, stride):
    layer = torch.nn.Conv2d(16, 32, 3, padding=1, stride=stride, groups=groups)
    data = torch.randn(5 * rows, 16, 6, 6)
    if last:
        data = data.contiguous(memory_format=torch.channels_last)
        layer = layer.to(memory_format=torch.channels_last)
    (contribution,), _, _ = watched(layer, data, 5)
    norms = sum(part.flatten(1).square().sum(1) for part in alone(layer, data, 5))
    weights = torch.rand(5)
    wanted = contribution.weighted_sum(weights)
    for way in ("groups", "large groups", "patches", "gram"):
        torch.testing.assert_close(norms_by(way, contribution), norms, rtol=1e-3, atol=1e-3)
        with choice.pinned(way):
            squares, sums = contribution.clipped(lambda squares: weights)
        torch.testing.assert_close(squares, norms, rtol=1e-3, atol=1e-3)
        for got, expected in zip(sums, wanted, strict=True):
            torch.testing.assert_close(got, expected, rtol=1e-3, atol=1e-3)


def test_gram_norms_never_fall_short_where_terms_cancel():
    """The image is all but constant and the signal sums to zero: what is left is rounding."""
    image = 1e4 + torch.randn(64, 16, 6, 6)
    signal = torch.randn(64, 16, 4, 4)
    signal -= signal.mean((2, 3), keepdim=True)
    geometry = Geometry((16, 16, 3, 3), (1, 1), (0, 0), (1, 1), 1)
    exact = Factors(image.double(), signal.double(), geometry, 64)
    short = Factors(image, signal, geometry, 64)
    assert convolution_gram.worth_trying(short)
    lengths = Grouped(exact, 1 << 20).gradients(0, 64).square().sum(1)
    assert (convolution_gram.squared_norms(short) >= lengths).all()


def test_a_chunk_is_all_that_is_held():
    """256 records of 147,456 numbers would be 151 MB; no allocation comes near a tenth."""
    layer = torch.nn.Conv2d(128, 128, 3, padding=1)
    (contribution,), _, _ = watched(layer, torch.randn(256, 128, 4, 4), 256)
    for way in ("groups", "patches", "gram"):
        with choice.pinned(way), Largest() as largest:
            contribution.clipped(torch.ones_like)
        assert 0 < largest.bytes <= 10 << 20, way


class Largest(TorchDispatchMode):
    """Bytes of the largest tensor that any operation returns."""

    bytes = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        for one in result if isinstance(result, (tuple, list)) else (result,):
            if isinstance(one, torch.Tensor):
                self.bytes = max(self.bytes, one.numel() * one.element_size())
        return result
