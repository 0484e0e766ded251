# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from polyveil.attack.evasion import Budget
from polyveil.attack.evasion import steps as move

norms = st.sampled_from(["linf", "l2"])
strengths = st.floats(0.01, 2.0)
seeds = st.integers(0, 2**16)


def draw(seed: int) -> tuple[Tensor, Tensor, torch.Generator]:
    generator = torch.Generator().manual_seed(seed)
    origin = torch.rand((3, 2, 4), generator=generator, dtype=torch.float64)
    return origin, torch.randn((3, 2, 4), generator=generator, dtype=torch.float64), generator


@given(norms, strengths, seeds)
def test_a_projection_is_within_budget_and_box_and_changes_nothing_the_second_time(
    norm: str, epsilon: float, seed: int
) -> None:
    origin, far, _ = draw(seed)
    budget = Budget(norm, epsilon)
    once = move.project_(origin + far, origin, budget)
    assert float(budget.used(once, origin).max()) <= 1 + 1e-9
    assert float(once.min()) >= 0.0
    assert float(once.max()) <= 1.0
    assert torch.allclose(move.project_(once.clone(), origin, budget), once, atol=1e-12)


@given(strengths, seeds)
def test_the_cube_is_the_naive_one(epsilon: float, seed: int) -> None:
    origin, far, _ = draw(seed)
    found = move.project_(origin + far, origin, Budget("linf", epsilon))
    for one, o, f in zip(found.flatten(), origin.flatten(), far.flatten(), strict=True):
        naive = min(max(float(o + f), float(o) - epsilon, 0.0), float(o) + epsilon, 1.0)
        assert float(one) == pytest.approx(naive, abs=1e-12)


@given(strengths, seeds)
def test_the_ball_keeps_the_direction(epsilon: float, seed: int) -> None:
    origin, far, _ = draw(seed)
    found = move.project_(origin + far, origin, Budget("l2", epsilon, box=None)) - origin
    length = far.flatten(1).norm(dim=1)
    expected = far * (epsilon / length).clamp(max=1.0).view(-1, 1, 1)
    assert torch.allclose(found, expected, atol=1e-12)


@given(norms, strengths, seeds)
def test_starts_and_noise_keep_to_the_budget(norm: str, epsilon: float, seed: int) -> None:
    origin, _, generator = draw(seed)
    budget = Budget(norm, epsilon)
    for make in (move.random_start, move.border_start, move.random_noise):
        values = make(origin, budget, generator)
        assert float(budget.used(values, origin).max()) <= 1 + 1e-9
        assert 0.0 <= float(values.min()) <= float(values.max()) <= 1.0
        assert values.data_ptr() != origin.data_ptr()


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_noise_takes_the_whole_budget(norm: str) -> None:
    origin, _, generator = draw(1)
    budget = Budget(norm, 0.1, box=None)
    used = budget.used(move.random_noise(origin, budget, generator), origin)
    assert torch.allclose(used, torch.ones_like(used))


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_what_is_masked_stays(norm: str) -> None:
    origin, gradient, generator = draw(2)
    mask = torch.zeros(2, 4)
    mask[0] = 1
    budget = Budget(norm, 0.3, mask=mask)
    point = move.random_start(origin, budget, generator)
    point = move.project_(move.step_(point, gradient, budget, 0.1), origin, budget)
    assert torch.equal(point[:, 1], origin[:, 1])
    assert not torch.equal(point[:, 0], origin[:, 0])
