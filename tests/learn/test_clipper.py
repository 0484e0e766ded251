# SPDX-License-Identifier: Apache-2.0
"""Clipping: no record's part is longer than the threshold, whatever it holds."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from polyveil.learn.clipper import GroupClipper, clip_weights
from polyveil.learn.contribution import PerRecord

numbers = st.floats(allow_nan=True, allow_infinity=True, width=32)


@given(st.lists(numbers, min_size=1, max_size=20), st.floats(1e-4, 1e4))
def test_one_record_is_at_most_the_threshold_long(values: list[float], threshold: float) -> None:
    weight = nn.Parameter(torch.zeros(len(values)))
    clipper = GroupClipper([threshold])
    clipper.group(0, [PerRecord((weight,), (torch.tensor([values]),))])
    assert float(clipper.sums[weight].double().norm()) <= threshold


def test_an_infinite_record_counts_as_zero_beside_a_finite_one() -> None:
    weight = nn.Parameter(torch.zeros(2))
    clipper = GroupClipper([1.0])
    rows = torch.tensor([[math.inf, 0.0], [3.0, 4.0], [math.nan, 1.0]])
    clipper.group(0, [PerRecord((weight,), (rows,))])
    assert torch.allclose(clipper.sums[weight], torch.tensor([0.6, 0.8]), atol=1e-5)


def test_a_group_of_two_uses_shares_one_norm() -> None:
    first, second = nn.Parameter(torch.zeros(1)), nn.Parameter(torch.zeros(1))
    clipper = GroupClipper([1.0])
    parts = [
        PerRecord((first,), (torch.tensor([[3.0]]),)),
        PerRecord((second,), (torch.tensor([[4.0]]),)),
    ]
    clipper.group(0, parts)
    assert math.isclose(float(clipper.sums[first]), 0.6, rel_tol=1e-4)
    assert math.isclose(float(clipper.sums[second]), 0.8, rel_tol=1e-4)


def test_counts_below_the_threshold_are_centred() -> None:
    weight = nn.Parameter(torch.zeros(1))
    clipper = GroupClipper([2.0])
    clipper.group(0, [PerRecord((weight,), (torch.tensor([[1.0], [2.0], [3.0]]),))])
    assert clipper.below.tolist() == [2 - 1.5]
    clipper.clear()
    assert clipper.below.tolist() == [0.0] and not clipper.sums


@pytest.mark.parametrize(
    ("squared", "weight"), [(0.0, 1.0), (4.0, 0.5), (math.inf, 0.0), (math.nan, 0.0)]
)
def test_the_table_of_weights(squared: float, weight: float) -> None:
    assert math.isclose(float(clip_weights(torch.tensor([squared]), 1.0)), weight, rel_tol=1e-5)
