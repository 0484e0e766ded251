# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from evasion_toys import BUDGETS, drawn, target
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from polyveil.attack.classifier import Classifier
from polyveil.attack.evasion import (
    APGD,
    FGSM,
    PGD,
    QUICK,
    STANDARD,
    Budget,
    Evasion,
    RandomSearch,
    Search,
    evaluate_by_modality,
)
from polyveil.attack.evasion.analysis import paired_p_value
from polyveil.attack.protocol import carry_out
from polyveil.attack.result import AttackResult
from polyveil.interval import clopper_pearson

BOTH: tuple[Search, ...] = (PGD(20), PGD(20, "margin"))
EXAMPLES = drawn(150, seed=2)


@pytest.fixture(scope="module")
def standard() -> AttackResult:
    return carry_out(Evasion(EXAMPLES, BUDGETS, STANDARD, keep=True), target())


def failing(result: AttackResult) -> set[str]:
    return {one.name for one in result.guards if not one.passed}


def figure(result: AttackResult, name: str) -> float:
    return next(one.estimate for one in result.measures if one.name.startswith(name))


def test_a_sound_attack_passes_every_guard(standard: AttackResult) -> None:
    assert failing(standard) == set()
    assert len(standard.guards) == 10
    assert standard.verdict == "weakness demonstrated"
    assert standard.threat.kind == "integrity"
    assert "random noise" in standard.sentence
    assert standard.effort.queries > 0
    assert standard.effort.seconds > 0


def test_figures_are_what_the_arrays_say(standard: AttackResult) -> None:
    right, broken = standard.array("right"), standard.array("broken")
    assert standard.headline.value == clopper_pearson(int(broken.sum()), int(right.sum()))
    assert figure(standard, "ARS") == (right & ~broken).mean()
    assert figure(standard, "ASR") == pytest.approx(1 - figure(standard, "ARS"))
    assert figure(standard, "clean accuracy") == right.mean()
    assert not (broken & ~right).any()


def test_kept_inputs_do_what_is_said(standard: AttackResult) -> None:
    made = {name: torch.from_numpy(standard.array(f"adversarial {name}")) for name in BUDGETS}
    wrong = (target().logits(made).argmax(1) != EXAMPLES.labels).numpy()
    right = standard.array("right")
    assert (wrong[right] == standard.array("broken")[right]).all()


def test_accuracy_falls_with_strength(standard: AttackResult) -> None:
    (curve,) = standard.curves
    assert list(curve.y) == sorted(curve.y, reverse=True)
    assert curve.y[0] == figure(standard, "clean accuracy")
    assert curve.y[-1] == pytest.approx(figure(standard, "ARS"))
    radius, broken = standard.array("smallest radius"), standard.array("broken")
    assert (radius[broken] <= 1 + 1e-3).all()
    assert (radius[broken] > 0).all()


def test_logits_times_1000_hide_the_gradient_of_cross_entropy_and_a_margin_finds_it() -> None:
    alone = carry_out(Evasion(EXAMPLES, BUDGETS, (PGD(20),), radii=False), target(scale=1000))
    assert {"gradients do not vanish", "nothing stands without limits"} <= failing(alone)
    assert alone.verdict == "inconclusive"
    both = carry_out(Evasion(EXAMPLES, BUDGETS, BOTH, radii=False), target(scale=1000))
    assert "gradients do not vanish" not in failing(both)
    assert both.headline.estimate > alone.headline.estimate + 0.1
    assert both.verdict == "weakness demonstrated"


def test_one_step_is_too_few() -> None:
    short = {
        name: Budget("linf", one.epsilon, step=one.epsilon / 10) for name, one in BUDGETS.items()
    }
    for budgets in (BUDGETS, short):
        weak = carry_out(
            Evasion(EXAMPLES, budgets, (PGD(1), PGD(1, "margin")), radii=False), target()
        )
        assert "more effort changes nothing" in failing(weak)


def test_a_noisy_model_needs_averaging() -> None:
    few = EXAMPLES.at(slice(0, 40))
    members = (PGD(8), PGD(8, "margin"))
    attack = Evasion(few, BUDGETS, members, passes=9, draws=3, radii=False, checks=5)
    blind = carry_out(
        replace(attack, averaging=1),
        target(sigma=1.0),
    )
    assert "averaging over randomness" in failing(blind)
    seeing = carry_out(attack, target(sigma=1.0))
    assert "averaging over randomness" not in failing(seeing)
    assert figure(seeing, "ARS") < figure(blind, "ARS") - 0.05
    assert any("majority" in one.note for one in seeing.measures)
    assert any("random" in one for one in seeing.notes)


@pytest.mark.parametrize("box", [(0.0, 255.0), (0.2, 0.8), (-10.0, 10.0)])
def test_a_box_of_other_units_is_flagged(box: tuple[float, float]) -> None:
    budgets = {"image": Budget("linf", 0.15, box)}
    result = carry_out(Evasion(EXAMPLES, budgets, QUICK, radii=False), target())
    assert "box fits the data" in failing(result)
    assert result.verdict == "inconclusive"


def test_rounded_inputs_hide_every_gradient_and_the_black_box_tells() -> None:
    budgets = {name: one.scaled(3) for name, one in BUDGETS.items()}
    members = (PGD(10), PGD(10, "margin"), RandomSearch(60))
    result = carry_out(Evasion(EXAMPLES, budgets, members, radii=False), target(levels=8))
    assert {"gradients do not vanish", "black box does not beat gradients"} <= failing(result)


def test_many_steps_that_find_less_than_one_are_flagged() -> None:
    budgets = {name: Budget("linf", one.epsilon, step=1e-6) for name, one in BUDGETS.items()}
    members = (FGSM(), PGD(5, random_start=False), PGD(5, "margin", random_start=False))
    result = carry_out(Evasion(EXAMPLES, budgets, members, radii=False), target())
    assert "many steps beat one" in failing(result)


def test_a_model_at_chance_shows_nothing() -> None:
    mixed = torch.randperm(len(EXAMPLES), generator=torch.Generator().manual_seed(0))
    shuffled = type(EXAMPLES)(EXAMPLES.inputs, EXAMPLES.labels[mixed])
    result = carry_out(Evasion(shuffled, BUDGETS, QUICK, radii=False), target())
    assert "clean accuracy above chance" in failing(result)
    assert result.verdict == "inconclusive"


def test_a_model_that_is_always_wrong_is_no_crash() -> None:
    wrong = type(EXAMPLES)(EXAMPLES.inputs, (EXAMPLES.labels + 1) % 4)
    result = carry_out(Evasion(wrong.at(slice(0, 20)), BUDGETS, QUICK), target())
    assert result.headline.value.n == 0  # type: ignore[union-attr]
    assert result.verdict == "inconclusive"


def test_each_modality_alone_all_joint_and_the_parts_put_together() -> None:
    report = evaluate_by_modality(Evasion(EXAMPLES, BUDGETS, QUICK, radii=False), target())
    ars = report.ars()
    assert set(ars) == {"image", "sound", "separately combined", "joint"}
    assert ars["joint"].estimate < min(ars["image"].estimate, ars["sound"].estimate)
    assert ars["joint"].estimate <= ars["separately combined"].estimate
    assert "joint is no weaker than one modality" not in failing(report.joint)
    assert any("sound" in one for one in report.alone["image"].not_tested)
    assert not any("adversarial" in name for name in report.alone["image"].arrays)
    with pytest.raises(ValueError, match="two modalities"):
        evaluate_by_modality(Evasion(EXAMPLES, {"image": BUDGETS["image"]}), target())


def test_one_input_and_two_classes() -> None:
    draw = torch.Generator().manual_seed(0)
    values = torch.rand((60, 5), generator=draw)
    labels = (values[:, 0] > 0.5).long()
    module = torch.nn.Linear(5, 2)
    with torch.no_grad():
        module.weight.copy_(torch.tensor([[-4.0, 0, 0, 0, 0], [4.0, 0, 0, 0, 0]]))
        module.bias.copy_(torch.tensor([2.0, -2.0]))
    members = (FGSM(), PGD(10), APGD(10, "dlr"), APGD(10, "targeted dlr"), RandomSearch(20))
    examples = type(EXAMPLES)({"row": values}, labels)
    result = carry_out(Evasion(examples, {"row": Budget("linf", 0.1)}, members), Classifier(module))
    near = ((values[:, 0] - 0.5).abs() < 0.1 - 1e-5).numpy()
    assert (result.array("broken") == near).all()
    assert result.headline.baseline["without the target"] > 0.9 * result.headline.estimate
    assert any("two classes" in one for one in result.notes)


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=40))
def test_the_paired_test_is_the_exact_sign_test(pairs: list[tuple[bool, bool]]) -> None:
    import numpy as np

    first = np.array([one for one, _ in pairs])
    second = np.array([other for _, other in pairs])
    wins, losses = int((first & ~second).sum()), int((second & ~first).sum())
    expected = (
        binomtest(wins, wins + losses, alternative="greater").pvalue if wins + losses else 1.0
    )
    assert paired_p_value(first, second) == pytest.approx(expected)


@pytest.mark.parametrize("wrong", [{"members": ()}, {"averaging": 0}, {"checks": 0}, {"passes": 0}])
def test_nonsense_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="expected"):
        Evasion(EXAMPLES, BUDGETS, **wrong)
