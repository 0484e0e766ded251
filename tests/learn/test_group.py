# SPDX-License-Identifier: Apache-2.0
"""Groups: every trainable parameter in exactly one, joined where an operation reads several."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from polyveil.learn.group import all_in_one, by_module


def network() -> nn.Sequential:
    model = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 4), nn.Sequential(nn.Linear(4, 2)))
    model[2][0].bias.requires_grad_(False)
    return model


def test_every_trainable_parameter_is_in_one_group_of_its_module() -> None:
    model = network()
    grouping = by_module(model)
    assert [group.name for group in grouping.groups] == ["0", "1", "2.0"]
    assert [group.size for group in grouping.groups] == [16, 20, 8]
    covered = [p for group in grouping.groups for p in group.parameters]
    assert not any(p is model[2][0].bias for p in covered)


def test_a_tied_parameter_belongs_to_its_first_module() -> None:
    model = network()
    model[1].weight = nn.Parameter(torch.zeros(4, 4))
    tied = nn.Sequential(model[1], nn.Linear(4, 4))
    tied[1].weight = model[1].weight
    assert [group.size for group in by_module(tied).groups] == [20, 4]


def test_joining_keeps_every_parameter_once_until_frozen() -> None:
    model = network()
    grouping = by_module(model)
    grouping.join([model[0].weight, model[2][0].weight])
    assert [group.name for group in grouping.groups] == ["0 + 2.0", "1"]
    assert grouping.same([model[0].bias, model[2][0].weight])
    assert not grouping.same([model[0].bias, model[1].weight])
    grouping.frozen = True
    with pytest.raises(RuntimeError, match="first release"):
        grouping.join([model[0].bias, model[1].weight])


def test_flat_is_one_group() -> None:
    (group,) = all_in_one(network()).groups
    assert group.size == 44
