# SPDX-License-Identifier: Apache-2.0
"""One contract for all membership attacks: a leak is shown, nothing is not, and why is said."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from table_world import World, a_study, a_target

from polyveil.attack.membership import (
    Answers,
    Lira,
    Population,
    Reference,
    Rmia,
    ShadowClassifier,
    Study,
)
from polyveil.attack.membership.attacker import MembershipAttack
from polyveil.attack.protocol import carry_out
from polyveil.errors import UsageError
from polyveil.interval import Interval

WORLD = World()
ATTACKS = {
    "population": Population,
    "shadow classifier": lambda study: ShadowClassifier(study, rows=3000),
    "reference": Reference,
    "RMIA": Rmia,
    "LiRA, offline": lambda study: Lira(study, side="offline"),
    "LiRA, online": Lira,
}


@pytest.fixture(scope="module")
def leaky() -> tuple[Study, Answers]:
    study = a_study(WORLD, leak=3.0)
    return study, study.ask(a_target(WORLD, leak=3.0))


@pytest.fixture(scope="module")
def innocent() -> tuple[Study, Answers]:
    study = a_study(WORLD, leak=3.0)
    return study, study.ask(a_target(WORLD, leak=0.0))


def attack_named(name: str, study: Study) -> MembershipAttack:
    found = ATTACKS[name](study)
    assert isinstance(found, MembershipAttack)
    return found


@pytest.mark.parametrize("name", ATTACKS)
def test_a_model_that_remembers_is_caught(name: str, leaky: tuple[Study, Answers]) -> None:
    attack = attack_named(name, leaky[0])
    result = attack.analyse(attack.score(leaky[1]))
    assert all(guard.passed for guard in result.guards), result.guards
    assert result.verdict == "leak demonstrated"
    assert result.p_value is not None and result.p_value < 1e-6
    assert isinstance(result.headline.value, Interval)
    assert set(result.headline.baseline) == {"chance", "records alone"}
    assert result.baseline == 0.01 and result.headline.baseline["records alone"] < 0.05
    assert result.headline.value.low > 0.02


@pytest.mark.parametrize("name", ATTACKS)
def test_a_model_that_never_saw_the_members_is_not_accused(
    name: str, innocent: tuple[Study, Answers]
) -> None:
    attack = attack_named(name, innocent[0])
    result = attack.analyse(attack.score(innocent[1]))
    assert result.verdict != "leak demonstrated"
    assert result.p_value is not None and result.p_value > 0.01


def test_where_nobody_is_named_for_sure_the_area_decides(leaky: tuple[Study, Answers]) -> None:
    """Members that rank above most others, and a few others above all members."""
    study, answers = leaky
    evidence = Population(study).score(answers)
    members = evidence.answers.is_member
    scores = members + np.random.default_rng(0).uniform(0, 0.5, len(members))
    scores[np.flatnonzero(~members)[: (~members).sum() // 50]] += 10
    result = Population(study).analyse(dataclasses.replace(evidence, scores=scores))
    assert result.headline.name == "AUC"
    assert result.baseline == 0.5
    assert result.verdict == "leak demonstrated"
    assert "which is which in 98 of 100" in result.sentence


def test_one_set_of_answers_serves_all_and_asks_each_record_once(
    leaky: tuple[Study, Answers],
) -> None:
    study, answers = leaky
    assert answers.queries == 1200
    target = a_target(WORLD, leak=3.0)
    result = carry_out(Lira(study), target)
    assert target.queries == 1200 == result.effort.queries
    again = Lira(study).analyse(Lira(study).score(answers))
    assert again.headline == result.headline and result.effort.models == 9


def test_the_result_is_for_two_readers(leaky: tuple[Study, Answers]) -> None:
    result = Lira(leaky[0]).analyse(Lira(leaky[0]).score(leaky[1]))
    assert result.sentence.startswith("Of 1,000 members, an attacker names at most ")
    assert "10 false alarms among 1,000 others" in result.sentence
    assert result.effort.trials == 2
    assert any("0.1 %" in one for one in result.not_tested), "400 non-members cannot show it"
    assert any("worst class" in one.name for one in result.measures)
    assert result.curves[0].log
    assert len(result.exposed) == 5
    assert all(one.record.startswith("record ") for one in result.exposed)
    assert set(result.array("is member")) == {True, False}
    assert "<table>" in result._repr_html_()


def test_pseudonyms_need_the_key() -> None:
    world = World(records=60)
    candidates = world.candidates()
    from polyveil.attack.membership import prepare

    names = [prepare(candidates, key=key).pseudonyms for key in (b"a", b"b", b"a")]
    assert names[0] == names[2] and not set(names[0]) & set(names[1])


def test_a_thousand_non_members_allow_a_tenth_of_a_per_cent() -> None:
    world = World(records=3000)
    study = a_study(world, leak=3.0, models=4)
    result = carry_out(Lira(study), a_target(world, leak=3.0))
    names = [one.name for one in result.measures]
    assert "members found at 0.1 % false alarms" in names
    assert result.effort.trials == 3


def test_few_records_get_a_rate_that_they_can_show() -> None:
    for records, rate in ((3 * 40, 0.05), (3 * 15, 0.1)):
        world = World(records=records)
        study = a_study(world, models=4)
        result = carry_out(Lira(study), a_target(world))
        assert result.headline.baseline["chance"] == rate
    tiny = World(records=24)
    study = a_study(tiny, models=4)
    with pytest.raises(UsageError, match="8 non-members; expected at least 10"):
        carry_out(Lira(study), a_target(tiny))


def test_a_private_record_is_not_in_what_is_printed(leaky: tuple[Study, Answers]) -> None:
    study, answers = leaky
    printed = repr(study) + repr(answers) + repr(Lira(study).score(answers))
    assert len(printed) < 6000 and "tensor(" not in printed


def test_nothing_is_accused_by_chance() -> None:
    """A short form of the benchmark: 40 innocent targets, six attacks each."""
    accused, tried = 0, 0
    study = a_study(WORLD, leak=1.0)
    for seed in range(40):
        draw = np.random.default_rng(seed)
        answers = study.ask(a_target(World(), leak=0.0))
        # Another random split of records that the target treats alike is another innocent target.
        shuffled = dataclasses.replace(answers, is_member=draw.permutation(answers.is_member))
        for name in ("population", "RMIA", "LiRA, online", "LiRA, offline"):
            attack = attack_named(name, study)
            result = attack.analyse(attack.score(shuffled))
            accused, tried = accused + result.shown, tried + 1
    assert accused <= 0.05 * tried + 3 * np.sqrt(tried * 0.05 * 0.95)
