# SPDX-License-Identifier: Apache-2.0
"""What a projection leaves alone, against plain linear algebra, and what does not protect."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from polyveil.errors import UsageError
from polyveil.learn.multimodal.projection import (
    MeanProjection,
    Projection,
    Protection,
    share_inside,
    taken_in,
)
from polyveil.learn.multimodal.projection_controls import PublishedProjection, RandomProjection
from polyveil.learn.multimodal.subspace import SubspaceProjection

WIDTH = 9


def drawn(seed: int, rows: int, width: int = WIDTH) -> Tensor:
    draw = torch.Generator().manual_seed(seed)
    return torch.randn(rows, width, generator=draw, dtype=torch.float64)


def after(rule: Projection, means: Tensor) -> Protection:
    """What is protected once these were seen of a modality, one after the other."""
    memory = rule.memory(means.shape[-1])
    for mean in means:
        memory.saw("a", mean.reshape(-1, means.shape[-1]))
    found = memory.after("a")
    assert found is not None
    return found


@given(seed=st.integers(0, 10**6), count=st.integers(1, 6))
@settings(max_examples=40, deadline=None)
def test_without_damping_the_recursion_is_the_projection_off_the_span(
    seed: int, count: int
) -> None:
    means = drawn(seed, count)
    basis = torch.linalg.qr(means.t()).Q
    found = after(MeanProjection(horizon=count), means)
    expected = torch.eye(WIDTH, dtype=torch.float64) - basis @ basis.t()
    assert torch.allclose(found.matrix, expected, atol=1e-8)
    assert torch.allclose(found.matrix @ found.matrix, found.matrix, atol=1e-8)
    assert share_inside(drawn(seed + 1, 3) @ found.matrix, means) < 1e-6


@given(seed=st.integers(0, 10**6), count=st.integers(1, 30), damping=st.floats(1e-3, 10))
@settings(max_examples=40, deadline=None)
def test_with_damping_it_is_ridge_regression(seed: int, count: int, damping: float) -> None:
    """Sherman and Morrison: the recursion inverts I + sum r r' / a."""
    means = drawn(seed, count)
    found = after(MeanProjection(damping=damping, horizon=None), means)
    whole = torch.eye(WIDTH, dtype=torch.float64) + means.t() @ means / damping
    assert torch.allclose(found.matrix, torch.linalg.inv(whole), atol=1e-7)


def test_the_denominator_is_one_number() -> None:
    mean = torch.tensor([3.0, 4.0], dtype=torch.float64)
    found = taken_in(torch.eye(2, dtype=torch.float64), mean, 25.0)
    assert torch.allclose(found, torch.tensor([[0.82, -0.24], [-0.24, 0.68]], dtype=torch.float64))


def test_the_horizon_forgets_and_another_modality_does_not_count() -> None:
    means = drawn(0, 5)
    memory = MeanProjection(horizon=2).memory(WIDTH)
    for mean in means:
        memory.saw("a", mean.unsqueeze(0))
        memory.saw("b", -mean.flip(0).unsqueeze(0))
    found = memory.after("a")
    assert found is not None and memory.after("c") is None
    expected = after(MeanProjection(horizon=2), means[-2:])
    assert torch.allclose(found.matrix, expected.matrix)
    assert share_inside(drawn(1, 3) @ found.matrix, means[-3:-2]) > 0.1


def test_means_that_say_nothing_new_change_nothing() -> None:
    mean = drawn(0, 1)
    for rows in (mean, torch.cat([mean, 2 * mean]), torch.cat([mean, 0 * mean])):
        found = after(MeanProjection(horizon=3), rows)
        assert torch.allclose(found.matrix, after(MeanProjection(), mean).matrix, atol=1e-9)


def test_all_means_for_ever_without_damping_are_refused() -> None:
    """d means would leave no direction to learn in."""
    nothing = after(MeanProjection(horizon=WIDTH), drawn(0, WIDTH)).matrix
    assert float(nothing.abs().max()) < 1e-6
    with pytest.raises(UsageError, match="no direction to learn in"):
        MeanProjection(horizon=None)


@given(seed=st.integers(0, 10**6), rank=st.integers(1, 5))
@settings(max_examples=30, deadline=None)
def test_a_subspace_is_that_of_the_largest_singular_values(seed: int, rank: int) -> None:
    rows = drawn(seed, 20)
    found = after(SubspaceProjection(rank=rank, reads="features"), rows[None])
    strongest = torch.linalg.svd(rows, full_matrices=False).Vh[:rank]
    assert share_inside(drawn(seed + 1, 3) @ found.matrix, strongest) < 1e-6
    assert found.directions.shape == (rank, WIDTH)


def test_the_mean_protects_only_the_mean() -> None:
    """Records differ from their mean; directions of their own protect more of them."""
    features = drawn(0, 200) * torch.linspace(2, 0.1, WIDTH, dtype=torch.float64) + 0.3
    update = drawn(1, 4)

    def harm(protection: Protection) -> float:
        return float((features @ protection.matrix @ update.t()).square().mean())

    mean = after(MeanProjection(), features.mean(0, keepdim=True))
    several = after(SubspaceProjection(rank=4, reads="features"), features[None])
    nothing = float((features @ update.t()).square().mean())
    assert 0.5 * nothing < harm(mean) < nothing
    assert harm(several) < 0.4 * harm(mean)


def test_controls_do_not_protect() -> None:
    mean, gradient = drawn(0, 1), drawn(1, 4)
    plain = share_inside(gradient, mean)
    for rule in (RandomProjection(seed=7), PublishedProjection()):
        found = after(rule, mean)
        assert share_inside(gradient @ found.matrix, found.directions) > 0.5 * plain
        assert rule.remark
    assert torch.equal(after(PublishedProjection(), mean).matrix, torch.eye(WIDTH).double())
    renamed = after(PublishedProjection(applied=True), mean.abs())
    assert share_inside(gradient @ renamed.matrix, mean) > 0.01
    assert torch.isclose(renamed.matrix.norm(), torch.tensor(1.0).double())


def test_shares_by_hand() -> None:
    directions = torch.tensor([[1.0, 0.0, 0.0], [2.0, 0.0, 0.0]])
    assert share_inside(torch.tensor([[3.0, 4.0, 0.0]]), directions) == pytest.approx(0.6)
    assert share_inside(torch.zeros(2, 3), directions) == 0
    assert share_inside(torch.ones(2, 3), torch.zeros(1, 3)) == 0


def test_settings_are_refused_by_name() -> None:
    with pytest.raises(UsageError, match="decay"):
        SubspaceProjection(decay=1.0)
    with pytest.raises(UsageError, match="reads"):
        SubspaceProjection(reads="labels")
    with pytest.raises(UsageError, match="less than the 9 directions"):
        SubspaceProjection(rank=9).memory(WIDTH)
    with pytest.raises(ValueError, match="rank"):
        RandomProjection(rank=0)
