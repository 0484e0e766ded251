# SPDX-License-Identifier: Apache-2.0
"""Keystrokes and other traces: fixed scales, zeros behind, and no letter ever."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyveil.errors import UnreadableRecord, UsageError
from polyveil.inputs import front_end
from polyveil.inputs.keys import LEVELS, groups, one_hot
from polyveil.records.record import Record


def record(rows: Any) -> Record:
    return Record("metadata.jsonl:1", {}, behaviour=rows)


def typed(text: str) -> list[dict[str, float]]:
    """Every key alike in time."""
    return [{"hold_ms": 100, "down_down_ms": 200, "keycode": ord(key)} for key in text]


def test_times_by_hand() -> None:
    rows = [[100, 0, 65], [50, 200, 66], [200, 30, 32]]
    got = front_end("behaviour", steps=5, keys="hands").read(record(rows))
    assert got is not None
    assert (got.dtype, got.shape) == (np.float32, (5, 8))
    # ln(.5) / .5, ln(2) / .5; ln(.15); asinh(100 / 50) / 1.5, asinh(-20 / 50) / 1.5
    expected = [[0, 0, 0], [-1.386294, 0, 0.962424], [1.386294, -1.897120, -0.260023]]
    np.testing.assert_allclose(got[:3, :3], expected, atol=1e-5)
    np.testing.assert_array_equal(got[:3, 3:].argmax(axis=1), [0, 0, 2])
    np.testing.assert_array_equal(got[:3, 3:].sum(axis=1), 1)
    np.testing.assert_array_equal(got[3:], 0)


def test_names_decide_not_the_order_and_other_columns_are_not_read() -> None:
    front = front_end("behaviour", steps=2, keys="rows")
    by_order = front.read(record([[80, 0, 65], [90, 150, 66]]))
    by_name = front.read(
        record(
            [
                {"keycode": 65, "text": 1, "down_down_ms": 0, "hold_ms": 80},
                {"keycode": 66, "text": 2, "down_down_ms": 150, "hold_ms": 90},
            ]
        )
    )
    np.testing.assert_array_equal(by_order, by_name)


@pytest.mark.parametrize(
    ("keys", "one", "alike", "another"),
    [
        ("none", "ANNA KELLER", "PETERSBURGS", ""),
        ("hands", "CAT NO", "BED HI", "CAN NO"),
        ("rows", "POT CASH", "OUR VDAJ", "PUT CATS"),
    ],
)
def test_texts_of_the_same_groups_read_the_same(
    keys: str, one: str, alike: str, another: str
) -> None:
    front = front_end("behaviour", keys=keys)
    first, second = front.read(record(typed(one))), front.read(record(typed(alike)))
    np.testing.assert_array_equal(first, second)
    if another:
        assert not np.array_equal(first, front.read(record(typed(another))))  # type: ignore[arg-type]


@pytest.mark.parametrize("level", LEVELS)
def test_every_code_has_one_group(level: str) -> None:
    codes = np.array([*range(256), -1, 256, 1e9, 65.7], np.float32)
    rows = one_hot(codes, level)
    assert rows.shape == (260, groups(level))
    np.testing.assert_array_equal(rows.sum(axis=1), 1)
    letters = rows[65:91].sum(axis=0)
    assert letters.max() >= 4 and (level == "none" or letters[-3:].sum() == 0)
    # No letter stands alone in its group.
    assert letters[letters > 0].min() >= 2


def test_only_whole_numbers_of_rows_and_the_part_asked_for() -> None:
    rows = [[float(n), 1, 1] for n in range(1, 11)]
    options = {"steps": 4, "centre": (0, 0, 0), "scale": (1, 1, 1)}
    first = front_end("behaviour", part=(0.0, 0.5), **options).read(record(rows))
    second = front_end("behaviour", part=(0.5, 1.0), **options).read(record(rows))
    assert first is not None and second is not None
    assert first[:, 0].tolist() == [1, 2, 3, 4]
    assert second[:, 0].tolist() == [6, 7, 8, 9]
    with pytest.raises(UnreadableRecord, match="no rows in this part"):
        front_end("behaviour", part=(0.9, 1.0), **options).read(record(rows[:1] * 2))


def test_numbers_are_centred_scaled_and_held() -> None:
    front = front_end("behaviour", steps=3, centre=(10, -1), scale=(2, 0.5))
    got = front.read(record(b"12,-1\n-1000,0\n"))
    assert front.shape == (3, 2)
    assert got is not None and got.tolist() == [[1, 0], [-10, 2], [0, 0]]
    with pytest.raises(UnreadableRecord, match="3 columns; expected 2"):
        front.read(record([[1, 2, 3]]))


def test_a_record_without_behaviour() -> None:
    assert front_end("behaviour").read(Record("a:1", {})) is None


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([[1, 2]], "other columns"),
        ([[1, 2, 3, 4]], "other columns"),
        ([{"hold_ms": 1, "down_down_ms": 1}], "other columns"),
        ([[-1, 2, 65]], "below 0"),
        (b"hold_ms\nMaria\n", "no numbers"),
    ],
)
def test_what_is_refused(rows: Any, says: str) -> None:
    with pytest.raises(UnreadableRecord, match=says) as caught:
        front_end("behaviour").read(record(rows))
    assert "Maria" not in str(caught.value)


@pytest.mark.parametrize(
    "options",
    [
        {"steps": 1}, {"steps": 6.0}, {"keys": "letters"}, {"keys": None}, {"centre": (1,)},
        {"centre": (0,), "scale": (0,)}, {"centre": (0,), "scale": (float("inf"),)},
        {"centre": (float("nan"),), "scale": (1,)}, {"scale": "12"}, {"part": (1, 0)},
    ],
)  # fmt: skip
def test_options_are_checked(options: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="behaviour: "):
        front_end("behaviour", **options)


times = st.floats(0, 2**127, width=32)
rows_of_keys = st.lists(st.tuples(times, times, times), min_size=1, max_size=80)


@given(rows_of_keys, st.sampled_from(list(LEVELS)))
def test_any_times_and_codes_give_small_finite_numbers(
    rows: list[tuple[float, ...]], keys: str
) -> None:
    front = front_end("behaviour", keys=keys)
    got = front.read(record([list(row) for row in rows]))
    assert got is not None and got.shape == front.shape
    assert np.isfinite(got).all() and np.abs(got).max() <= 10


def test_real_keystrokes_spread_as_the_constants_say(data: Callable[[str], Path]) -> None:
    with np.load(data("behaviour_keystroke_aalto") / "dev" / "data.npz") as packed:
        ends = packed["offsets"][:201]
        table = np.stack([packed[k][: ends[-1]] for k in ("hold_ms", "down_down_ms", "keycode")])
    front = front_end("behaviour")
    rows = np.concatenate(
        [
            np.asarray(front.read(record(table[:, start:end].T.tolist())))[1 : end - start]
            for start, end in pairwise(ends)
        ]
    )
    assert (np.abs(np.median(rows[:, :3], axis=0)) < 1).all()
    assert ((rows[:, :3].std(axis=0) > 0.4) & (rows[:, :3].std(axis=0) < 1.2)).all()


def test_it_travels_as_json() -> None:
    front = front_end("behaviour", steps=9, centre=[1, 2.5], scale=[1, 2], part=[0, 0.5])
    again = type(front).from_json(json.loads(json.dumps(front.to_json())))
    assert again == front and hash(again) == hash(front)
