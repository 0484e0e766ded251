# SPDX-License-Identifier: Apache-2.0
"""Linear layers: every way to the clipped sum equals autograd on each record alone."""

import operator

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from one_use import OneUse, agrees, alone, close, fixed, pull, watched
from torch import nn
from torch.nn import functional

from polyveil.learn import choice
from polyveil.learn.rules.linear import RULES, LinearContribution

torch.set_num_threads(1)
WAYS = ("streamed", "gram")


def layer(d, p, *, bias=True):
    torch.manual_seed(d * 31 + p)
    return nn.Linear(d, p, bias=bias)


@settings(max_examples=40, deadline=None)
@given(
    records=st.integers(1, 5),
    rows=st.integers(1, 3),
    tokens=st.lists(st.integers(1, 5), max_size=2),
    d=st.integers(1, 9),
    p=st.integers(1, 9),
    bias=st.booleans(),
    way=st.sampled_from(WAYS),
)
def test_every_way_equals_each_record_alone(records, rows, tokens, d, p, bias, way):
    model = layer(d, p, bias=bias)
    data = torch.randn(records * rows, *tokens, d)
    use, output, to_input = watched(RULES, model, data, records)
    expected, plain = alone(model, data, records)
    (contribution,) = use.contributions
    assert all(map(operator.is_, contribution.parameters, model.parameters()))
    close(output, model(data).detach())
    close(to_input, plain)
    with choice.pinned(way):
        agrees(contribution, expected)


def test_torch_func_agrees():
    model, data = layer(7, 5), torch.randn(6, 4, 7)
    factor = pull(model(data).detach())
    values = {name: one.detach() for name, one in model.named_parameters()}

    def loss(values, record, weight):
        return (torch.func.functional_call(model, values, (record,)) * weight).sum()

    gradients = torch.func.vmap(torch.func.grad(loss), (None, 0, 0))(values, data, factor)
    use, _, _ = watched(RULES, model, data, 6)
    agrees(use.contributions[0], tuple(gradients.values()))


@pytest.mark.parametrize("way", WAYS)
def test_more_records_than_fit_in_the_cache(way):
    model, data = layer(130, 200), torch.randn(13, 3, 130)
    use, _, _ = watched(RULES, model, data, 13)
    with choice.pinned(way):
        agrees(use.contributions[0], alone(model, data, 13)[0])


def test_the_timed_way_is_right_too():
    choice.forget()
    model, data = layer(40, 30), torch.randn(8, 16, 40)
    use, _, _ = watched(RULES, model, data, 8)
    agrees(use.contributions[0], alone(model, data, 8)[0])


@pytest.mark.parametrize("frozen", ["weight", "bias"])
def test_half_frozen(frozen):
    model, data = layer(6, 4), torch.randn(3, 5, 6)
    getattr(model, frozen).requires_grad_(False)
    use, _, to_input = watched(RULES, model, data, 3)
    expected, plain = alone(model, data, 3)
    close(to_input, plain)
    agrees(use.contributions[0], expected)


@pytest.mark.parametrize(
    "data",
    [torch.randn(5, 4, 6).transpose(1, 2), torch.randn(4, 3, 5).permute(1, 0, 2)],
    ids=["inner", "record"],
)
def test_strided_inputs(data):
    model = layer(data.shape[-1], 7)
    use, _, to_input = watched(RULES, model, data, data.shape[0])
    expected, plain = alone(model, data, data.shape[0])
    close(to_input, plain)
    agrees(use.contributions[0], expected)


def test_expanded_output_gradient():
    model, data = layer(6, 4), torch.randn(3, 5, 6)
    use = OneUse(3)
    output = RULES[functional.linear](use, functional.linear, (data, model.weight), {})
    output.backward(torch.ones(()).expand(3, 5, 4))
    expected = data.sum(1)[:, None, :].expand(3, 4, 6)
    agrees(use.contributions[0], (expected,))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("broken", [float("nan"), float("inf")])
@pytest.mark.parametrize("tokens", [1, 4])
def test_a_broken_record_leaves_no_trace(way, broken, tokens):
    model, data = layer(6, 4), torch.randn(5, tokens, 6)
    data[2, 0, 0] = broken
    rule = fixed(0.5)
    use, _, _ = watched(RULES, model, data, 5)
    whole = torch.cat([data[:2], data[3:]])
    factor = pull(torch.empty(5, tokens, 4))
    left, _, _ = watched(RULES, model, whole, 4, torch.cat([factor[:2], factor[3:]]))
    with choice.pinned(way):
        norms, totals = use.contributions[0].clipped(rule)
        again = use.contributions[0].weighted_sum(rule(norms))
        _, wanted = left.contributions[0].clipped(rule)
    assert not torch.isfinite(norms[2])
    for got, same, known in zip(totals, again, wanted, strict=True):
        close(got, known)
        close(same, known)


def test_autocast_keeps_norms_and_sums_in_float32():
    model, data = layer(32, 16), torch.randn(4, 8, 32)
    use = OneUse(4)
    leaf = data.clone().requires_grad_()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        arguments = (leaf, model.weight, model.bias)
        output = RULES[functional.linear](use, functional.linear, arguments, {})
        assert output.dtype == torch.bfloat16
        factor = pull(output)
        output.backward(factor)
    assert leaf.grad.dtype == torch.float32
    low, wide = data.bfloat16().float(), factor.float()
    agrees(use.contributions[0], (torch.einsum("btp,btd->bpd", wide, low), wide.sum(1)))


def test_reached_although_no_input_needs_a_gradient():
    model, use = layer(3, 2), OneUse(2)
    arguments = (torch.randn(2, 3), model.weight, model.bias)
    RULES[functional.linear](use, functional.linear, arguments, {}).sum().backward()
    assert len(use.contributions) == 1
    assert model.weight.grad is None


@pytest.mark.parametrize("tokens", [(3, 3), (2, 5)])
def test_two_uses_of_one_layer_are_summed_before_the_norm(tokens):
    model = layer(6, 4)
    first, second = (torch.randn(5, count, 6) for count in tokens)
    parts, expected = [], []
    for data in (first, second):
        use, _, _ = watched(RULES, model, data, 5)
        parts += use.contributions
        expected.append(alone(model, data, 5)[0])
    joined = parts[0].joined(parts[1])
    assert isinstance(joined, LinearContribution)
    agrees(joined, tuple(a + b for a, b in zip(*expected, strict=True)))


def test_tied_weights_with_other_biases_are_joined_by_record():
    one, two = layer(6, 4), layer(6, 4)
    two.weight = one.weight
    data = torch.randn(5, 3, 6)
    parts, expected = [], []
    for model in (one, two):
        use, _, _ = watched(RULES, model, data, 5)
        parts += use.contributions
        expected.append(alone(model, data, 5)[0])
    joined = parts[0].joined(parts[1])
    assert [id(p) for p in joined.parameters] == [id(one.weight), id(one.bias), id(two.bias)]
    weights = expected[0][0] + expected[1][0]
    agrees(joined, (weights, expected[0][1], expected[1][1]))


def test_streaming_holds_few_gradients_at_once():
    """256 records' gradients of this layer together would be 67 MB."""
    a, b = torch.randn(256, 4, 256), torch.randn(256, 4, 256)
    parameter = nn.Parameter(torch.zeros(256, 256))
    contribution = LinearContribution((parameter,), a, b)
    with choice.pinned("streamed"):
        held = _largest_held(lambda: contribution.clipped(fixed(1.0)))
    assert held < 4e6


def _largest_held(work):
    with torch.profiler.profile(profile_memory=True) as profile:
        work()
    return max(event.self_cpu_memory_usage for event in profile.events())


def test_leaves_to_others_what_it_does_not_cover():
    weight, rule = nn.Parameter(torch.randn(4, 6)), RULES[functional.linear]

    def asked(*operands):
        return rule(OneUse(2), functional.linear, operands, {})

    assert asked(torch.randn(6), weight) is NotImplemented  # no dimension for records
    assert asked(torch.randn(7, 6), weight) is NotImplemented  # no multiple of the records
    assert asked(torch.randn(2, 6), weight * 2) is NotImplemented
    assert asked(nn.Parameter(torch.randn(2, 6)), weight) is NotImplemented
    assert asked(torch.randn(2, 6), weight) is not NotImplemented
