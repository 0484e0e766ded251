# SPDX-License-Identifier: Apache-2.0
"""Attribute inference: who knows a record but for one value asks the model which value fits.

The attacker knows the other features and the label, puts each candidate value in and queries the
model. Much of what he then guesses he could have guessed without it: sick people are older in every
data set. So he is measured against imputation, a model of the hidden value from all that he knows,
trained on records of his own; and members against others, since what a model says about everybody
alike is knowledge of the population. A leak is what exceeds both.

Source: Fredrikson et al., CCS 2015; Mehnaz et al., "Are Your Sensitive Attributes Private?"
(confidence scores, case by case), USENIX Security 2022, https://arxiv.org/abs/2201.09370; Jayaraman
& Evans, "Are Attribute Inference Attacks Just Imputation?", CCS 2022,
https://arxiv.org/abs/2209.01292.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from polyveil import _validate
from polyveil.assess.measure import Measure
from polyveil.attack.classifier import Classifier
from polyveil.attack.duel import Duel, duel
from polyveil.attack.examples import Examples, Inputs
from polyveil.attack.guard import Guard
from polyveil.attack.hidden import Answers, ByHeart, Hidden, ask, by_case, flattened
from polyveil.attack.imputation import Imputation, impute
from polyveil.attack.multiplicity import all_trials
from polyveil.attack.result import AttackResult, Effort
from polyveil.attack.splits import prove_disjoint
from polyveil.attack.tables.contest import difference
from polyveil.attack.threat import Threat
from polyveil.errors import UsageError
from polyveil.interval import clopper_pearson

THREAT = Threat(
    "attribute-inference",
    "someone who knows a person's record but for one value",
    "the model's outputs, one query a candidate value",
    "the record's other values, its label, and records of other people",
    risk="inference",
)
GUESSERS = ("confidence", "posterior", "stacked")
FEWEST = 30
Guesses: TypeAlias = Mapping[str, tuple[NDArray[np.intp], NDArray[np.intp]]]
"""Guesser -> (members' guesses, others' guesses)."""


@dataclass(frozen=True, slots=True)
class AttributeEvidence:
    """Guesses of the hidden value.

    Attributes:
      guesses: guesser -> (members' guesses, others' guesses), candidate indices.
      controls: the same for a model that knows the members by heart ("positive"), and for one
        that knows other people by heart ("null").
      imputation: what is guessed without any model.
      truth: of members, of others.
      queries: records that went through the target.
    """

    guesses: Guesses = field(repr=False)
    controls: Mapping[str, Guesses] = field(repr=False)
    imputation: Imputation = field(repr=False)
    truth: tuple[NDArray[np.intp], NDArray[np.intp]] = field(repr=False)
    queries: int = 0


@dataclass(frozen=True, slots=True)
class AttributeInference:
    """The attacker, what he owns, and the people he is judged on.

    Attributes:
      members: records that the model was trained on. Secret.
      others: records of the same population that it was not trained on.
      own: the attacker's records, in neither: imputation and the stacked guesser learn from them.
      hidden: the value that he wants.
      guessers: of "confidence" (case by case, Mehnaz et al.), "posterior" (confidence times
        imputation) and "stacked" (a learned mixture of both); each is a trial and is paid for.
      tolerance: advantage that counts as nothing.
    """

    members: Examples = field(repr=False)
    others: Examples = field(repr=False)
    own: Examples = field(repr=False)
    hidden: Hidden
    guessers: tuple[str, ...] = GUESSERS
    tolerance: float = 0.03
    seed: int = 0

    def __post_init__(self) -> None:
        _validate.at_least(
            FEWEST, members=len(self.members), others=len(self.others), own=len(self.own)
        )
        if not self.guessers or not set(self.guessers) <= set(GUESSERS):
            raise UsageError(f"attribute: guessers {self.guessers}; expected some of {GUESSERS}.")

    @property
    def name(self) -> str:
        return f"attribute inference, {len(self.hidden.values)} candidate values"

    def attempt(self, target: Classifier) -> AttributeEvidence:
        """Queries every candidate of every record and guesses.

        Raises:
          UsageError: a record has none of the candidates.
          MissingExtra: without scikit-learn.
        """
        sets = (self.own, self.members, self.others)
        truths = [self.hidden.truth(one) for one in sets]
        # What is hidden must not be in what is known: every record gets the first candidate.
        classes = max(int(one.labels.max()) for one in sets) + 1
        known = [_known(self.hidden.put(one.inputs, 0), one.labels, classes) for one in sets]
        imputation = impute(known, truths[0], len(self.hidden.values), seed=self.seed)
        before = target.queries
        answers = [ask(target, one, self.hidden) for one in sets]
        queries = target.queries - before
        controls = {}
        for name, known_by_heart in (("positive", self.members), ("null", self.own)):
            model = Classifier(ByHeart(known_by_heart, classes))
            told = [ask(model, one, self.hidden) for one in sets]
            controls[name] = self._guess(told, imputation, truths[0])
        return AttributeEvidence(
            self._guess(answers, imputation, truths[0]),
            controls,
            imputation,
            (truths[1], truths[2]),
            queries,
        )

    def _guess(
        self, answers: list[Answers], imputation: Imputation, own: NDArray[np.intp]
    ) -> Guesses:
        prior = imputation.log_probability
        found = {}
        if "confidence" in self.guessers:
            found["confidence"] = (by_case(answers[1]), by_case(answers[2]))
        if "posterior" in self.guessers:
            joint = [one.confidence + prior[at] for at, one in enumerate(answers)]
            found["posterior"] = (joint[1].argmax(1), joint[2].argmax(1))
        if "stacked" in self.guessers:
            mixed = [
                np.hstack([one.confidence, one.right, prior[at]]) for at, one in enumerate(answers)
            ]
            found["stacked"] = imputation.learned(mixed, own, seed=self.seed)
        return found

    def analyse(self, evidence: AttributeEvidence) -> AttackResult:
        """Share of members guessed rightly, beside imputation and beside others."""
        duels = {name: self._duel(evidence, both) for name, both in evidence.guesses.items()}
        best = min(duels, key=lambda name: (duels[name].p_value, -duels[name].share))
        found = duels[best]
        p_value = all_trials(found.p_value, len(duels))
        n, m = len(evidence.truth[0]), len(evidence.truth[1])
        return AttackResult(
            attack=self.name,
            threat=THREAT,
            headline=Measure(
                "members whose hidden value is guessed with the model",
                clopper_pearson(found.hits, n),
                better="lower",
                baseline={
                    "without the target": max(found.imputed, found.others),
                    "imputation": found.imputed,
                    "the same on others": found.others,
                },
                attacker=f"{best}; knows the rest of the record and its label",
            ),
            sentence=(
                f"With the model, the hidden value of {found.hits:,} of {n:,} people in its "
                f"training data is guessed; without it {found.imputed:.1%} of them, and with it "
                f"{found.others:.1%} of {m:,} people it was not trained on."
            ),
            guards=self._guards(evidence, found, p_value),
            p_value=p_value,
            tolerance=self.tolerance,
            measures=_measures(duels, evidence),
            effort=Effort(queries=evidence.queries, models=2, trials=len(duels)),
            not_tested=("other hidden values", "an attacker who sees labels only"),
            notes=(
                "What the model says as well about people it was not trained on is knowledge of "
                "the population, and no leak of its training data.",
            ),
            arrays={
                "guess": evidence.guesses[best][0],
                "truth": evidence.truth[0],
                "imputed": evidence.imputation.guess(1),
            },
        )

    def _duel(
        self, evidence: AttributeEvidence, both: tuple[NDArray[np.intp], NDArray[np.intp]]
    ) -> Duel:
        inside, outside = (both[at] == evidence.truth[at] for at in (0, 1))
        imputed = evidence.imputation.guess(1) == evidence.truth[0]
        return duel(inside, imputed, outside)

    def _guards(
        self, evidence: AttributeEvidence, found: Duel, p_value: float
    ) -> tuple[Guard, ...]:
        proof = prove_disjoint(
            {
                "members": self.members.digests(),
                "others": self.others.digests(),
                "the attacker's own": self.own.digests(),
            }
        )
        best, null = (
            min(
                (self._duel(evidence, both) for both in evidence.controls[name].values()),
                key=lambda one: one.p_value,
            )
            for name in ("positive", "null")
        )
        caught = best.p_value <= 0.01 and best.advantage > self.tolerance
        null_p = all_trials(null.p_value, len(self.guessers))
        high = clopper_pearson(found.hits, len(evidence.truth[0])).high
        room = max(found.imputed, found.others) + self.tolerance
        return (
            proof.guard(),
            *evidence.imputation.guards(evidence.truth[0], self.tolerance),
            Guard(
                "positive control",
                "false comfort",
                caught,
                f"of a model that knows its members by heart {best.share:.1%} of the values are "
                f"guessed, by imputation {best.imputed:.1%}, p = {best.p_value:.2g}",
            ),
            Guard(
                "null control",
                "false alarm",
                null_p > 0.01,
                f"of a model that knows other people by heart {null.share:.1%} of the members' "
                f"values are guessed, by imputation {null.imputed:.1%}, p = {null_p:.2g}",
            ),
            Guard(
                "enough trials",
                "false comfort",
                high <= room or (p_value <= 0.05 and found.share > room),
                f"a share above {high:.1%} is excluded at 95 %; up to {room:.1%} counts as nothing",
            ),
        )


def _known(inputs: Inputs, labels: Tensor, classes: int) -> NDArray[np.float64]:
    """All that the attacker knows, (n, features): the inputs, then the label one-hot."""
    label = torch.nn.functional.one_hot(labels, classes).double()
    found: NDArray[np.float64] = torch.cat([flattened(inputs), label], 1).cpu().numpy()
    return found


def _measures(duels: Mapping[str, Duel], evidence: AttributeEvidence) -> tuple[Measure, ...]:
    n, m = len(evidence.truth[0]), len(evidence.truth[1])
    found = []
    for name, one in duels.items():
        found.append(
            Measure(
                f"members guessed, {name}",
                clopper_pearson(one.hits, n),
                better="lower",
                baseline={"imputation": one.imputed, "the same on others": one.others},
                note=f"{one.only:,} by the model alone, {one.missed:,} by imputation alone",
            )
        )
        advantage = difference(one.share, n, one.others, m)
        found.append(Measure(f"members minus others, {name}", advantage, better="lower"))
    return tuple(found)
