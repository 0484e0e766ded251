# SPDX-License-Identifier: Apache-2.0
"""Pointwise and expanding rules: every record's gradient is the one it has alone."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from oracle import per_record_gradients, relative_error
from recorder import Recorder, Watched

from polyveil.learn.rules import elementwise, expand

RULES = {**elementwise.RULES, **expand.RULES}
OPERATIONS: dict[str, Callable[[Tensor, nn.Parameter], Tensor]] = {
    "x + p": lambda x, p: x + p,
    "p + x": lambda x, p: p + x,
    "x - p": lambda x, p: x - p,
    "p - x": lambda x, p: p - x,
    "x * p": lambda x, p: x * p,
    "p / x": lambda x, p: p / (x.abs() + 1),
    "x / p": lambda x, p: x / p,
    "x ** p": lambda x, p: (x.abs() + 1) ** p,
    "p ** x": lambda x, p: p**x,
    "in place": lambda x, p: (x * 1).add_(p).mul_(p),
    "add, alpha": lambda x, p: torch.add(x, p, alpha=0.5),
    "sub, keyword": lambda x, p: torch.sub(x, other=p),
    "where": lambda x, p: torch.where(x > 0, x, p),
    "maximum": lambda x, p: torch.maximum(x, p),
    "lerp": lambda x, p: torch.lerp(x, 2 * x, p),
    "addcmul, twice": lambda x, p: torch.addcmul(x, p, p, value=0.3),
    "clamp": lambda x, p: torch.clamp(x, min=p),
    "threshold": lambda x, p: torch.sigmoid((x - p) * 3) * (x > p),
}


class Net(nn.Module):
    def __init__(
        self, shape: tuple[int, ...], operation: Callable[[Tensor, nn.Parameter], Tensor]
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.rand(shape) + 0.5)
        self.operation = operation

    def forward(self, x: Tensor) -> Tensor:
        return self.operation(x, self.weight)


def loss(model: nn.Module, x: Tensor) -> Tensor:
    """One loss a record; the records' rows lie one after the other."""
    return model(x).sin().flatten(1).sum(1)


def agrees(model: nn.Module, x: Tensor, records: int) -> None:
    """The rules give the output, the input gradient and per-record gradients of plain autograd."""
    expected = per_record_gradients(model, loss, [x], records=records)
    plain, watched = x.clone().requires_grad_(), x.clone().requires_grad_()
    loss(model, plain).sum().backward()
    use = Recorder(records)
    mode = Watched(RULES, use)
    with mode:
        found = loss(model, watched)
    assert torch.equal(found, loss(model, x))
    found.sum().backward()
    assert plain.grad is not None and watched.grad is not None
    assert torch.allclose(plain.grad, watched.grad)
    for name, parameter in model.named_parameters():
        assert relative_error(use.of(parameter), expected[name]) < 1e-5, name


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize("shape", [(5,), (1,), (), (4, 1), (1, 4, 5), (1, 1, 1)])
@pytest.mark.parametrize("rows", [1, 3])
def test_pointwise_gradients_are_those_of_a_record_alone(
    name: str, shape: tuple[int, ...], rows: int
) -> None:
    torch.manual_seed(0)
    agrees(Net(shape, OPERATIONS[name]), torch.randn(3 * rows, 4, 5), 3)


@given(
    shape=st.lists(st.integers(1, 4), min_size=1, max_size=4),
    keep=st.lists(st.booleans(), min_size=4, max_size=4),
    drop=st.integers(0, 4),
    records=st.integers(1, 4),
    rows=st.integers(1, 3),
)
@settings(max_examples=60, deadline=None)
def test_any_broadcast(
    shape: list[int], keep: list[bool], drop: int, records: int, rows: int
) -> None:
    small = [size if kept else 1 for size, kept in zip(shape, keep, strict=False)]
    torch.manual_seed(0)
    model = Net(tuple(small[min(drop, len(small)) :]), OPERATIONS["x * p"])
    # Of one sign: where a gradient is a sum that cancels, float32 has no relative precision.
    agrees(model, torch.rand(records * rows, *shape) + 0.5, records)


@pytest.mark.parametrize("slopes", [1, 4])
@pytest.mark.parametrize("trailing", [(4,), (4, 5), (4, 3, 2)])
def test_prelu(slopes: int, trailing: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    model = nn.PReLU(slopes)
    agrees(model, torch.randn(6, *trailing), 6)
    agrees(model, torch.randn(6, *trailing), 2)


EXPANSIONS: dict[str, Callable[[Tensor, nn.Parameter], Tensor]] = {
    "expand": lambda x, p: p.expand(x.shape[0], -1, -1),
    "expand, tuple": lambda x, p: p.expand((x.shape[0], 2, 5)),
    "expand_as": lambda x, p: p.expand_as(x[:, :1]),
    "repeat": lambda x, p: p.repeat(x.shape[0], 3, 1),
    "tile": lambda x, p: p.tile((x.shape[0], 2, 1)),
    "broadcast_to": lambda x, p: torch.broadcast_to(p, (x.shape[0], 4, 5)),
    "repeat_interleave": lambda x, p: p.repeat_interleave(x.shape[0], dim=0),
    "class token": lambda x, p: torch.cat([p.expand(x.shape[0], -1, -1), x], dim=1) ** 2,
}


@pytest.mark.parametrize("name", EXPANSIONS)
@pytest.mark.parametrize("rows", [1, 2])
def test_expanded_parameters(name: str, rows: int) -> None:
    torch.manual_seed(0)
    model = Net((1, 1, 5), lambda x, p: EXPANSIONS[name](x, p).mean(1, keepdim=True) * x)
    agrees(model, torch.randn(3 * rows, 4, 5), 3)


def test_a_token_without_batch_dimension_is_expanded() -> None:
    agrees(Net((5,), lambda x, p: p.expand(x.shape[0], 4, 5) * x), torch.randn(6, 4, 5), 6)


@pytest.mark.parametrize(
    "operation",
    [
        lambda x, p: x * p.exp(),
        lambda x, p: x + p[None],
        lambda x, p: x * (p * 2),
        lambda x, p: x * p.expand(2, 5)[0],
        lambda x, p: x * p.repeat(2)[:5],
    ],
)
def test_what_is_not_covered_is_left_to_the_fall_back(
    operation: Callable[[Tensor, nn.Parameter], Tensor],
) -> None:
    use = Recorder(6)
    mode = Watched(RULES, use)
    with mode:
        loss(Net((5,), operation), torch.randn(6, 4, 5))
    assert set(mode.uncovered) - {"__get__"}


def test_a_parameter_with_an_extent_along_the_rows_is_not_covered() -> None:
    mode = Watched(RULES, Recorder(6))
    with mode:
        loss(Net((6, 1, 5), OPERATIONS["x * p"]), torch.randn(6, 4, 5))
    assert "mul" in mode.uncovered


def test_the_tap_holds_no_copy_of_the_values() -> None:
    parameter = nn.Parameter(torch.randn(1, 7, 5))
    (tap,) = elementwise.tapped(
        Recorder(100), (parameter,), [elementwise.rows_of(parameter, 100, 3)]
    )
    assert tap.stride(0) == 0 and tap.data_ptr() == parameter.data_ptr()
