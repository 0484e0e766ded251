# SPDX-License-Identifier: Apache-2.0
"""Attribute inference: memory is caught, what all people share is no leak, weakness is flagged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.stats import binomtest
from sklearn import datasets
from torch import Tensor, nn

from polyveil.attack.attribute import AttributeInference
from polyveil.attack.classifier import Classifier
from polyveil.attack.duel import duel, mcnemar
from polyveil.attack.examples import Examples
from polyveil.attack.guard import failed
from polyveil.attack.hidden import Answers, ByHeart, Hidden, ask, by_case
from polyveil.attack.imputation import Imputation, impute
from polyveil.attack.protocol import carry_out
from polyveil.errors import UsageError

COIN = Hidden("form", 0, torch.tensor([0.0, 1.0]))
Parts = tuple[Examples, Examples, Examples]


def tumours(*, told: bool) -> Parts:
    """Real tumours in two inputs; a coin is hidden, or (`told`) whether the tumour is large."""
    pack = datasets.load_breast_cancer()
    rows = (pack.data - pack.data.mean(0)) / pack.data.std(0)
    draw = np.random.default_rng(0)
    coin = (rows[:, 3] > 0) if told else draw.integers(0, 2, len(rows))
    order, parts = draw.permutation(len(rows)), []
    for at in np.array_split(order, 3):
        inputs = {
            "measured": torch.tensor(rows[at][:, :10]).float(),
            "form": torch.tensor(np.column_stack([coin[at], rows[at][:, 20:]])).float(),
        }
        parts.append(Examples(inputs, torch.tensor(pack.target[at])))
    return parts[0], parts[1], parts[2]


class Linear(nn.Module):
    """Looks at the whole record, remembers nobody."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(21, 2)
        with torch.no_grad():
            self.layer.weight.copy_(torch.linspace(-1, 1, 42).reshape(2, 21))
            self.layer.bias.zero_()

    def forward(self, measured: Tensor, form: Tensor) -> Tensor:
        return self.layer(torch.cat([measured, form], 1))


def test_a_model_that_remembers_is_caught() -> None:
    members, others, own = tumours(told=False)
    target = Classifier(ByHeart(members, 2))
    result = carry_out(AttributeInference(members, others, own, COIN), target)
    assert result.verdict == "leak demonstrated", result.guards
    assert result.headline.estimate > 0.9 > 0.65 > result.baseline
    assert result.effort.queries == 2 * (len(members) + len(others) + len(own))
    assert (result.array("guess") == result.array("truth")).mean() == result.headline.estimate


def test_what_everybody_knows_is_no_leak() -> None:
    """The hidden value follows from the others: imputation has it, the model adds nothing."""
    members, others, own = tumours(told=True)
    result = carry_out(AttributeInference(members, others, own, COIN), Classifier(Linear()))
    assert result.verdict != "leak demonstrated"
    assert result.headline.baseline["imputation"] > 0.9
    assert not failed(result.guards, "false alarm")


def test_a_model_of_other_people_is_not_accused() -> None:
    members, others, own = tumours(told=False)
    target = Classifier(ByHeart(others.at(slice(0, 90)), 2))
    held = others.at(slice(90, None))
    result = carry_out(AttributeInference(members, held, own, COIN), target)
    assert result.verdict != "leak demonstrated" and result.p_value is not None


def test_an_attacker_trained_on_the_members_is_flagged() -> None:
    members, others, own = tumours(told=False)
    result = carry_out(AttributeInference(members, others, members, COIN), Classifier(Linear()))
    assert "disjoint splits" in {one.name for one in failed(result.guards, "false alarm")}
    assert result.verdict == "inconclusive"
    assert len(own) > 0


def test_a_weak_attacker_is_flagged() -> None:
    """The stacked guesser alone learns from people who are not members: it sees no memory."""
    members, others, own = tumours(told=True)
    weak = AttributeInference(members, others, own, COIN, guessers=("stacked",))
    result = carry_out(weak, Classifier(Linear()))
    assert "positive control" in {one.name for one in failed(result.guards, "false comfort")}
    assert result.verdict == "inconclusive"


def test_a_starved_imputation_is_flagged() -> None:
    """A baseline that still grows with every record would put the population down to the model."""
    draw = np.random.default_rng(1)
    truth = draw.integers(0, 3, 500)
    known = np.eye(3)[truth] + draw.normal(0, 0.3, (500, 3))
    fed = impute([known[:200], known[200:400], known[400:]], truth[:200], 3, seed=0)
    true = truth[200:400]
    assert all(one.passed for one in fed.guards(true, 0.03)) and fed.learner == "logistic"
    assert (fed.guess(1) == true).mean() > 0.9
    growing = replace(fed, half=np.roll(fed.half, 1, axis=1))
    assert health(growing, true) == {COMMON: True, "imputation converged": False}
    # Worse than to name the most common value: no baseline at all.
    assert not health(fed, np.full_like(true, fed.common))[COMMON]


COMMON = "imputation against the most common value"


def health(imputation: Imputation, truth: np.ndarray) -> dict[str, bool]:
    return {one.name: one.passed for one in imputation.guards(truth, 0.03)}


def test_mcnemar_agrees_with_the_binomial_test_and_a_duel_needs_both() -> None:
    expected = binomtest(9, 11, 0.5, alternative="greater").pvalue
    assert mcnemar(9, 2) == pytest.approx(expected)
    assert mcnemar(0, 5) == 1.0
    inside, imputed = np.ones(50, bool), np.zeros(50, bool)
    assert duel(inside, imputed, np.zeros(50, bool)).p_value < 1e-6
    assert duel(inside, imputed, np.ones(50, bool)).p_value == 1.0
    assert duel(inside, inside, np.zeros(50, bool)).p_value == 1.0


def test_cases_of_confidence() -> None:
    confidence = np.log(
        np.array([[0.6, 0.2, 0.1], [0.6, 0.7, 0.2], [0.1, 0.3, 0.2], [0.9, 0.4, 0.1]])
    )
    right = np.array([[1, 0, 0], [1, 1, 0], [0, 0, 0], [0, 1, 0]], dtype=bool)
    assert by_case(Answers(confidence, right)).tolist() == [0, 1, 1, 1]


def test_every_candidate_is_put_in_and_nothing_else_is_touched() -> None:
    members, _, _ = tumours(told=False)
    before = {name: values.clone() for name, values in members.inputs.items()}
    seen: list[Tensor] = []

    class Watching(Linear):
        def forward(self, measured: Tensor, form: Tensor) -> Tensor:
            seen.append(form)
            return super().forward(measured, form)

    answers = ask(Classifier(Watching()), members, COIN)
    assert answers.confidence.shape == (len(members), 2) and (answers.confidence <= 0).all()
    assert seen[0][:, 0].eq(0).all() and seen[-1][:, 0].eq(1).all()
    assert seen[0][:, 1:].equal(members.inputs["form"][:, 1:])
    unchanged(before, members.inputs)


def unchanged(before: Mapping[str, Tensor], after: Mapping[str, Tensor]) -> None:
    for name, values in before.items():
        assert values.equal(after[name])


def test_a_value_of_several_cells_and_what_is_no_candidate() -> None:
    answers = torch.eye(3)
    inputs = {"form": torch.cat([torch.zeros(4, 1), answers[torch.tensor([0, 2, 1, 1])]], 1)}
    examples = Examples(inputs, torch.zeros(4, dtype=torch.int64))
    hidden = Hidden("form", slice(1, 4), answers)
    assert hidden.truth(examples).tolist() == [0, 2, 1, 1]
    assert hidden.put(inputs, 2)["form"][:, 3].eq(1).all()
    with pytest.raises(UsageError, match="none of the candidates"):
        Hidden("form", 1, torch.tensor([5.0, 6.0])).truth(examples)
    with pytest.raises(UsageError, match="no 9 in"):
        Hidden("form", 9, torch.tensor([0.0, 1.0])).truth(examples)
    with pytest.raises(UsageError, match="two or more"):
        Hidden("form", 0, torch.tensor([0.0]))


def test_settings_are_checked() -> None:
    members, others, own = tumours(told=False)
    with pytest.raises(UsageError, match="guessers"):
        AttributeInference(members, others, own, COIN, guessers=("oracle",))
    with pytest.raises(ValueError, match="own"):
        AttributeInference(members, others, own.at(slice(0, 5)), COIN)
    with pytest.raises(UsageError, match="per candidate"):
        impute([np.zeros((4, 1))] * 3, np.zeros(4, dtype=np.intp), 2, seed=0)
