# SPDX-License-Identifier: Apache-2.0
"""A thief is credited with what the target taught him, and with nothing else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from theft_toys import CLASSES, BothSenses, examples, target, theft, training, truth
from torch import nn

from polyveil.attack.classifier import Classifier
from polyveil.attack.extraction import Answers
from polyveil.attack.paired import more_often, share
from polyveil.attack.protocol import carry_out
from polyveil.errors import UsageError


def health(result) -> dict[str, bool]:
    return {guard.name: guard.passed for guard in result.guards}


@pytest.fixture(scope="module")
def evidence():
    return theft().attempt(target())


@pytest.fixture(scope="module")
def result(evidence):
    return theft().analyse(evidence)


def test_a_theft_that_works_is_shown_with_all_its_guards(result):
    assert result.verdict == "weakness demonstrated"
    assert all(health(result).values())
    assert result.headline.estimate > result.headline.baseline["without the target"] + 0.05
    assert result.effort.queries == 300
    assert result.effort.trials == 2
    assert result.effort.models == theft().models == 11
    assert "his own labels of the same records" in result.sentence


def test_every_figure_follows_from_the_kept_answers(result, evidence):
    copies, asked = result.array("copies"), result.array("target")
    own = result.array("own labels")
    for at, size in enumerate((100, 300)):
        named = {measure.name: measure for measure in result.measures}
        agreement = named[f"agreement with the target, {size} queries"]
        assert agreement.estimate == pytest.approx(np.mean(copies[at, 0] == asked))
        assert agreement.baseline["without the target"] == pytest.approx(
            max(np.mean(one == asked) for one in own[at])
        )
    assert result.curves[0].y == tuple(evidence.agreeing.mean(1))


def test_the_greatest_gain_is_paid_for_by_trials(evidence, result):
    gains = evidence.agreeing.mean(1) - evidence.best_own.mean(1)
    best = int(gains.argmax())
    alone = max(
        more_often(evidence.agreeing[best], evidence.best_own[best]),
        more_often(evidence.agreeing[best], evidence.always),
    )
    assert result.p_value == pytest.approx(min(1.0, 2 * alone))
    assert result.headline.value == share(evidence.agreeing[best], trials=2)


def test_a_copy_transfers_attacks_better_than_random_signs(result):
    (transfer,) = [one for one in result.measures if "made against" in one.name]
    assert transfer.estimate > transfer.baseline["random signs"] + 0.2
    assert not [one for one in carry_out(theft(step=0), target()).measures if "made" in one.name]


def test_the_less_a_target_lets_out_the_less_a_copy_agrees(evidence):
    label = theft(answers=Answers("label")).attempt(target())
    assert label.agreeing[-1].mean() <= evidence.agreeing[-1].mean()


def test_two_epochs_are_flagged():
    weak = carry_out(theft(recipe=training(epochs=2).fitted, answers=Answers("label")), target())
    assert not health(weak)["attacker converged"]
    assert weak.verdict != "none detected"


def test_a_thief_who_ignores_the_answers_fails_the_positive_control():
    def deaf(inputs, taught, seed):
        labels = truth()(**inputs).argmax(1)
        return training().fitted(inputs, labels, seed)

    found = carry_out(theft(recipe=deaf), target())
    assert not health(found)["positive control"]
    assert found.verdict == "inconclusive"


def test_a_thief_who_holds_the_held_out_records_is_caught():
    found = carry_out(theft(records=examples(600, 2)), target())
    assert not health(found)["disjoint splits"]
    assert found.verdict == "inconclusive"


def test_a_thief_who_holds_the_training_records_is_caught_if_they_are_named():
    found = carry_out(theft(trained_on=tuple(examples(300, 1).digests()[:5])), target())
    assert not health(found)["disjoint splits"]


def test_a_target_that_gives_nothing_beyond_his_labels_is_not_accused():
    # The target knows what the thief's own labels say, and no more.
    held = {"records": examples(300, 1, noise=0.0), "held_out": examples(600, 2, noise=0.0)}
    found = carry_out(theft(**held, answers=Answers("label")), target())
    assert found.verdict != "weakness demonstrated"
    assert found.headline.estimate == pytest.approx(found.baseline, abs=0.03)


def test_a_gain_that_another_seed_loses_is_flagged(evidence):
    lucky = np.array(evidence.copies)
    lucky[:, 1] = (evidence.target + 1) % CLASSES
    found = theft().analyse(replace(evidence, copies=lucky))
    assert not health(found)["gain beyond the seed"]
    assert found.verdict == "inconclusive"


def test_fewer_queries_that_copy_better_are_flagged(evidence):
    turned = np.array(evidence.copies)
    turned[0], turned[1] = evidence.target, (evidence.target + 1) % CLASSES
    assert not health(theft().analyse(replace(evidence, copies=turned)))[
        "more queries are not weaker"
    ]


def test_answers_of_the_wrong_records_that_still_teach_are_flagged(evidence):
    leaky = replace(evidence, dealt=evidence.target)
    assert not health(theft().analyse(leaky))["null control"]


class Moody(BothSenses):
    """Answers at random."""

    def forward(self, image, sound):
        return torch.rand(len(image), CLASSES)


def test_a_target_that_does_not_repeat_itself_is_flagged():
    with torch.random.fork_rng():
        found = carry_out(theft(budgets=(100,)), Classifier(Moody()))
    assert not health(found)["target repeats itself"]
    assert found.verdict == "inconclusive"


class Shaking(nn.Module):
    """The truth behind noise that one answer drowns in."""

    def __init__(self):
        super().__init__()
        self.truth = truth()

    def forward(self, image, sound):
        logits = 12 * self.truth(image, sound)
        return logits + 2 * torch.randn(logits.shape)


def test_a_random_target_is_asked_until_its_noise_is_gone():
    found = carry_out(theft(budgets=(300,)), Classifier(Shaking()))
    assert health(found)["target repeats itself"]
    assert found.verdict == "weakness demonstrated", found.guards
    assert found.effort.queries == 300 * 15
    assert any("at random" in note for note in found.notes)


def test_what_an_attempt_costs_is_known_before():
    taught: list[int] = []

    def counting(inputs, probabilities, seed):
        taught.append(len(probabilities))
        return BothSenses()

    attack = theft(recipe=counting)
    attack.attempt(target())
    assert len(taught) == attack.models
    assert sum(taught) == attack.taught


def test_global_randomness_is_left_as_it_was():
    before = torch.random.get_rng_state()
    theft(budgets=(50,)).attempt(target())
    assert torch.equal(before, torch.random.get_rng_state())


def test_more_queries_than_records_are_refused():
    with pytest.raises(UsageError, match="at most his records"):
        theft(budgets=(100, 301))
    with pytest.raises(UsageError, match="rising"):
        theft(budgets=(200, 100))


def test_a_label_that_the_target_does_not_know_is_refused():
    records = examples(300, 1)
    records.labels[0] = CLASSES
    with pytest.raises(UsageError, match="expected 0 to 2"):
        theft(records=records).attempt(target())


def test_records_that_were_cut_without_a_shuffle_are_flagged():
    records = examples(600, 1)
    records = records.at(records.labels.argsort())
    found = carry_out(theft(records=records.at(slice(0, 300))), target())
    assert not health(found)["classes alike"]
