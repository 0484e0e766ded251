# SPDX-License-Identifier: Apache-2.0
"""What the membership attacks share: ask once, score the target and its controls, judge.

An attack adds one function: a view of a model to one score a record.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from polyveil.assess.measure import Measure
from polyveil.attack.classifier import Classifier
from polyveil.attack.guard import Guard
from polyveil.attack.membership import analysis, health
from polyveil.attack.membership.answers import Answers, View
from polyveil.attack.membership.evidence import Evidence
from polyveil.attack.membership.signal import Floats
from polyveil.attack.membership.study import Study
from polyveil.attack.result import AttackResult
from polyveil.attack.roc import midranks
from polyveil.attack.threat import Threat

_WORTH_HALVING = 8
"""Shadow models from which on half of them are still an attack."""


@dataclass(frozen=True)
class MembershipAttack(ABC):
    """One attack on a study's candidates.

    Attributes:
      study: candidates, shadow models, controls.
    """

    threat: ClassVar[Threat]
    needs_shadows: ClassVar[bool] = True

    study: Study

    @property
    @abstractmethod
    def name(self) -> str:
        """As a report prints it."""

    @abstractmethod
    def scores(self, view: View) -> Floats:
        """float (n,), finite: greater means member."""

    def attempt(self, target: Classifier) -> Evidence:
        """Asks the target and scores every record."""
        return self.score(self.study.ask(target))

    def score(self, answers: Answers) -> Evidence:
        """Scores every record, target and controls, from answers that were asked for before."""
        unseen, seen = self._of_innocents(answers)
        twin, half = answers.twin_view(), _half(answers.view)
        return Evidence(
            answers,
            self.scores(answers.view),
            unseen,
            seen,
            None if twin is None else self.scores(twin),
            self.scores(half) if self.needs_shadows and half else None,
            self.own_guards(answers),
            self.own_measures(answers),
        )

    def analyse(self, evidence: Evidence) -> AttackResult:
        """What the scores show; see `analysis.judge`."""
        return analysis.judge(evidence, attack=self.name, threat=self.threat)

    def own_guards(self, answers: Answers) -> tuple[Guard, ...]:
        """Checks that only this kind of attack needs."""
        return (health.resemblance(answers),) if self.needs_shadows else ()

    def own_measures(self, answers: Answers) -> tuple[Measure, ...]:
        """Figures that only this kind of attack has."""
        del answers
        return ()

    def _of_innocents(self, answers: Answers) -> tuple[Floats | None, Floats | None]:
        """Each record's score by the model of the first pair that did not see it, and by the one
        that did; ranks, for the two models' scores need not have one scale."""
        unseen, seen = (np.full(len(answers.is_member), 0.5) for _ in range(2))
        for keep, view in answers.innocents():
            if self.needs_shadows and view.models < 2:
                return None, None
            ranks = midranks(self.scores(view)) / (len(keep) + 1)
            unseen[~keep], seen[keep] = ranks[~keep], ranks[keep]
        return (unseen, seen) if answers.view.models >= 2 else (None, None)


def _half(view: View) -> View | None:
    """The view of an attacker with every other pair of shadow models."""
    if view.shadows is None or view.models < _WORTH_HALVING:
        return None
    rows = np.flatnonzero(np.arange(view.models) // 2 % 2 == 0)
    others = view.population_shadows
    return replace(
        view,
        shadows=view.shadows[rows],
        keep=view.keep[rows],
        population_shadows=None if others is None else others[rows],
    )
