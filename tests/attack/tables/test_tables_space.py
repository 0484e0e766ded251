# SPDX-License-Identifier: Apache-2.0
"""Gower's distance against a naive twin, and what it does where values are missing."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyveil.attack.tables import space as module
from polyveil.attack.tables.space import Space
from polyveil.attack.tables.table import Table
from polyveil.errors import UsageError

CELLS = st.lists(
    st.tuples(
        st.one_of(st.none(), st.integers(-5, 5)),
        st.one_of(st.none(), st.floats(-10, 10)),
        st.sampled_from([None, "x", "y", "z"]),
    ),
    min_size=2,
    max_size=12,
)


def naive(space: Space, one: np.ndarray, other: np.ndarray) -> float:
    """One pair of rows, cell by cell."""
    gaps = []
    for a, b, category in zip(one, other, space.category, strict=True):
        if not (math.isnan(a) or math.isnan(b)):
            gaps.append(float(a != b) if category else min(1.0, abs(a - b)))
    return sum(gaps) / len(gaps) if gaps else 1.0


@given(CELLS, CELLS)
def test_distances_agree_with_a_naive_twin(first: list[tuple], second: list[tuple]) -> None:
    one, other = (
        Table(
            {
                "a": np.array([np.nan if r[0] is None else r[0] for r in rows], dtype=float),
                "b": np.array([np.nan if r[1] is None else r[1] for r in rows], dtype=float),
                "c": np.array([r[2] for r in rows], dtype=object),
            }
        )
        for rows in (first, second)
    )
    space = Space.of([one, other])
    p, q = space.points(one), space.points(other)
    found = np.concatenate([gaps for _, gaps in space.distances(p, q)])
    expected = [[naive(space, a, b) for b in q] for a in p]
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    draw = np.random.default_rng(0)
    table = Table.of({"a": draw.normal(size=50), "b": draw.integers(0, 3, 50).astype(str)})
    space = Space.of([table])
    points = space.points(table)
    whole = np.concatenate([gaps for _, gaps in space.distances(points, points)])
    monkeypatch.setattr(module, "_BLOCK", 1)
    blocks = list(space.distances(points, points))
    assert len(blocks) == 50
    np.testing.assert_array_equal(whole, np.concatenate([gaps for _, gaps in blocks]))
    assert (np.diag(whole) == 0).all() and np.allclose(whole, whole.T)


def test_an_odd_value_does_not_make_all_others_alike() -> None:
    values = np.append(np.linspace(0, 1, 999), 1e9)
    space = Space.of([Table.of({"a": values})])
    assert 0.9 < space.width[0] < 1.1


def test_numbers_meet_categories_by_name_and_tables_without_a_common_column_do_not() -> None:
    numbers, names = Table.of({"a": [1.0, 2.0]}), Table.of({"a": ["1", "x"]})
    space = Space.of([numbers, names])
    assert space.category[0] and space.points(numbers)[0] == space.points(names)[0]
    with pytest.raises(UsageError, match="no column is in all"):
        Space.of([numbers, Table.of({"b": [1.0]})])
    with pytest.raises(UsageError, match="no column 'z'"):
        space.columns(["z"])
