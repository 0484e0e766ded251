# SPDX-License-Identifier: Apache-2.0
"""The rule: decrypted scores never leave; what may leave is a decision without numbers."""

from __future__ import annotations

import copy
import json
import pickle

import numpy as np
import pytest

from polyveil.encrypted import Decision, Scores
from polyveil.errors import UsageError

SCORES = Scores(["a", "b", "c"], np.array([0.2, 0.91, 0.8]), error_bound=1e-5)


def test_the_best_and_those_over_the_threshold():
    assert SCORES.decide(threshold=0.5) == Decision("b", ("b", "c"))
    assert SCORES.decide(threshold=0.95) == Decision(None, ())
    assert SCORES.decide(threshold=-1) == Decision("b", ("b", "c", "a"))


@pytest.mark.parametrize("threshold", [np.nan, -1.1, 1.1, np.inf])
def test_a_threshold_that_is_no_cosine_is_refused(threshold: float):
    with pytest.raises(UsageError, match="threshold"):
        SCORES.decide(threshold=threshold)


@pytest.mark.parametrize("way", [pickle.dumps, copy.copy, copy.deepcopy])
def test_scores_are_not_pickled_or_copied(way):
    with pytest.raises(UsageError, match="secret key"):
        way(SCORES)


def test_scores_are_not_written_or_shown():
    with pytest.raises(TypeError):
        json.dumps(SCORES)
    assert repr(SCORES) == str(SCORES) == "Scores(3 values, not shown)"
    assert not hasattr(SCORES, "to_bytes") and not hasattr(SCORES, "__dict__")


def test_a_decision_holds_no_number():
    decision = SCORES.decide(threshold=0.5)
    assert pickle.loads(pickle.dumps(decision)) == decision  # noqa: S301  (our own bytes)
    assert not any(character.isdigit() for character in repr(decision))


def test_values_are_read_only_and_complete():
    with pytest.raises(ValueError, match="read-only"):
        SCORES.values[0] = 1
    with pytest.raises(UsageError, match="expected 1 scores, got 2"):
        Scores(["a"], np.zeros(2), error_bound=0)
