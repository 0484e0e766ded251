# SPDX-License-Identifier: Apache-2.0
"""Every record by a coin of its own; a run resumes at any step; look-alikes are rejected."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polyveil.privacy.poisson import PoissonSampler
from polyveil.privacy.tester import check_sampling

SEED = bytes(range(32))


@pytest.mark.parametrize("rate", [0.01, 0.05, 0.5, 0.95])
def test_the_law_is_not_contradicted(rate: float) -> None:
    batches = list(PoissonSampler(300, rate, 400, SEED))
    assert not check_sampling(batches, records=300, rate=rate).rejected


@settings(deadline=None)
@given(st.integers(1, 2000), st.floats(1e-12, 1), st.integers(0, 10**9))
def test_batches_ascend_within_the_records(records: int, rate: float, step: int) -> None:
    batch = PoissonSampler(records, rate, 1).batch(step)
    assert batch.dtype == np.int64
    assert (np.diff(batch) > 0).all()
    assert batch.size == 0 or (batch[0] >= 0 and batch[-1] < records)


def test_a_killed_run_resumes_at_any_step() -> None:
    whole = list(PoissonSampler(1000, 0.1, 20, SEED))
    again = PoissonSampler(1000, 0.1, 20, SEED)
    assert (again.batch(13) == whole[13]).all()
    resumed = list(again.batches(start=13))
    assert len(again) == 20
    assert len(resumed) == 7
    assert all((a == b).all() for a, b in zip(resumed, whole[13:], strict=True))


def test_fresh_samplers_differ_and_hide_their_seed() -> None:
    one, other = PoissonSampler(1000, 0.1, 1), PoissonSampler(1000, 0.1, 1)
    assert one.seed != other.seed
    assert not np.array_equal(one.batch(0), other.batch(0))
    assert str(one.seed) not in repr(one)


def test_edges() -> None:
    assert (PoissonSampler(5, 1.0, 1).batch(0) == np.arange(5)).all()
    assert all(batch.size == 0 for batch in PoissonSampler(10, 1e-12, 20, SEED))
    assert list(PoissonSampler(10, 0.5, 0)) == []
    assert PoissonSampler(10**8, 1e-5, 1, SEED).batch(0).size == pytest.approx(1000, abs=200)


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"records": 0}, "records"),
        ({"rate": 0.0}, "rate"),
        ({"rate": 1.1}, "rate"),
        ({"steps": -1}, "steps"),
        ({"seed": b"short"}, "seed"),
    ],
)
def test_what_is_out_of_range_is_named(values: dict, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        PoissonSampler(**{"records": 10, "rate": 0.1, "steps": 1, **values})
