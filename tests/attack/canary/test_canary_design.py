# SPDX-License-Identifier: Apache-2.0
"""Canaries: fair coins, the shapes of the data, no two alike."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from polyveil.attack.canary.design import Canaries, coins
from polyveil.attack.canary.marks import row_digests
from polyveil.attack.examples import Examples
from polyveil.errors import UsageError


def _data() -> Examples:
    draw = torch.Generator().manual_seed(0)
    return Examples(
        {
            "image": (torch.rand(8, 3, 16, 16, generator=draw) * 255).to(torch.uint8),
            "sound": torch.randn(8, 1, 400, generator=draw),
            "table": torch.randn(8, 30, generator=draw),
        },
        torch.zeros(8, dtype=torch.int64),
    )


def test_canaries_have_the_shapes_types_and_range_of_the_data() -> None:
    data, made = _data(), Canaries.like(_data(), count=50, classes=4, seed=1)
    for name, values in data.inputs.items():
        found = made.examples.inputs[name]
        assert found.shape == (50, *values.shape[1:])
        assert found.dtype == values.dtype
    sound = data.inputs["sound"]
    assert made.examples.inputs["sound"].max() == sound.max()
    assert set(made.examples.labels.tolist()) == {0, 1, 2, 3}


def test_no_two_are_alike() -> None:
    made = Canaries.like(_data(), count=2000, classes=4, seed=1)
    assert len(set(row_digests(made.examples.inputs))) == 2000


def test_coins_are_fair_independent_and_repeatable() -> None:
    heads = [int(coins(1000, seed=seed).sum()) for seed in range(300)]
    assert abs(np.mean(heads) - 500) < 4
    assert 13 < np.std(heads) < 19
    assert np.array_equal(coins(100, seed=3), coins(100, seed=3))
    together = np.stack([coins(1000, seed=seed) for seed in range(300)]).astype(float)
    lag = np.corrcoef(together[:, :-1].ravel(), together[:, 1:].ravel())[0, 1]
    assert abs(lag) < 0.01


def test_coins_do_not_follow_from_what_a_canary_looks_like() -> None:
    made = Canaries.like(_data(), count=4000, classes=4, seed=2)
    for label in range(4):
        share = made.included[made.examples.labels.numpy() == label].mean()
        assert abs(share - 0.5) < 0.06


def test_members_are_those_that_are_in() -> None:
    made = Canaries.like(_data(), count=20, classes=4, seed=5)
    assert len(made.members) == int(made.included.sum())
    first = int(np.flatnonzero(made.included)[0])
    assert torch.equal(made.members.inputs["sound"][0], made.examples.inputs["sound"][first])


def test_tokens_are_refused() -> None:
    words = Examples({"text": torch.zeros(4, 9, dtype=torch.int64)}, torch.zeros(4).long())
    with pytest.raises(UsageError, match="of your own records"):
        Canaries.like(words, count=10, classes=2, seed=0)
