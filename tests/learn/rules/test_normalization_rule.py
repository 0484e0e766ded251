# SPDX-License-Identifier: Apache-2.0
"""LayerNorm, GroupNorm, RMSNorm: each record's gradient equals autograd on that record alone."""

import operator

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from one_use import OneUse, agrees, alone, close, watched
from torch import nn
from torch.nn import functional

from polyveil.learn.rules.normalization import RULES

torch.set_num_threads(1)


def equals_each_record_alone(model, data, records, tolerance=2e-5):
    for index, one in enumerate(model.parameters()):
        torch.manual_seed(index)
        nn.init.normal_(one, mean=1.0)
    use, output, to_input = watched(RULES, model, data, records)
    expected, plain = alone(model, data, records)
    close(output, model(data).detach())
    close(to_input, plain, tolerance)
    (contribution,) = use.contributions
    trainable = [one for one in model.parameters() if one.requires_grad]
    assert all(map(operator.is_, contribution.parameters, trainable))
    agrees(contribution, expected, tolerance)


@settings(max_examples=30, deadline=None)
@given(
    records=st.integers(1, 4),
    rows=st.integers(1, 3),
    tokens=st.lists(st.integers(1, 4), max_size=2),
    own=st.lists(st.integers(2, 6), min_size=1, max_size=2),
    bias=st.booleans(),
)
def test_layer_norm(records, rows, tokens, own, bias):
    data = torch.randn(records * rows, *tokens, *own) * 2 + 1
    equals_each_record_alone(nn.LayerNorm(own, bias=bias), data, records, 2e-4)


@settings(max_examples=30, deadline=None)
@given(
    records=st.integers(1, 4),
    rows=st.integers(1, 3),
    tokens=st.lists(st.integers(1, 4), max_size=2),
    own=st.lists(st.integers(2, 6), min_size=1, max_size=2),
)
def test_rms_norm(records, rows, tokens, own):
    data = torch.randn(records * rows, *tokens, *own)
    equals_each_record_alone(nn.RMSNorm(own), data, records, 2e-4)


@settings(max_examples=30, deadline=None)
@given(
    records=st.integers(1, 4),
    rows=st.integers(1, 3),
    groups=st.integers(1, 3),
    width=st.integers(1, 3),
    sides=st.lists(st.integers(2, 4), min_size=1, max_size=3),
)
def test_group_norm(records, rows, groups, width, sides):
    data = torch.randn(records * rows, groups * width, *sides)
    equals_each_record_alone(nn.GroupNorm(groups, groups * width), data, records, 2e-4)


def test_group_norm_of_channels_last():
    data = torch.randn(3, 4, 5, 5).contiguous(memory_format=torch.channels_last)
    model = nn.GroupNorm(2, 4)
    use, output, to_input = watched(RULES, model, data, 3)
    expected, plain = alone(model, data.contiguous(), 3)
    close(output, model(data).detach())
    close(to_input, plain, 2e-4)
    agrees(use.contributions[0], expected, 2e-4)


def test_layer_norm_of_strided_inputs():
    equals_each_record_alone(nn.LayerNorm(5), torch.randn(4, 5, 3).transpose(1, 2), 4, 2e-4)


@pytest.mark.parametrize("frozen", ["weight", "bias"])
@pytest.mark.parametrize("kind", ["layer", "group"])
def test_half_frozen(kind, frozen):
    model = nn.LayerNorm(6) if kind == "layer" else nn.GroupNorm(3, 6)
    data = torch.randn(4, 5, 6) if kind == "layer" else torch.randn(4, 6, 5)
    getattr(model, frozen).requires_grad_(False)
    equals_each_record_alone(model, data, 4, 2e-4)


@pytest.mark.parametrize("model", [nn.LayerNorm(6), nn.RMSNorm(6)], ids=["layer", "rms"])
def test_large_means_lose_nothing(model):
    equals_each_record_alone(model, torch.randn(3, 4, 6) + 300.0, 3, 1e-3)


@pytest.mark.parametrize("model", [nn.LayerNorm(16), nn.RMSNorm(16), nn.GroupNorm(4, 16)])
def test_autocast_like_plain(model):
    data = torch.randn(3, 16, 16).bfloat16()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        use, output, to_input = watched(RULES, model, data, 3)
        plain = model(data)
    assert output.dtype == plain.dtype
    assert to_input.dtype == torch.bfloat16
    assert all(one.dtype == torch.float32 for one in use.contributions[0].per_record())
    close(output.float(), plain.detach().float(), 2e-2)


def test_torch_level_functions_have_the_same_rule():
    weight, bias = nn.Parameter(torch.ones(4)), nn.Parameter(torch.zeros(4))
    data = torch.randn(2, 3, 4)
    use = OneUse(2)
    rule = RULES[torch.layer_norm]
    output = rule(use, torch.layer_norm, (data, [4], weight, bias, 1e-5, True), {})
    close(output.detach(), functional.layer_norm(data, [4], weight, bias).detach())


def test_leaves_to_others_what_it_does_not_cover():
    weight, data = nn.Parameter(torch.ones(6)), torch.randn(4, 6)

    def asked(records, data, shape, weight):
        use, rule = OneUse(records), RULES[functional.layer_norm]
        return rule(use, functional.layer_norm, (data, shape, weight), {})

    both = nn.Parameter(torch.ones(4, 6))
    assert asked(4, data, (4, 6), both) is NotImplemented  # normalises over records
    assert asked(3, data, (6,), weight) is NotImplemented
    assert asked(4, nn.Parameter(data), (6,), weight) is NotImplemented
    assert asked(4, data, (6,), weight * 2) is NotImplemented
    assert asked(4, data, (6,), weight) is not NotImplemented
