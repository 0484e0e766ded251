# SPDX-License-Identifier: Apache-2.0
"""Records of several modalities: what is missing stays missing, and holding out moves no other."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_people import SHAPES, people

from polyveil.errors import UsageError
from polyveil.learn.modalities import Example, stacked

KEY = bytes(32)


@given(st.lists(st.tuples(st.booleans(), st.booleans()).filter(any), min_size=1, max_size=6))
def test_what_a_record_lacks_is_zero_and_masked(rows: list[tuple[bool, bool]]) -> None:
    ones = {name: np.ones(shape, np.float32) for name, shape in SHAPES.items()}
    examples = [
        Example({name: ones[name] for name, here in zip(SHAPES, row, strict=True) if here}, "a")
        for row in rows
    ]
    made = stacked(examples, SHAPES, ("a", "b"))
    assert np.array_equal(made.present, np.array(rows)) and made.shapes == SHAPES
    for column, name in enumerate(SHAPES):
        filled = made.inputs[name].reshape(len(rows), -1)
        assert np.array_equal(filled.all(axis=1), made.present[:, column])
        assert np.array_equal(filled.any(axis=1), made.present[:, column])


def test_one_more_record_moves_no_other_between_the_parts() -> None:
    everyone = people()
    fewer = everyone.where(np.arange(len(everyone)) != 5)
    inside, _ = everyone.held_out(0.3, KEY)
    again, _ = fewer.held_out(0.3, KEY)
    rows = {one.tobytes() for one in inside.inputs["face"]}
    assert {one.tobytes() for one in again.inputs["face"]} <= rows
    assert 0 < len(inside) < len(everyone) and len(inside) - len(again) in {0, 1}


def test_a_mask_and_rows_that_do_not_fit_are_refused() -> None:
    made = people()
    with pytest.raises(UsageError, match="one row a record"):
        replace(made, labels=made.labels[:-1])
    with pytest.raises(UsageError, match="without any modality"):
        replace(made, present=np.zeros_like(made.present))


def test_the_same_record_twice_is_in_one_part() -> None:
    everyone = people()
    rows = np.concatenate([np.arange(len(everyone))] * 2)
    twice = replace(
        everyone,
        inputs={name: values[rows] for name, values in everyone.inputs.items()},
        present=everyone.present[rows],
        labels=everyone.labels[rows],
    )
    for key in range(5):
        once = [len(part) for part in everyone.held_out(0.5, bytes([key]))]
        assert [len(part) for part in twice.held_out(0.5, bytes([key]))] == [2 * n for n in once]


def test_units_are_held_out_whole_and_by_the_key() -> None:
    everyone = people()
    numbered = replace(everyone, labels=np.arange(len(everyone)))
    units = [f"actor {row % 7}" for row in range(len(everyone))]
    found = set()
    for key in range(8):
        out = set(numbered.held_out(0.5, bytes([key]), units)[1].labels.tolist())
        actors = {units[row] for row in out}
        assert out == {row for row, one in enumerate(units) if one in actors}
        found.add(frozenset(actors))
    assert len(found) > 3


@pytest.mark.parametrize("standing", [np.nan, np.inf, 3.0])
def test_what_stands_in_for_a_missing_modality_is_blank(standing: float) -> None:
    """NaN times a weight of 0 is NaN: one record without a voice would take all others along."""
    made = people()
    present = made.present.copy()
    present[2, 0] = False
    values = made.inputs["face"].copy()
    values[2] = standing
    given = values.copy()
    found = replace(made, inputs={**made.inputs, "face": values}, present=present)
    assert not found.inputs["face"][2].any()
    assert np.array_equal(found.inputs["face"][3:], made.inputs["face"][3:])
    assert np.array_equal(values, given, equal_nan=True)  # whoever gave it keeps theirs
    zeros = replace(made, inputs={**made.inputs, "face": np.nan_to_num(values)}, present=present)
    parts = [one.held_out(0.5, KEY)[1].labels for one in (found, zeros)]
    assert np.array_equal(*parts)


def test_nothing_of_the_records_is_printed() -> None:
    assert "array" not in repr(people())
