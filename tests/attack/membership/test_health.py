# SPDX-License-Identifier: Apache-2.0
"""Every attack beaten by a weak version of itself, or helped by a foul one, is flagged."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from table_world import World, a_study, a_target

from polyveil.attack.examples import joined
from polyveil.attack.membership import Candidates, Lira, Population, Rmia, prepare, train_shadows
from polyveil.attack.membership.answers import View
from polyveil.attack.protocol import carry_out
from polyveil.attack.result import AttackResult

WORLD = World()


def failed(result: AttackResult) -> set[str]:
    return {guard.name for guard in result.guards if not guard.passed}


@pytest.mark.parametrize("part", ["nonmembers", "population", "background"])
def test_a_leaked_split_accuses_nobody(part: str) -> None:
    """Five members among the others: the split is not what it was said to be."""
    clean = WORLD.candidates()
    few = clean.members.at(slice(0, 5))
    before = getattr(clean, part)
    foul = replace(clean, **{part: few if before is None else joined(before, few)})
    shadows = train_shadows(WORLD.recipe(3.0), foul, 8, seed=1)
    study = prepare(foul, shadows=shadows, key=b"key")
    result = carry_out(Rmia(study), a_target(WORLD, leak=3.0))
    assert "disjoint splits" in failed(result)
    assert result.shown and result.verdict == "inconclusive"


def test_shadow_models_of_another_distribution_comfort_nobody() -> None:
    other = a_study(WORLD, shadow_recipe=WORLD.recipe(3.0, hardness=9), with_twin=False)
    result = carry_out(Lira(other, side="offline"), a_target(WORLD, leak=0.1))
    assert "shadow models resemble the target" in failed(result)
    assert not result.shown and result.verdict == "inconclusive"


def test_shadow_models_that_were_hardly_trained_comfort_nobody() -> None:
    weak = a_study(WORLD, shadow_recipe=WORLD.recipe(0.0, skill=0.1), with_twin=False)
    result = carry_out(Lira(weak), a_target(WORLD, leak=0.3))
    assert {"shadow models resemble the target", "positive control"} <= failed(result)
    assert result.verdict == "inconclusive"


def test_shifted_non_members_accuse_nobody() -> None:
    """Members are brighter and easier; the target remembers nothing."""
    shifted = World(shift=1.5)
    study = a_study(shifted)
    result = carry_out(Population(study), a_target(shifted, leak=0.0))
    assert result.shown, "the figures alone accuse"
    assert {"blind attacker", "null control"} <= failed(result)
    assert result.verdict == "inconclusive"


def test_shifted_non_members_comfort_nobody_either() -> None:
    """The other way round: members are harder, and what the target remembers is hidden."""
    shifted = World(shift=-1.5)
    result = carry_out(Population(a_study(shifted)), a_target(shifted, leak=0.3))
    assert "members and non-members look alike" in failed(result)
    assert not result.shown and result.verdict == "inconclusive"


def test_a_shift_that_explains_little_of_a_leak_lets_it_stand() -> None:
    faint = World(shift=0.1)
    result = carry_out(Lira(a_study(faint, leak=3.0)), a_target(faint, leak=3.0))
    assert not failed(result) and result.verdict == "leak demonstrated"


def test_an_attack_that_is_broken_is_noticed() -> None:
    """Its sign turned round: it finds nothing, also where there is something."""

    class TurnedRound(Lira):
        def scores(self, view: View) -> np.ndarray:
            return -super().scores(view)

    study = a_study(WORLD, leak=3.0)
    result = carry_out(TurnedRound(study), a_target(WORLD, leak=3.0))
    assert {"positive control", "not weaker than the plain loss"} <= failed(result)
    assert result.verdict == "inconclusive"


def test_too_few_shadow_models_play_no_control() -> None:
    study = a_study(WORLD, models=2, leak=3.0, with_twin=False)
    target = a_target(WORLD, leak=3.0)
    assert {"positive control", "null control"} <= failed(carry_out(Lira(study), target))
    # The population attack needs no rest of them.
    assert not failed(carry_out(Population(study), target))


def test_without_any_shadow_model_the_population_attack_says_what_was_not_checked() -> None:
    bare = prepare(WORLD.candidates(), key=b"key")
    result = carry_out(Population(bare), a_target(WORLD, leak=3.0))
    assert failed(result) == {"positive control"}
    assert result.verdict == "leak demonstrated", "fresh records are its null control"
    quiet = carry_out(Population(bare), a_target(WORLD, leak=0.0))
    assert quiet.verdict == "inconclusive", "nothing shows that it could have succeeded"


def test_a_population_that_was_drawn_elsewhere_is_noticed() -> None:
    clean, shifted = WORLD.candidates(), World(seed=5, shift=6.0)
    elsewhere = Candidates(clean.members, clean.nonmembers, shifted.candidates().members)
    study = prepare(elsewhere, key=b"key")
    result = carry_out(Population(study), a_target(WORLD))
    assert "null control, fresh records" in failed(result)


def test_more_models_that_still_help_are_asked_for() -> None:
    study = a_study(WORLD, models=8, leak=0.6, with_twin=False)
    result = carry_out(Lira(study, spread="each"), a_target(WORLD, leak=0.6))
    assert "more shadow models change little" in failed(result)
