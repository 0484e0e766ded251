# SPDX-License-Identifier: Apache-2.0
"""Chimeric users: parts stay apart in every source, roles stay apart in every record."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polyveil.errors import UsageError
from polyveil.recognize.chimeric import PARTS, ROLES, Pairing, Part, Source, divided

SHARES: dict[Part, float] = {"background": 0.3, "development": 0.3, "evaluation": 0.4}


def source(modality: str, people: int = 10, each: int = 3, *, seed: int = 0) -> Source:
    names = [f"{modality}-{number}" for number in range(people)]
    return Source(
        modality,
        f"pack of {modality}",
        np.repeat(names, 2 * each),
        np.tile(np.repeat(ROLES, each), people),
        divided(names, SHARES, seed=seed),
    )


def sources() -> list[Source]:
    return [source("face", 10, 2), source("voice", 14, 1), source("keys", 30, 5)]


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), part=st.sampled_from(PARTS), role=st.sampled_from(ROLES))
def test_records_hold_their_users_people_their_part_and_their_role(
    seed: int, part: Part, role: str
) -> None:
    pairing = Pairing.draw(sources(), seed=seed)
    records = pairing.records(part, role)  # type: ignore[arg-type]
    for name, one in pairing.sources.items():
        lent = [pairing.users[part][number].people[name] for number in records.users]
        assert one.people[records.rows[name]].tolist() == lent
        assert set(lent) <= set(one.parts[part])
        assert set(one.roles[records.rows[name]]) == {role}
        # Everything a user has of the modality is used, about equally often.
        _, uses = np.unique(records.rows[name], return_counts=True)
        assert len(uses) == sum(len(one.rows(person, role)) for person in set(lent))  # type: ignore[arg-type]
        assert uses.max() - uses.min() <= 1


@settings(max_examples=20, deadline=None)
@given(first=st.integers(0, 999), second=st.integers(0, 999))
def test_nobody_changes_part_between_pairings_and_nobody_lends_twice(
    first: int, second: int
) -> None:
    one, other = (Pairing.draw(sources(), seed=seed) for seed in (first, second))
    for name in one.sources:
        for a in PARTS:
            lent = [user.people[name] for user in one.users[a]]
            assert len(set(lent)) == len(lent) == 3 + (a == "evaluation")
            for b in set(PARTS) - {a}:
                assert set(lent).isdisjoint(user.people[name] for user in other.users[b])


def test_a_seed_repeats_and_another_one_joins_others() -> None:
    a, b, c = (Pairing.draw(sources(), seed=seed) for seed in (1, 1, 2))
    assert a.users == b.users != c.users
    assert (a.records("evaluation", "probe").users == b.records("evaluation", "probe").users).all()


def test_it_says_chimeric_everywhere() -> None:
    pairing = Pairing.draw(sources(), seed=0)
    records = pairing.records("evaluation", "probe", each=4)
    assert "chimeric" in repr(pairing)
    assert repr(records) == "ChimericRecords(16 records of 4 chimeric users)"
    assert all("chimeric" in name for name in records.names)
    assert all("chimeric" in remark for remark in pairing.remarks)
    assert "face-" not in repr(pairing) + repr(pairing.users) + repr(pairing.sources["face"])


def test_samples_are_taken_by_row() -> None:
    pairing = Pairing.draw(sources(), seed=3)
    records = pairing.records("development", "enrolment", each=2)
    arrays = {name: np.arange(len(one.people))[:, None] for name, one in pairing.sources.items()}
    taken = records.take(arrays)
    for name, rows in records.rows.items():
        assert taken[name].dtype == np.float32
        assert (taken[name][:, 0] == rows).all()


def test_users_names_make_a_split() -> None:
    split = Pairing.draw(sources(), seed=0).split
    assert sorted(split.evaluation)[0] == "chimeric evaluation 000"
    assert (len(split.background), len(split.development), len(split.evaluation)) == (3, 3, 4)


def test_fewer_users_are_the_first_of_the_same_draw() -> None:
    whole, few = (Pairing.draw(sources(), seed=4, most=most) for most in (None, 2))
    assert few.users["evaluation"] == whole.users["evaluation"][:2]
    with pytest.raises(UsageError, match="at least 1 user"):
        Pairing.draw(sources(), seed=4, most=0)


def test_someone_is_placed_by_hand_within_the_share() -> None:
    found = divided(map(str, range(10)), SHARES, seed=0, always={"7": "evaluation"})
    assert "7" in found["evaluation"]
    assert [len(found[part]) for part in PARTS] == [3, 3, 4]


def test_what_does_not_fit_is_refused_by_name() -> None:
    one = source("face")
    with pytest.raises(UsageError, match="two of face"):
        Pairing.draw([one, one], seed=0)
    with pytest.raises(UsageError, match="none; expected one"):
        Pairing.draw([], seed=0)
    with pytest.raises(UsageError, match="disjoint"):
        Source("face", "pack", one.people, one.roles, dict.fromkeys(PARTS, ("face-1",)))
    with pytest.raises(UsageError, match="no sample to enrol"):
        Source("face", "pack", one.people, np.full(60, "probe"), one.parts)
    with pytest.raises(UsageError, match="expected roles"):
        Source("face", "pack", one.people, np.full(60, "test"), one.parts)
    with pytest.raises(UsageError, match="one of each a sample"):
        Source("face", "pack", one.people, one.roles[1:], one.parts)
    with pytest.raises(UsageError, match="at most 1"):
        divided("abc", {"background": 0.9, "evaluation": 0.2}, seed=0)
    with pytest.raises(UsageError, match="not among the people"):
        divided("abc", SHARES, seed=0, always={"d": "evaluation"})
    with pytest.raises(UsageError, match="at least 1 record"):
        Pairing.draw([one], seed=0).records("evaluation", "probe", each=0)


def test_an_empty_part_has_no_users() -> None:
    alone = Source("face", "pack", np.repeat(["a"], 2), np.array(ROLES), {"evaluation": ("a",)})
    pairing = Pairing.draw([alone], seed=0)
    assert [len(pairing.users[part]) for part in PARTS] == [0, 0, 1]
    assert len(pairing.records("background", "probe")) == 0


def test_torch_is_not_loaded() -> None:
    code = "import sys, polyveil.recognize.chimeric; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
