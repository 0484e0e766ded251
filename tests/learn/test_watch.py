# SPDX-License-Identifier: Apache-2.0
"""Watching: every read of a trainable parameter meets a rule, or is an error."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from polyveil.learn.forward_pass import ForwardPass
from polyveil.learn.group import by_module
from polyveil.learn.rules.registry import RULES
from polyveil.learn.watch import Uncovered, Watch


class Reads(nn.Module):
    """Reads one parameter in whatever way a test asks for."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(3, 3))


def watched(model: nn.Module, records: int = 4) -> tuple[Watch, ForwardPass]:
    noted = ForwardPass(by_module(model), records, lambda group, parts: None)
    return Watch(RULES, list(model.parameters()), noted), noted


def test_a_rule_serves_a_parameter_that_the_running_module_does_not_own() -> None:
    model = Reads()
    watch, noted = watched(model)
    with watch:
        outputs = F.linear(torch.randn(4, 3), model.weight)
    assert noted.used == {model.weight} and outputs.requires_grad
    outputs.sum().backward()  # type: ignore[no-untyped-call]
    assert model.weight.grad is None


def test_an_operation_without_a_rule_is_an_error_that_names_it() -> None:
    model = Reads()
    watch, _ = watched(model)
    with watch, pytest.raises(Uncovered, match="softmax"):
        model.weight.softmax(0)


@pytest.mark.parametrize("read", [lambda p: p.shape, lambda p: p.dtype, lambda p: p.numel()])
def test_facts_about_a_parameter_may_be_read(read) -> None:  # type: ignore[no-untyped-def]
    model = Reads()
    watch, noted = watched(model)
    with watch:
        read(model.weight)
    assert not noted.used


def test_without_gradients_a_parameter_may_be_read_at_will() -> None:
    model = Reads()
    watch, noted = watched(model)
    with watch, torch.no_grad():
        value: Tensor = model.weight.softmax(0)
    assert not noted.used and not value.requires_grad


def test_two_uses_are_one_gradient() -> None:
    model, inputs = Reads(), torch.randn(4, 3)
    seen = []
    noted = ForwardPass(by_module(model), 4, lambda group, parts: seen.append(parts))
    with Watch(RULES, list(model.parameters()), noted):
        outputs = F.linear(F.linear(inputs, model.weight), model.weight)
    outputs.sum().backward()  # type: ignore[no-untyped-call]
    ((part,),) = seen
    twin = model.weight.detach().clone().requires_grad_()
    F.linear(F.linear(inputs, twin), twin).sum().backward()  # type: ignore[no-untyped-call]
    assert torch.allclose(part.weighted_sum(torch.ones(4))[0], twin.grad, atol=1e-5)  # type: ignore[arg-type]
