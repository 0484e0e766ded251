# SPDX-License-Identifier: Apache-2.0
"""The probe: records that mix are found from the graph, whatever mixes them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from polyveil.errors import NotPrivate
from polyveil.learn.forward_pass import ForwardPass
from polyveil.learn.group import by_module
from polyveil.learn.probe import records_apart
from polyveil.learn.rules.registry import RULES
from polyveil.learn.watch import Watch


def probed(forward: Callable[[nn.Linear, Tensor], Tensor], records: int = 4) -> bool:
    """Runs a pass whose losses are forward(layer, inputs), and probes it."""
    torch.manual_seed(0)
    layer, grouping = nn.Linear(3, 3), None
    grouping = by_module(layer)
    watched = ForwardPass(grouping, records, lambda group, parts: None)
    with Watch(RULES, list(layer.parameters()), watched):
        losses = forward(layer, torch.randn(records, 3))
    return records_apart(losses, watched, grouping)


def test_records_side_by_side_pass() -> None:
    assert probed(lambda layer, x: layer(x).square().sum(1))


@pytest.mark.parametrize(
    "forward",
    [
        lambda layer, x: (layer(x) - layer(x).mean(0)).square().sum(1),
        lambda layer, x: (layer(x) @ layer(x).T).log_softmax(1).diagonal(),  # contrastive
        lambda layer, x: layer(x).flip(0).square().sum(1),
        lambda layer, x: layer(x).cumsum(0).square().sum(1),
        lambda layer, x: layer(x).square().sum(1) + layer(x).sum(),
    ],
    ids=["centred", "contrastive", "reordered", "running sum", "batch total"],
)  # fmt: skip
def test_records_that_mix_are_refused(forward: Callable[[nn.Linear, Tensor], Tensor]) -> None:
    with pytest.raises(NotPrivate, match="depends on record"):
        probed(forward)


def test_one_record_or_no_gradient_shows_nothing() -> None:
    assert not probed(lambda layer, x: layer(x).square().sum(1), records=1)
    assert not probed(lambda layer, x: layer(x).square().sum(1) * 0)
