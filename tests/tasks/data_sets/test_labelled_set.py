# SPDX-License-Identifier: Apache-2.0
"""Splits cut no tie, hit their shares where groups allow it, and say when they do not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyveil.errors import UsageError
from polyveil.inputs import front_end
from polyveil.records.record import Record
from polyveil.tasks.data_sets.labelled_set import LabelledSet, grouped

CLASSES = ("no", "yes")


def made(ties: list[frozenset[str]], labels: list[str] | None = None) -> LabelledSet:
    """Records of text that only say their number."""
    records = tuple(Record(str(at), {"text": f"number {at}"}) for at in range(len(ties)))
    given_labels = labels or [CLASSES[at % 2] for at in range(len(ties))]
    return LabelledSet("test", records, tuple(given_labels), CLASSES, tuple(ties))


tie_lists = st.lists(
    st.frozensets(st.sampled_from([f"t{at}" for at in range(12)]), max_size=3), max_size=40
)


@given(tie_lists)
def test_groups_are_connected_components(ties: list[frozenset[str]]) -> None:
    """Naive twin: spread the least number until nothing changes."""
    least = list(range(len(ties)))
    changed = True
    while changed:
        changed = False
        for first in range(len(ties)):
            for second in range(len(ties)):
                if ties[first] & ties[second] and least[first] > least[second]:
                    least[first], changed = least[second], True
    found = grouped(ties).tolist()
    same = {
        (a == b) == (c == d)
        for a, c in zip(least, found, strict=True)
        for b, d in zip(least, found, strict=True)
    }
    assert same <= {True}


@given(st.lists(st.integers(0, 15), min_size=30, max_size=80), st.integers(0, 99))
def test_no_tie_is_cut_and_nothing_is_lost(owners: list[int], seed: int) -> None:
    ties = [frozenset({f"actor {owner}"}) for owner in owners]
    try:
        split = made(ties).split(validation=0.2, test=0.2, seed=seed)
    except UsageError as error:
        assert "cannot fill three parts" in str(error)
        return
    parts = [split.train, split.validation, split.test]
    assert sorted(np.concatenate(parts).tolist()) == list(range(len(owners)))
    seen = [{owners[row] for row in part} for part in parts]
    assert not (seen[0] & seen[1] or seen[0] & seen[2] or seen[1] & seen[2])


def test_shares_and_classes_are_kept_where_groups_are_small() -> None:
    draw = np.random.default_rng(0)
    labels = [CLASSES[int(one)] for one in draw.random(600) < 0.3]
    data = made([frozenset({f"pair {at // 2}"}) for at in range(600)], labels)
    split = data.split(validation=0.2, test=0.25, seed=3)
    for part, share in ((split.train, 0.55), (split.validation, 0.2), (split.test, 0.25)):
        assert len(part) == pytest.approx(600 * share, abs=6)
        yes = np.mean([data.labels[row] == "yes" for row in part])
        assert yes == pytest.approx(np.mean([one == "yes" for one in labels]), abs=0.03)


def test_seeds_differ_and_repeat() -> None:
    data = made([frozenset() for _ in range(50)])
    first, again, other = (data.split(validation=0.2, test=0.2, seed=s) for s in (1, 1, 2))
    np.testing.assert_array_equal(first.test, again.test)
    assert first.test.tolist() != other.test.tolist()


def test_seeds_differ_for_few_large_groups_too() -> None:
    """Seven actors of different sizes: each seed has other actors in the test part."""
    owners = [actor for actor in range(7) for _ in range(30 + 4 * actor)]
    data = made([frozenset({f"actor {owner}"}) for owner in owners])
    splits = [data.split(validation=1 / 7, test=2 / 7, seed=seed) for seed in range(8)]
    tested = {frozenset(owners[row] for row in split.test) for split in splits}
    assert len(tested) >= 5
    for split in splits:
        assert len(split.test) == pytest.approx(2 * len(owners) / 7, rel=0.35)


def test_a_giant_group_goes_where_there_is_room() -> None:
    data = made([frozenset({"handle of a star"} if at < 60 else ()) for at in range(100)])
    for seed in range(5):
        split = data.split(validation=0.15, test=0.15, seed=seed)
        assert set(range(60)) <= set(split.train.tolist())
        assert len(split.validation) == pytest.approx(15, abs=1)


def test_ties_can_be_cut_only_by_asking_and_that_is_said() -> None:
    data = made([frozenset({"the only actor"})] * 40)
    with pytest.raises(UsageError, match="1 groups cannot fill three parts"):
        data.split(validation=0.2, test=0.2, seed=0)
    split = data.split(validation=0.2, test=0.2, seed=0, apart=False)
    assert "ties were cut" in split.remarks[0]


def test_reading_keeps_what_can_be_read() -> None:
    records = (
        Record("1", {"text": "good"}),
        Record("2", {}),
        Record("3", {"text": 5}),
        Record("4", {"text": "bad"}),
    )
    data = LabelledSet("test", records, ("yes", "yes", "no", "no"), CLASSES, (frozenset(),) * 4)
    found = data.read({"text": front_end("text", width=32)}, np.array([0, 1, 2, 3]))
    assert found.labels.tolist() == [1, 0] and found.inputs["text"].shape == (2, 32)
    assert [one.id for one in found.refused] == ["2", "3"]


def test_refusals() -> None:
    with pytest.raises(UsageError, match="no usable record"):
        LabelledSet("test", (), (), CLASSES, ())
    with pytest.raises(UsageError, match="labels among no, yes"):
        made([frozenset()], ["maybe"])
    with pytest.raises(UsageError, match="sum is below 1"):
        made([frozenset()] * 5).split(validation=0.5, test=0.5, seed=0)
