# SPDX-License-Identifier: Apache-2.0
"""Fusion: any subset, shares that are shares, and nothing of what is missing."""

from __future__ import annotations

from itertools import combinations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from polyveil.errors import UsageError
from polyveil.models.recognition.projection import unit
from polyveil.models.recognition.subset_fusion import SubsetFusion, random_subsets

NAMES = ("face", "voice", "keys")


def embeddings(records: int = 5, seed: int = 0) -> dict[str, Tensor]:
    draw = torch.Generator().manual_seed(seed)
    return {name: unit(torch.randn(records, 6, generator=draw)) for name in NAMES}


def trained(seed: int = 0) -> SubsetFusion:
    """Gates that have learned something."""
    fusion, draw = SubsetFusion(NAMES, 6), torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for one in fusion.parameters():
            one.copy_(torch.randn(one.shape, generator=draw))
    return fusion


def test_before_training_it_is_the_plain_mean() -> None:
    given_ = embeddings()
    expected = unit(torch.stack(list(given_.values())).mean(0))
    torch.testing.assert_close(SubsetFusion(NAMES, 6)(given_), expected)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 99), st.lists(st.integers(1, 7), min_size=5, max_size=5))
def test_a_mask_is_the_same_as_leaving_out(seed: int, subsets: list[int]) -> None:
    fusion, given_ = trained(seed), embeddings(seed=seed)
    mask = torch.tensor([[bool(one >> m & 1) for m in range(3)] for one in subsets])
    fused, shares = fusion(given_, mask), fusion.shares(given_, mask)
    torch.testing.assert_close(shares.sum(1), torch.ones(5))
    torch.testing.assert_close(fused.norm(dim=1), torch.ones(5))
    assert not shares[~mask].any()
    for row in range(5):
        there = {
            name: one[row : row + 1]
            for (name, one), m in zip(given_.items(), mask[row], strict=True)
            if m
        }
        torch.testing.assert_close(fusion(there), fused[row : row + 1], atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("size", [1, 2, 3])
def test_every_subset_works_in_any_order_of_names(size: int) -> None:
    fusion, given_ = trained(), embeddings()
    for names in combinations(NAMES, size):
        fused = fusion({name: given_[name] for name in names})
        turned = fusion({name: given_[name] for name in reversed(names)})
        torch.testing.assert_close(fused, turned)
        if size == 1:
            torch.testing.assert_close(fused, given_[names[0]])


def test_a_record_with_nothing_is_zeros_without_a_nan_in_the_gradient() -> None:
    fusion, given_ = trained(), embeddings()
    mask = torch.ones(5, 3, dtype=torch.bool)
    mask[2] = False
    fused = fusion(given_, mask)
    assert torch.equal(fused[2], torch.zeros(6))
    fused.square().sum().backward()
    assert all(one.grad is not None and one.grad.isfinite().all() for one in fusion.parameters())


@settings(deadline=None)
@given(st.integers(1, 4), st.sampled_from([0.0, 0.5, 1.0]), st.integers(0, 9))
def test_random_subsets_keep_at_least_one(modalities: int, missing: float, seed: int) -> None:
    draw = torch.Generator().manual_seed(seed)
    present = random_subsets(40, modalities, missing=missing, generator=draw)
    assert present.dtype == torch.bool and present.shape == (40, modalities)
    assert present.any(1).all()
    if missing == 0:
        assert present.all()
    if missing == 1:
        assert (present.sum(1) == 1).all()


def test_random_subsets_leave_out_as_often_as_said() -> None:
    draw = torch.Generator().manual_seed(0)
    present = random_subsets(20_000, 4, missing=0.3, generator=draw)
    # All four missing, 0.3^4, keeps one of them.
    assert present.float().mean().item() == pytest.approx(0.7 + 0.3**4 / 4, abs=0.01)


def test_what_does_not_fit_is_refused() -> None:
    fusion, given_ = SubsetFusion(NAMES, 6), embeddings()
    for wrong in ({}, {"gait": given_["face"]}):
        with pytest.raises(UsageError, match="expected one or more of face, voice, keys"):
            fusion(wrong)
    for mask in (torch.ones(5, 3), torch.ones(5, 2, dtype=torch.bool)):
        with pytest.raises(UsageError, match="present"):
            fusion(given_, mask)
    with pytest.raises(UsageError, match="missing"):
        random_subsets(3, 2, missing=1.5, generator=torch.Generator())
