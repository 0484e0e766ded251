# SPDX-License-Identifier: Apache-2.0
"""What the first pass settles: fall-backs, groups that belong together, and what is refused."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from polyveil.errors import NotPrivate
from polyveil.learn.attachment import Attachment
from polyveil.learn.forward_pass import ForwardPass
from polyveil.learn.group import by_module


class Softened(nn.Module):
    """A layer that no rule covers: its weight is a function of its parameter."""

    def __init__(self) -> None:
        super().__init__()
        self.raw = nn.Parameter(torch.randn(3, 3))

    def forward(self, inputs: Tensor) -> Tensor:
        return inputs @ self.raw.softmax(0)


class Counting(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 3)
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, inputs: Tensor) -> Tensor:
        self.calls += inputs.sum().detach()
        return self.layer(inputs)


def attached(model: nn.Module) -> tuple[Attachment, ForwardPass]:
    grouping = by_module(model)
    noted = ForwardPass(grouping, 4, lambda group, parts: None)
    return Attachment(model, grouping, lambda: noted), noted


def test_a_layer_without_a_rule_runs_record_by_record_with_the_same_output() -> None:
    model, inputs = nn.Sequential(nn.Linear(3, 3), Softened()), torch.randn(4, 3)
    expected = model(inputs)
    _, noted = attached(model)
    assert torch.allclose(model(inputs), expected, atol=1e-6)
    assert noted.used == set(model.parameters())
    assert "forward" not in model[1].__dict__


def test_a_whole_model_may_run_record_by_record() -> None:
    model, inputs = Softened(), torch.randn(4, 3)
    expected = model(inputs)
    attached(model)
    assert torch.allclose(model(inputs), expected, atol=1e-6)


def test_state_that_follows_the_batch_is_refused_by_name() -> None:
    model = Counting()
    attached(model)
    with pytest.raises(NotPrivate, match="calls: the forward pass changes this state"):
        model(torch.randn(4, 3))


def test_detaching_gives_the_model_back() -> None:
    model = nn.Linear(3, 3)
    attachment, noted = attached(model)
    attachment.detach()
    model(torch.randn(4, 3))
    assert not noted.used and "forward" not in model.__dict__
