# SPDX-License-Identifier: Apache-2.0
"""Poison is credited with what the unpoisoned twin does not do, and weak attacks are flagged."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from poison_toys import CLASSES, MARK, TRAINING, BothSenses, examples, honest, poisoning
from torch.nn import functional

from polyveil.attack.examples import Examples
from polyveil.attack.paired import more_often, share
from polyveil.attack.plain_training import PlainTraining
from polyveil.attack.poisoning import Backdoor, FlippedLabels, Joint, Patch, Tone, Victims
from polyveil.attack.poisoning.plan import Poison
from polyveil.attack.protocol import carry_out
from polyveil.errors import UsageError


def health(result) -> dict[str, bool]:
    return {guard.name: guard.passed for guard in result.guards}


@pytest.fixture(scope="module")
def evidence():
    return poisoning().attempt(TRAINING)


@pytest.fixture(scope="module")
def result(evidence):
    return poisoning().analyse(evidence)


def test_a_backdoor_that_works_is_shown_with_all_its_guards(result):
    assert result.verdict == "weakness demonstrated"
    assert all(health(result).values())
    assert result.headline.estimate > 0.9
    assert result.baseline < 0.3
    assert result.effort.models == poisoning().models == 6
    assert result.effort.trials == 3
    assert "40 of 400" in result.sentence or "20 of 400" in result.sentence
    assert any("already trained" in one for one in result.not_tested)


def test_every_figure_follows_from_the_kept_answers(result, evidence):
    reached, twins = result.array("reached"), result.array("reached without poison")
    rivals = [[*twins, own] for own in evidence.reached_unaided]
    anyway = [max(one.mean() for one in some) for some in rivals]
    best = int((reached.mean(1) - anyway).argmax())
    assert result.headline.value == share(reached[best], trials=3)
    assert result.baseline == pytest.approx(anyway[best])
    p_value = max(more_often(reached[best], one) for one in rivals[best])
    assert result.p_value == pytest.approx(min(1.0, 3 * p_value))
    assert result.curves[0].x == (1.0, 5.0, 10.0)
    assert result.curves[0].y == tuple(reached.mean(1))
    named = {one.name: one for one in result.measures}
    lost = named["accuracy lost on clean records, 10.0% poison"]
    right, twin = result.array("right"), result.array("right without poison")
    assert lost.estimate == pytest.approx(twin[0].mean() - right[2].mean())


def test_success_is_judged_without_records_of_the_wanted_class():
    test = examples(300, 2)
    judged = MARK.judged(test)
    assert len(judged) == int((test.labels != MARK.wanted).sum())
    assert not bool((judged.labels == MARK.wanted).any())


@pytest.mark.parametrize(
    "plan",
    [
        Backdoor(Tone("sound", 3.0, 4.0), wanted=0),
        Backdoor(Joint((Patch("image", 2, 4.0), Tone("sound", 3.0, 4.0))), wanted=2),
        Victims(CLASSES, count=10),
    ],
    ids=["sound", "both", "victims"],
)
def test_other_plans_work_on_two_inputs(plan):
    found = carry_out(poisoning(plan=plan, rates=(0.05, 0.1)), TRAINING)
    assert found.verdict == "weakness demonstrated"
    assert all(health(found).values())


def test_flipped_labels_cost_accuracy_in_the_end():
    found = carry_out(poisoning(plan=FlippedLabels(CLASSES), rates=(0.1, 0.6)), TRAINING)
    assert found.verdict == "weakness demonstrated"
    assert found.headline.estimate > 0.5


def test_a_training_that_no_poison_reaches_is_not_accused():
    found = carry_out(poisoning(control=TRAINING, tolerance=0.1), honest)
    assert health(found)["positive control"]
    assert not found.shown
    assert found.verdict == "none detected"


def test_without_a_control_that_learns_such_a_training_is_inconclusive():
    found = carry_out(poisoning(tolerance=0.1), honest)
    assert not health(found)["positive control"]
    assert found.verdict == "inconclusive"


def test_an_invisible_trigger_is_flagged():
    found = carry_out(poisoning(plan=Backdoor(Tone("sound", 1e-4, 4.0), 1)), TRAINING)
    assert not health(found)["trigger is visible"]
    assert found.verdict == "inconclusive"


def test_wrong_labels_alone_are_no_backdoor(evidence):
    found = poisoning().analyse(replace(evidence, reached_unaided=tuple(evidence.reached)))
    assert found.p_value == 1.0
    assert found.verdict != "weakness demonstrated"


def test_a_single_poisoned_record_is_flagged():
    found = carry_out(poisoning(rates=(0.0025,)), TRAINING)
    assert not health(found)["enough poison"]
    assert found.verdict != "none detected"


def test_a_trigger_that_shows_another_class_is_flagged():
    shown = examples(300, 4)
    shown = shown.at(shown.labels == 1).at(slice(0, 1)).inputs

    def disguise(inputs):
        return {name: values.expand_as(inputs[name]) for name, values in shown.items()}

    found = carry_out(poisoning(plan=Backdoor(disguise, 1)), TRAINING)
    assert not health(found)["trigger keeps the content"]


def test_a_training_that_learns_nothing_is_flagged():
    lazy = PlainTraining(BothSenses, epochs=1, rate=1e-7)
    found = carry_out(poisoning(plan=FlippedLabels(CLASSES)), lazy)
    assert not health(found)["training learns"]
    assert found.verdict == "inconclusive"


def test_test_records_in_the_training_are_caught():
    found = carry_out(poisoning(train=examples(300, 2)), TRAINING)
    assert not health(found)["disjoint splits"]
    assert found.verdict == "inconclusive"


def test_a_plan_that_touches_more_than_its_rate_is_caught():
    class Greedy(Backdoor):
        """Says that it marked half of what it marked."""

        def poisoned(self, train, test, rate, seed):
            taken = super().poisoned(train, test, rate, seed)
            return Poison(taken.examples, taken.rows[::2])

    found = carry_out(poisoning(plan=Greedy(MARK.trigger, 1)), TRAINING)
    assert not health(found)["poison stays within its rate"]
    assert found.verdict == "inconclusive"


def test_twins_that_differ_as_much_as_the_gain_are_flagged(evidence):
    apart = np.array(evidence.reached_twins)
    apart[0], apart[1] = False, True
    apart[1, : apart.shape[1] // 2] = False
    found = poisoning().analyse(replace(evidence, reached_twins=apart))
    assert not health(found)["null control"]
    assert found.verdict == "inconclusive"


def test_more_poison_that_does_less_is_flagged(evidence):
    turned = evidence.reached[::-1].copy()
    turned[0], turned[-1] = True, False
    found = poisoning().analyse(replace(evidence, reached=turned))
    assert not health(found)["more poison is not weaker"]


def test_no_poison_reaches_the_twin(evidence):
    nothing = replace(evidence, reached=np.stack([evidence.reached_twins[0]] * 3))
    found = poisoning(tolerance=0.1).analyse(nothing)
    assert found.p_value == 1.0
    assert found.verdict == "none detected"


def test_it_runs_against_private_training():
    from polyveil.learn import PrivateTraining

    class OneInput(BothSenses):
        def forward(self, rows):
            return self.layers(rows)

    def flat(inputs):
        return torch.cat([one.flatten(1) for one in inputs.values()], 1)

    def private(records: Examples, seed: int):
        model = OneInput()
        steps = torch.optim.Adam(model.parameters(), lr=0.01)
        engine = PrivateTraining(
            model,
            steps,
            (flat(records.inputs), records.labels),
            batch_size=100,
            epochs=8,
            noise_multiplier=1.0,
            delta=1e-3,
            secret=bytes([seed]) * 32,
        )
        for rows, labels in engine.batches():
            engine.backward(functional.cross_entropy(model(rows), labels, reduction="none"))
            steps.step()
        engine.detach()
        return model

    attack = poisoning(
        rates=(0.1,),
        calling=lambda module, inputs: (
            module(flat(inputs)) if isinstance(module, OneInput) else module(**inputs)
        ),
        control=TRAINING,
    )
    found = carry_out(attack, private)
    assert health(found)["training learns"]
    assert health(found)["positive control"]


def test_odd_settings_are_refused_with_what_is_expected():
    with pytest.raises(UsageError, match="rising shares"):
        poisoning(rates=(0.1, 0.05))
    with pytest.raises(UsageError, match="rising shares"):
        poisoning(rates=(0.0,))
    with pytest.raises(UsageError, match="leave none to judge"):
        poisoning(plan=Victims(CLASSES, count=300))


def test_records_that_were_cut_without_a_shuffle_are_flagged():
    records = examples(400, 1)
    records = records.at(records.labels.argsort())
    found = carry_out(poisoning(train=records.at(slice(0, 200)), rates=(0.1,)), TRAINING)
    assert not health(found)["classes alike"]
