# SPDX-License-Identifier: Apache-2.0
"""Poisoning of a training: the recipe runs with and without the attacker's records, seeds equal.

What is attacked is not a model but how models come about, so that the target is a `Recipe`: plain
training, or a private engine that clips and adds noise. Every figure stands beside the unpoisoned
twin's. Two such twins under different seeds say how much of a difference is chance.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from torch import nn

from polyveil import _validate
from polyveil.attack.averaged import steadied
from polyveil.attack.class_balance import same_classes
from polyveil.attack.classifier import Call, Classifier, call
from polyveil.attack.examples import Examples
from polyveil.attack.guard import Guard
from polyveil.attack.paired import Hits
from polyveil.attack.poisoning.judgement import Poisoned, judge
from polyveil.attack.poisoning.plan import Classes, Plan, Poison
from polyveil.attack.recipe import Recipe, trained
from polyveil.attack.result import AttackResult
from polyveil.attack.splits import prove_disjoint
from polyveil.errors import UsageError

RATES = (0.01, 0.05, 0.10)
"""Shares of poison that a report asks for."""


@dataclass(frozen=True, eq=False)
class Poisoning:
    """Carries out a plan against a recipe. An `Attack` whose target is the recipe.

    Attributes:
      plan: `FlippedLabels`, `Victims`, `Backdoor`, or one of your own.
      train: records that the model is trained on; a share of them becomes the attacker's.
      test: held-out records on which everything is judged; disjoint from `train`.
      rates: shares of poison, rising, in (0, 1).
      control: a recipe that surely learns, for the positive control; None for the target itself,
        which says little about a recipe that is meant to resist.
      twins: unpoisoned models; at least two, the worst of which is the baseline.
      tolerance: excess over the twins that still counts as nothing, as a share.
      calling: how a trained module is called.
      seed: of the first twin and of every poisoned model; the draw of poison follows from it.
    """

    plan: Plan
    train: Examples = field(repr=False)
    test: Examples = field(repr=False)
    rates: tuple[float, ...] = RATES
    control: Recipe | None = None
    twins: int = 2
    tolerance: float = 0.01
    calling: Call = call
    seed: int = 0

    def __post_init__(self) -> None:
        _validate.at_least(2, twins=self.twins)
        _validate.not_negative(tolerance=self.tolerance)
        rising = list(self.rates) == sorted(set(self.rates)) and bool(self.rates)
        if not rising or not 0 < self.rates[0] <= self.rates[-1] < 1:
            raise UsageError(f"poisoning: rates {self.rates}; expected rising shares in (0, 1).")
        if not len(self.plan.judged(self.test)) or not len(self.plan.clean(self.test)):
            raise UsageError(
                f"{self.plan.name}: {len(self.test)} held-out records leave none to judge."
            )

    @property
    def name(self) -> str:
        """As a report prints it."""
        return self.plan.name

    @property
    def models(self) -> int:
        """Trainings that one attempt takes: what it costs, in units of the recipe."""
        return self.twins + len(self.rates) + 1

    def attempt(self, target: Recipe) -> Poisoned:
        """Trains twins, poisoned models and the positive control; answers of all of them."""
        judged, clean = self.plan.judged(self.test), self.plan.clean(self.test)
        unaided = self.plan.unaided(self.test)

        def answers(module: nn.Module) -> _Said:
            classifier = Classifier(module, calling=self.calling)
            # What a model that answers at random has learned, not what its dice show.
            classifier = steadied(classifier, judged.inputs, seed=self.seed)
            return _Said(
                _answers(classifier, judged),
                _answers(classifier, clean),
                None if unaided is None else _answers(classifier, unaided),
            )

        twins = [answers(trained(target, self.train, self.seed + at)) for at in range(self.twins)]
        poisons = [self._poison(rate) for rate in self.rates]
        found = [answers(trained(target, one.examples, self.seed)) for one in poisons]
        sure = self.plan.control(self.train, self.test, self.seed)
        control = answers(trained(self.control or target, sure.examples, self.seed))
        truth = _Said(_labels(judged), _labels(clean), None)

        def reached(said: Classes) -> Hits:
            return self.plan.reached(said, truth.judged)

        return Poisoned(
            rates=self.rates,
            poisoned=tuple(len(one.rows) for one in poisons),
            records=len(self.train),
            reached=np.stack([reached(one.judged) for one in found]),
            reached_twins=np.stack([reached(one.judged) for one in twins]),
            reached_unaided=tuple(reached(one.unaided) for one in found if one.unaided is not None),
            reached_control=reached(control.judged),
            right=np.stack([one.clean == truth.clean for one in found]),
            right_twins=np.stack([one.clean == truth.clean for one in twins]),
            commonest=float(np.bincount(truth.clean).max() / len(truth.clean)),
            splits=prove_disjoint({"train": self.train.digests(), "test": self.test.digests()}),
            health=self._health(poisons[-1], twins[0], truth),
            control_rate=len(sure.rows) / len(self.train),
            models=self.models,
        )

    def analyse(self, evidence: Poisoned) -> AttackResult:
        """The greatest gain over all rates, paid for as that many trials."""
        return judge(self.plan, evidence, tolerance=self.tolerance)

    def _poison(self, rate: float) -> Poison:
        return self.plan.poisoned(self.train, self.test, rate, self.seed)

    def _health(self, poison: Poison, twin: _Said, truth: _Said) -> tuple[Guard, ...]:
        own = self.plan.health(self.test, twin.clean == truth.clean, twin.judged == truth.judged)
        return (*own, same_classes(self.train, self.test), _stayed(self.train, poison))


@dataclass(frozen=True, eq=False)
class _Said:
    """Answers of one model to each kind of record, or the truth."""

    judged: Classes
    clean: Classes
    unaided: Classes | None


def _answers(classifier: Classifier, examples: Examples) -> Classes:
    return np.asarray(classifier.logits(examples.inputs).argmax(1).numpy(force=True))


def _labels(examples: Examples) -> Classes:
    return np.asarray(examples.labels.numpy(force=True))


def _stayed(train: Examples, poison: Poison) -> Guard:
    """Only the attacker's own records may differ: else more than he was allowed was poisoned."""
    rest = np.setdiff1d(np.arange(len(train)), poison.rows)
    untouched = len(poison.examples) == len(train) and bool(
        (poison.examples.at(rest).labels == train.at(rest).labels).all()
        and poison.examples.at(rest).digests() == train.at(rest).digests()
    )
    return Guard(
        "poison stays within its rate",
        "false alarm",
        untouched,
        f"{len(poison.rows):,} of {len(train):,} records are the attacker's at the highest rate; "
        f"the others are {'as they were' if untouched else 'NOT as they were'}",
    )
