# SPDX-License-Identifier: Apache-2.0
"""What a poisoned training shows: the goal reached beyond the unpoisoned twins, and at what cost.

The baseline of every figure is the twin that reaches the goal most often by itself, or the poisoned
model on records without the attacker's mark, whichever is more. Twins differ by the chance of the
training, which no test over records sees: from their spread follows what one more unpoisoned model
would hardly exceed, and a gain must lie above that (Student's prediction bound).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from polyveil.assess.measure import Measure
from polyveil.attack.guard import Guard
from polyveil.attack.multiplicity import all_trials
from polyveil.attack.paired import ODD, Hits, by_chance, difference, more_often, rising, share
from polyveil.attack.poisoning.plan import Outcome, Plan
from polyveil.attack.result import AttackResult, Curve, Effort
from polyveil.attack.splits import SplitProof
from polyveil.interval import clopper_pearson

ENOUGH = 10
"""Poisoned records at the highest rate below which a failure of the attack says nothing."""
AS_CHANCE = "chance: how often it happens anyway, without the poison or without the mark"


@dataclass(frozen=True, eq=False)
class Poisoned:
    """Answers of all models, record by record.

    Attributes:
      rates, poisoned: shares of poison, and how many records that was, of `records`.
      reached: bool (rates, judged): the goal, by model and record.
      reached_twins, reached_control: the same of unpoisoned models, and of the positive control.
      reached_unaided: of each poisoned model, on the same records without the attacker's mark;
        empty where he does nothing at test time.
      right: bool (rates, clean): right on clean held-out records.
      right_twins: bool (twins, clean).
      commonest: share of the commonest class among clean records.
      splits: train and test.
      health: guards of the plan.
      control_rate: share of poison in the positive control.
      models: trainings that it took.
    """

    rates: tuple[float, ...]
    poisoned: tuple[int, ...]
    records: int
    reached: NDArray[np.bool_] = field(repr=False)
    reached_twins: NDArray[np.bool_] = field(repr=False)
    reached_unaided: tuple[Hits, ...] = field(repr=False)
    reached_control: Hits = field(repr=False)
    right: NDArray[np.bool_] = field(repr=False)
    right_twins: NDArray[np.bool_] = field(repr=False)
    commonest: float
    splits: SplitProof
    health: tuple[Guard, ...]
    control_rate: float
    models: int

    def rivals(self, at: int) -> tuple[Hits, ...]:
        """What happens anyway at the rate in this place: without poison, or without the mark."""
        return (*self.reached_twins, *self.reached_unaided[at : at + 1])

    def anyway(self, at: int) -> float:
        """The most that any of these reaches."""
        return float(max(one.mean() for one in self.rivals(at)))


def judge(plan: Plan, evidence: Poisoned, *, tolerance: float) -> AttackResult:
    """The rate with the greatest gain over all that happens anyway."""
    trials = len(evidence.rates)
    gains = [float(evidence.reached[at].mean()) - evidence.anyway(at) for at in range(trials)]
    best = int(np.argmax(gains))
    outcome = _outcome(evidence, best, trials)
    p_value = max(more_often(evidence.reached[best], one) for one in evidence.rivals(best))
    return AttackResult(
        attack=plan.name,
        threat=plan.threat,
        headline=Measure(
            plan.goal,
            outcome.reached,
            better="lower",
            baseline={"chance": outcome.anyway},
            attacker=f"{outcome.contribution} poisoned",
            note=AS_CHANCE,
        ),
        sentence=plan.sentence(outcome),
        guards=_guards(evidence, gains[best], tolerance),
        p_value=all_trials(p_value, trials),
        tolerance=tolerance,
        measures=_measures(plan, evidence),
        curves=_curves(plan, evidence),
        effort=Effort(models=evidence.models, trials=trials),
        not_tested=(*plan.not_tested, "poison in a pre-trained model, or in several steps"),
        notes=(AS_CHANCE,),
        arrays={
            "reached": evidence.reached,
            "reached without poison": evidence.reached_twins,
            "right": evidence.right,
            "right without poison": evidence.right_twins,
        },
    )


def _outcome(evidence: Poisoned, at: int, trials: int) -> Outcome:
    return Outcome(
        evidence.rates[at],
        evidence.poisoned[at],
        evidence.records,
        share(evidence.reached[at], trials=trials),
        evidence.anyway(at),
        difference(evidence.right_twins[0], evidence.right[at]),
    )


def _measures(plan: Plan, evidence: Poisoned) -> tuple[Measure, ...]:
    found = []
    for at, rate in enumerate(evidence.rates):
        who = f"{rate:.1%} poison"
        found += [
            Measure(
                f"{plan.goal}, {who}",
                share(evidence.reached[at]),
                better="lower",
                baseline={"chance": evidence.anyway(at)},
            ),
            Measure(
                f"accuracy on clean records, {who}",
                share(evidence.right[at]),
                better="higher",
                baseline={"unpoisoned twin": float(evidence.right_twins[0].mean())},
            ),
            Measure(
                f"accuracy lost on clean records, {who}",
                difference(evidence.right_twins[0], evidence.right[at]),
                better="lower",
                note="the unpoisoned twin of the same seed less the poisoned model, same records",
            ),
        ]
    return tuple(found)


def _curves(plan: Plan, evidence: Poisoned) -> tuple[Curve, ...]:
    def curve(name: str, shares: NDArray[np.bool_], beside: list[float]) -> Curve:
        points = [share(one) for one in shares]
        return Curve(
            name,
            x=tuple(100 * rate for rate in evidence.rates),
            y=tuple(one.estimate for one in points),
            x_label="poisoned records, %",
            y_label="share of records",
            low=tuple(one.low for one in points),
            high=tuple(one.high for one in points),
            chance=tuple(beside),
        )

    places = range(len(evidence.rates))
    twin = float(evidence.right_twins[0].mean())
    return (
        curve(plan.goal, evidence.reached, [evidence.anyway(at) for at in places]),
        curve("right on clean records", evidence.right, [twin] * len(places)),
    )


def _guards(evidence: Poisoned, gain: float, tolerance: float) -> tuple[Guard, ...]:
    return (
        evidence.splits.guard(),
        *evidence.health,
        _null_control(evidence, gain, tolerance),
        _positive_control(evidence),
        _learned(evidence),
        Guard(
            "enough poison",
            "false comfort",
            evidence.poisoned[-1] >= ENOUGH,
            f"{evidence.poisoned[-1]:,} poisoned records at the highest rate; {ENOUGH} are needed",
        ),
        rising("more poison is not weaker", "goal reached by rising rate", evidence.reached),
    )


def _null_control(evidence: Poisoned, gain: float, tolerance: float) -> Guard:
    bound = by_chance(evidence.reached_twins.mean(1))
    reached = float(evidence.reached.mean(1).max())
    return Guard(
        "null control",
        "false alarm",
        gain <= tolerance or reached > bound,
        f"0 % poison under {len(evidence.reached_twins)} seeds: by their spread one more such "
        f"model would reach {bound:.1%} at most (95 %); the poison reached {reached:.1%}",
    )


def _positive_control(evidence: Poisoned) -> Guard:
    hits = evidence.reached_control
    p = max(more_often(hits, twin) for twin in evidence.reached_twins)
    works = bool(hits.mean() >= 0.5 and p <= ODD)
    return Guard(
        "positive control",
        "false comfort",
        works,
        f"{evidence.control_rate:.1%} poison reached the goal on {hits.mean():.1%} of "
        f"{hits.size:,} records; at least half is expected",
    )


def _learned(evidence: Poisoned) -> Guard:
    right = evidence.right_twins[0]
    low = clopper_pearson(int(right.sum()), right.size).low
    return Guard(
        "training learns",
        "false comfort",
        low > evidence.commonest,
        f"the unpoisoned model is right on {right.mean():.1%}; naming the commonest class is right "
        f"on {evidence.commonest:.1%}",
    )
