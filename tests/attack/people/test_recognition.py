# SPDX-License-Identifier: Apache-2.0
"""Recognisers find whom they can, learn what can be learned, and accuse nobody else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from polyveil.attack.people.observation import Observations
from polyveil.attack.people.recognition import Recognition, TrainedRecognition
from polyveil.attack.protocol import carry_out
from polyveil.errors import UsageError

Make = Callable[..., Observations]


def failed(result: Any) -> set[str]:
    return {one.name for one in result.guards if not one.passed}


@pytest.mark.parametrize("labelled", [True, False])
def test_a_tool_that_copies_the_originals_is_found_out(
    observed: Make, releases: dict[str, Any], labelled: bool
) -> None:
    seen = observed(releases["copied"], people=30, each=3 if labelled else 1, labelled=labelled)
    for attack in (Recognition(), TrainedRecognition()):
        result = carry_out(attack, seen)
        assert result.verdict == "leak demonstrated", result.guards
        assert result.headline.estimate > 0.9 and not failed(result)
        assert result.exposed and result.p_value is not None and result.p_value < 0.001
        assert "person" in result.exposed[0].record and not result.array("hits")[0, 0] < 0


def test_only_the_trained_attacker_undoes_a_secret_rotation(
    observed: Make, releases: dict[str, Any]
) -> None:
    seen = observed(releases["rotated"], people=80, each=4, spread=0.4)
    assert carry_out(Recognition(), seen).headline.estimate < 0.1
    trained = carry_out(TrainedRecognition(), seen)
    assert trained.verdict == "leak demonstrated" and trained.headline.estimate > 0.5


def test_stand_ins_from_nowhere_are_not_accused(observed: Make, releases: dict[str, Any]) -> None:
    many = observed(releases["drawn"], people=300, each=2)
    naive = carry_out(Recognition(draws=30), many)
    assert naive.verdict == "none detected", (naive.sentence, naive.guards)
    trained = carry_out(TrainedRecognition(draws=30), many)
    assert trained.verdict in {"none detected", "inconclusive"} and not trained.shown


def test_few_people_say_nothing(observed: Make, releases: dict[str, Any]) -> None:
    result = carry_out(Recognition(), observed(releases["drawn"], people=12))
    assert result.verdict == "inconclusive" and "enough people" in failed(result)
    with pytest.raises(UsageError, match="expected 8"):
        TrainedRecognition().attempt(observed(releases["drawn"], people=6))


def test_the_same_picture_is_an_upper_bound_and_no_leak_of_identity(observed: Make) -> None:
    """Pose and light are kept: everybody is found again, although no face was left."""

    def lit(rows: np.ndarray, who: np.ndarray, draw: np.random.Generator) -> np.ndarray:
        kept = rows + draw.normal(size=rows.shape) / 10
        return (kept / np.linalg.norm(kept, axis=1, keepdims=True)).astype(np.float32) * 0.999

    seen = observed(lit, people=40, each=1, labelled=False)
    result = carry_out(Recognition(), seen)
    assert result.shown and result.verdict == "inconclusive"
    assert failed(result) == {"identity, not the picture"} and "upper bound" in result.notes[0]


def test_a_weak_recogniser_and_a_weak_learner_comfort_nobody(
    observed: Make, releases: dict[str, Any]
) -> None:
    def blind(rows: np.ndarray, who: np.ndarray, draw: np.random.Generator) -> np.ndarray:
        rows[:] = rows[0]
        return rows

    result = carry_out(Recognition(), observed(blind, people=60))
    assert "positive control" in failed(result) and result.verdict == "inconclusive"
    seen = observed(releases["rotated"], people=80, each=4, spread=0.4)
    lazy = carry_out(TrainedRecognition(pairs=3), seen)
    assert "attacker has learned" in failed(lazy) and lazy.verdict == "inconclusive"


def test_nobody_is_trained_on_whom_he_is_tested(observed: Make, releases: dict[str, Any]) -> None:
    result = carry_out(TrainedRecognition(), observed(releases["drawn"], people=40))
    (proof,) = [one for one in result.guards if one.name == "disjoint splits"]
    assert proof.passed and "part 4" in proof.sentence


def test_equal_seeds_give_equal_results(observed: Make, releases: dict[str, Any]) -> None:
    seen = observed(releases["drawn"], people=24)
    for attack in (Recognition(draws=10), TrainedRecognition(draws=10)):
        assert attack.analyse(attack.attempt(seen)) == attack.analyse(attack.attempt(seen))
