# SPDX-License-Identifier: Apache-2.0
"""Shadow models: every record in exactly half of them, within the time allowed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from polyveil.attack.examples import Examples
from polyveil.attack.membership.candidates import Candidates
from polyveil.attack.membership.shadow_models import (
    Shadows,
    balanced_halves,
    train_shadows,
    train_twin,
)
from polyveil.errors import UsageError


def numbered(start: int, stop: int) -> Examples:
    values = torch.arange(start, stop, dtype=torch.float32)[:, None]
    return Examples({"values": values}, torch.zeros(stop - start, dtype=torch.int64))


def pool(records: int = 40) -> Candidates:
    return Candidates(numbered(0, records // 2), numbered(records // 2, records))


class Remembering(nn.Module):
    """Keeps what it was trained on; its one weight is random."""

    def __init__(self, part: Examples) -> None:
        super().__init__()
        self.seen = part.inputs["values"][:, 0].long().tolist()
        self.weight = nn.Parameter(torch.randn(1))


def remember(part: Examples, seed: int) -> nn.Module:
    return Remembering(part)


@settings(deadline=None)
@given(st.integers(1, 6), st.integers(2, 50), st.integers(0, 1000))
def test_every_record_is_in_exactly_half_of_the_models(pairs: int, records: int, seed: int) -> None:
    keep = balanced_halves(pairs, records, seed=seed)
    assert (keep.sum(0) == pairs).all()
    assert np.abs(keep.sum(1) - records / 2).max() <= 0.5


def test_models_are_trained_on_what_the_mask_says() -> None:
    seen: list[tuple[int, int]] = []
    shadows = train_shadows(remember, pool(), 6, seed=3, progress=lambda *now: seen.append(now))
    for model, row in zip(shadows.models, shadows.keep, strict=True):
        assert model.seen == np.flatnonzero(row).tolist()
    assert seen == [(done, 6) for done in range(1, 7)]


def test_the_background_is_in_every_model_and_in_no_mask() -> None:
    candidates = replace(pool(), background=numbered(100, 110))
    shadows = train_shadows(remember, candidates, 2, seed=3)
    assert shadows.keep.shape == (2, 40)
    for model, row in zip(shadows.models, shadows.keep, strict=True):
        assert model.seen == [*np.flatnonzero(row), *range(100, 110)]


def test_time_that_runs_out_leaves_whole_pairs() -> None:
    shadows = train_shadows(remember, pool(), 100, seed=3, seconds=0.0)
    assert len(shadows.models) == 2 and (shadows.keep.sum(0) == 1).all()


def test_training_is_repeatable_and_leaves_the_global_generator_alone() -> None:
    before = torch.get_rng_state()
    first, again = (train_shadows(remember, pool(), 4, seed=3) for _ in range(2))
    assert torch.equal(before, torch.get_rng_state())
    weights = [[one.weight.item() for one in found.models] for found in (first, again)]
    assert weights[0] == weights[1] and len(set(weights[0])) == 4


def test_a_twin_sees_few_records_many_times() -> None:
    twin = train_twin(remember, pool(100), seed=1, repeats=10)
    assert twin.keep.sum() == 10 and len(twin.model.seen) == 100
    assert set(twin.model.seen) == set(np.flatnonzero(twin.keep))


def test_unbalanced_models_are_refused() -> None:
    both = (nn.Identity(), nn.Identity())
    with pytest.raises(UsageError, match="both or in none"):
        Shadows(both, np.ones((2, 4), dtype=bool))
    with pytest.raises(UsageError, match="expected pairs"):
        Shadows(both[:1], np.ones((1, 4), dtype=bool))
    with pytest.raises(ValueError, match="even number"):
        train_shadows(remember, pool(), 5, seed=0)
