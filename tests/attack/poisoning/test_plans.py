# SPDX-License-Identifier: Apache-2.0
"""What a malicious contributor hands in: so many records, no more, and the rest untouched."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from poison_toys import CLASSES, MARK, examples

from polyveil.attack.poisoning import Backdoor, FlippedLabels, Victims
from polyveil.errors import UsageError

TRAIN, TEST = examples(200, 1), examples(60, 2)
PLANS = (
    MARK,
    Backdoor(MARK.trigger, 1, clean_label=True),
    FlippedLabels(CLASSES),
    FlippedLabels(CLASSES, source=2),
    Victims(CLASSES, count=7),
)
plans = st.sampled_from(PLANS)


@given(plans, st.floats(0.001, 0.25), st.integers(0, 50))
def test_as_many_records_as_the_rate_says_and_the_rest_to_the_bit(plan, rate, seed):
    before, labels = TRAIN.digests(), TRAIN.labels.clone()
    poison = plan.poisoned(TRAIN, TEST, rate, seed)
    assert len(poison.examples) == len(TRAIN)
    assert len(set(poison.rows)) == len(poison.rows) == max(1, round(rate * len(TRAIN)))
    rest = np.setdiff1d(np.arange(len(TRAIN)), poison.rows)
    assert poison.examples.at(rest).digests() == TRAIN.at(rest).digests()
    assert torch.equal(poison.examples.at(rest).labels, TRAIN.at(rest).labels)
    assert TRAIN.digests() == before
    assert torch.equal(TRAIN.labels, labels)


@given(plans, st.integers(0, 50))
def test_poison_of_a_smaller_rate_is_part_of_that_of_a_greater_one(plan, seed):
    small, great = (plan.poisoned(TRAIN, TEST, rate, seed).rows for rate in (0.05, 0.2))
    assert set(small) <= set(great)
    assert list(plan.poisoned(TRAIN, TEST, 0.2, seed).rows) == list(great)


@given(st.integers(0, 50))
def test_clean_labels_stay_and_wrong_ones_come_from_other_classes(seed):
    clean = Backdoor(MARK.trigger, 1, clean_label=True).poisoned(TRAIN, TEST, 0.1, seed)
    assert torch.equal(clean.examples.labels, TRAIN.labels)
    assert bool((TRAIN.labels[torch.from_numpy(clean.rows)] == 1).all())
    wrong = MARK.poisoned(TRAIN, TEST, 0.1, seed)
    assert bool((TRAIN.labels[torch.from_numpy(wrong.rows)] != 1).all())
    assert bool((wrong.examples.labels[torch.from_numpy(wrong.rows)] == 1).all())


def test_flipped_labels_leave_the_inputs():
    poison = FlippedLabels(CLASSES).poisoned(TRAIN, TEST, 0.1, 0)
    assert poison.examples.digests() == TRAIN.digests()
    rows = torch.from_numpy(poison.rows)
    assert torch.equal(poison.examples.labels[rows], (TRAIN.labels[rows] + 1) % CLASSES)


def test_copies_of_victims_are_near_and_never_equal():
    plan = Victims(CLASSES, count=7)
    poison = plan.poisoned(TRAIN, TEST, 0.1, 0)
    victims = plan.judged(TEST)
    assert not set(poison.examples.digests()) & set(victims.digests())
    for place, row in enumerate(poison.rows):
        victim = place % 7
        moved = poison.examples.inputs["image"][row] - victims.inputs["image"][victim]
        assert float(moved.abs().max()) < 0.5
        assert int(poison.examples.labels[row]) == (int(victims.labels[victim]) + 1) % CLASSES
    assert len(plan.judged(TEST)) + len(plan.clean(TEST)) == len(TEST)
    assert not set(plan.judged(TEST).digests()) & set(plan.clean(TEST).digests())


def test_more_poison_than_candidates_is_refused():
    with pytest.raises(UsageError, match="Ask for a smaller rate"):
        Backdoor(MARK.trigger, 1, clean_label=True).poisoned(TRAIN, TEST, 0.9, 0)


def test_the_sentence_names_share_and_number():
    from polyveil.attack.poisoning.plan import Outcome
    from polyveil.interval import Interval, clopper_pearson

    loss = Interval(0.0004, -0.01, 0.01, 100, "")
    outcome = Outcome(0.05, 10, 200, clopper_pearson(50, 100), 0.02, loss)
    for plan in PLANS:
        assert "5.0% of the training records (10 of 200)" in plan.sentence(outcome)
        assert "50.0%" in plan.sentence(outcome)
        assert "-0.0" not in plan.sentence(outcome)
