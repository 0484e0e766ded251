# SPDX-License-Identifier: Apache-2.0
"""The fall-back gives any module's per-record gradients, and refuses what has none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from oracle import per_record_gradients, relative_error
from recorder import Recorder
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from polyveil.errors import NotPrivate
from polyveil.learn.fallback import VmapModule


class Odd(nn.Module):
    """Parameters used in ways that no rule knows, beside a submodule, a frozen part, a buffer."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Parameter(torch.randn(5, 4))
        self.log_scale = nn.Parameter(torch.randn(()))
        self.frozen = nn.Parameter(torch.randn(4), requires_grad=False)
        self.inner = nn.Linear(4, 4)
        self.register_buffer("shift", torch.randn(4))

    def forward(self, x: Tensor) -> Tensor:
        weight = torch.softmax(self.first, dim=0) * self.log_scale.exp()
        return torch.tanh(self.inner(x @ weight * self.frozen + self.shift) + self.first[0])


def through(module: nn.Module, records: int, *args: Any, **kwargs: Any) -> tuple[Any, Recorder]:
    use = Recorder(records)
    return VmapModule(module)(use, *args, **kwargs), use


@pytest.mark.parametrize("shape", [(6, 5), (6, 3, 5), (6, 2, 3, 5)])
@pytest.mark.parametrize("records", [6, 3, 1])
def test_gradients_are_those_of_a_record_alone(shape: tuple[int, ...], records: int) -> None:
    torch.manual_seed(0)
    module, x = Odd(), torch.randn(shape)
    expected = per_record_gradients(
        module, lambda m, x: m(x).sin().flatten(1).sum(1), [x], records=records
    )
    plain, watched = x.clone().requires_grad_(), x.clone().requires_grad_()
    found, use = through(module, records, watched)
    assert torch.allclose(found, module(x), atol=1e-6)
    found.sin().sum().backward()
    module(plain).sin().sum().backward()
    assert plain.grad is not None and watched.grad is not None
    assert torch.allclose(plain.grad, watched.grad, atol=1e-5)
    assert len(use.contributions) == 1
    assert sorted(map(id, use.contributions[0].parameters)) == sorted(
        id(one) for one in module.parameters() if one.requires_grad
    )
    for name, parameter in module.named_parameters():
        if parameter.requires_grad:
            assert relative_error(use.of(parameter), expected[name]) < 1e-5, name


class Several(nn.Module):
    """Tuples, dicts, keywords, a shared argument, several outputs, a value that is no tensor."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(5, 5))

    def forward(
        self, pair: tuple[Tensor, dict[str, Tensor]], *, table: Tensor, scale: float = 1.0
    ) -> dict[str, Any]:
        first, named = pair
        square = self.weight @ self.weight
        mixed = first @ square + named["second"] * table
        return {"mixed": mixed * scale, "both": (mixed.sum(1), None), "scale": scale}


def test_nested_arguments_and_outputs() -> None:
    torch.manual_seed(0)
    module, first, second, table = Several(), *(torch.randn(4, 5) for _ in range(2)), torch.rand(5)

    def value(found: dict[str, Any]) -> Tensor:
        total: Tensor = found["mixed"].sin().sum(1) + found["both"][0].cos()
        return total

    def loss(m: nn.Module, a: Tensor, b: Tensor) -> Tensor:
        return value(m((a, {"second": b}), table=table, scale=0.5))

    expected = per_record_gradients(module, loss, [first, second])
    found, use = through(module, 4, (first, {"second": second}), table=table, scale=0.5)
    assert found["both"][1] is None and found["scale"] == 0.5
    value(found).sum().backward()
    assert relative_error(use.of(module.weight), expected["weight"]) < 1e-5


def test_dropout_differs_between_records() -> None:
    class Dropped(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale = nn.Parameter(torch.ones(50))

        def forward(self, x: Tensor) -> Tensor:
            return F.dropout(x * self.scale.exp(), 0.5, self.training)

    found, _ = through(Dropped(), 4, torch.ones(4, 50))
    kept = found != 0
    assert not torch.equal(kept[0], kept[1])
    assert 0.2 < kept.float().mean() < 0.8


def test_tied_parameters_are_summed() -> None:
    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.down, self.up = nn.Linear(4, 4), nn.Linear(4, 4)
            self.up.weight = self.down.weight

        def forward(self, x: Tensor) -> Tensor:
            return self.up(torch.tanh(self.down(x)))

    torch.manual_seed(0)
    module, x = Tied(), torch.randn(3, 4)
    expected = per_record_gradients(module, lambda m, x: m(x).square().sum(1), [x])
    found, use = through(module, 3, x)
    found.square().sum().backward()
    assert relative_error(use.of(module.down.weight), expected["down.weight"]) < 1e-5


def test_double_precision_and_infinite_records() -> None:
    module, x = Odd().double(), torch.randn(3, 5, dtype=torch.float64)
    x[1] = float("inf")
    found, use = through(module, 3, x)
    assert found.dtype == torch.float64
    found.sum().backward()
    squared = use.contributions[0].squared_norms()
    assert not squared[1].isfinite() and squared[[0, 2]].isfinite().all()


class Mixing(nn.Module):
    def __init__(self, forward: Callable[[nn.Module, Tensor], Tensor]) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(4))
        self.register_buffer("mean", torch.zeros(4))
        self._forward = forward

    def forward(self, x: Tensor) -> Tensor:
        return self._forward(self, x)


def _replaces(module: Any, x: Tensor) -> Tensor:
    module.mean = x.mean(0)
    result: Tensor = x * module.scale.exp()
    return result


def _counts(module: Any, x: Tensor) -> Tensor:
    module.mean.add_(1)
    result: Tensor = x * module.scale.exp()
    return result


@pytest.mark.parametrize(
    ("forward", "line"),
    [
        (lambda m, x: (x - x.mean(0)) * m.scale.exp(), "other records"),
        (lambda m, x: (x * m.scale.exp()).mean(), "expected 1 in dimension 0"),
        (lambda m, x: m.scale.exp() * 2, "expected 1 in dimension 0"),
        (_replaces, "updates the buffers mean"),
        (_counts, "updates the buffers mean"),
        (lambda m, x: x * m.scale if (x * m.scale).sum() > 0 else x, "record by record failed"),
        (lambda m, x: x * m.scale.exp() * float(x.sum()), "record by record failed"),
    ],
)
def test_what_has_no_per_record_gradient_is_refused(
    forward: Callable[[nn.Module, Tensor], Tensor], line: str
) -> None:
    module = Mixing(forward)
    before = module.mean
    with pytest.raises(NotPrivate, match=line):
        through(module, 3, torch.randn(3, 4))
    assert module.mean is before and module.training


def test_arguments_without_the_batch_are_refused() -> None:
    with pytest.raises(NotPrivate, match="rows of 3 records"):
        through(Mixing(lambda m, x: x), 3, torch.randn(4, 4))
    with pytest.raises(NotPrivate, match="rows of 3 records"):
        through(Mixing(lambda m, x: x), 3, None)


def test_a_mask_as_large_as_the_batch_is_noticed() -> None:
    """[T, T] with T equal to the batch would be taken apart; the comparison sees it."""

    class Masked(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale = nn.Parameter(torch.zeros(()))

        def forward(self, x: Tensor, mask: Tensor) -> Tensor:
            return (x @ x.mT * self.scale.exp()).masked_fill(mask, 0.0)

    with pytest.raises(NotPrivate, match="as many rows as the batch"):
        through(Masked(), 4, torch.randn(4, 4, 5), torch.ones(4, 4).triu(1).bool())
