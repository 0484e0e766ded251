# SPDX-License-Identifier: Apache-2.0
"""Streams agree with the naive twin that holds every record's gradient."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from polyveil.learn import streaming

torch.set_num_threads(1)


def clip(squared_norms):
    return (0.7 / squared_norms.sqrt()).clamp(max=1.0)


def naive(inputs, gradients):
    return torch.einsum("btp,btd->bpd", gradients, inputs)


@settings(max_examples=30, deadline=None)
@given(
    records=st.integers(1, 9),
    tokens=st.integers(1, 6),
    d=st.integers(1, 8),
    p=st.integers(1, 8),
    room=st.sampled_from([1, 50, 1 << 19]),
)
def test_every_part_size_gives_the_same(records, tokens, d, p, room):
    a, b = torch.randn(records, tokens, d), torch.randn(records, tokens, p)
    extra, each = torch.rand(records), naive(a, b)
    expected = each.square().sum((1, 2))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(streaming, "_ON_CPU", room)
        patch.setattr(streaming, "_kept", type(streaming._kept)())
        norms, total = streaming.clipped_in_one_pass(a, b, extra, clip)
        torch.testing.assert_close(streaming.streamed_norms(a, b), expected, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(streaming.gram_norms(a, b), expected, rtol=1e-4, atol=1e-3)
    torch.testing.assert_close(norms, expected + extra, rtol=1e-4, atol=1e-5)
    wanted = torch.einsum("b,bpd->pd", clip(expected + extra), each)
    torch.testing.assert_close(total, wanted, rtol=1e-4, atol=1e-4)
    assert total.is_contiguous()


def test_weighted_sum():
    a, b, weights = torch.randn(4, 3, 5), torch.randn(4, 3, 2), torch.rand(4)
    wanted = torch.einsum("b,bpd->pd", weights, naive(a, b))
    torch.testing.assert_close(streaming.weighted_sum(a, b, weights), wanted)
    swapped = streaming.weighted_sum(b, a, weights)
    torch.testing.assert_close(swapped, wanted.t())


def test_gram_norms_notice_what_cancels():
    """Two large tokens that nearly cancel leave a gradient that rounding must not hide."""
    a = torch.randn(50, 1, 30).expand(50, 2, 30) * 1e3
    b = torch.randn(50, 1, 20) * torch.tensor([1.0, -1.0])[None, :, None]
    b = b + torch.randn(50, 2, 20) * 1e-5
    exact = naive(a.double(), b.double()).square().sum((1, 2))
    torch.testing.assert_close(streaming.gram_norms(a, b).double(), exact, rtol=0.05, atol=0.0)


def test_parts_hold_what_fits():
    cpu = torch.device("cpu")
    assert streaming.records_at_once(1 << 16, 64, cpu) == 8
    assert streaming.records_at_once(1 << 30, 64, cpu) == 1
    assert streaming.records_at_once(10, 64, cpu) == 64
    assert streaming.records_at_once(0, 64, cpu) == 64
