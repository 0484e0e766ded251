# SPDX-License-Identifier: Apache-2.0
"""What a theft shows: agreement with the target beyond what the thief's own labels give.

The rival of a copy is the best of the surrogates on his own labels, or the one answer that the
target gives most often. Surrogates that differ by their seed alone show the chance of the training,
which no test over records sees; a gain must stand out from that, too.
"""

from __future__ import annotations

import numpy as np

from polyveil.assess.measure import Measure
from polyveil.attack.extraction.health import guards
from polyveil.attack.extraction.stolen import Stolen, Transferred
from polyveil.attack.multiplicity import all_trials
from polyveil.attack.paired import difference, more_often, share
from polyveil.attack.result import AttackResult, Curve, Effort
from polyveil.attack.threat import Threat

THREAT = Threat(
    id="extraction",
    attacker="a thief who wants a copy of the model",
    access="the model's answers to as many queries as the budget allows",
    knowledge="records of the task with labels of his own, and a recipe that suits the task",
    kind="integrity",
)
WITHOUT = "without the target"
NOT_TESTED = (
    "queries that are synthesised or chosen by earlier answers (active learning)",
    "extraction of the weights themselves, and of a model's architecture or hyperparameters",
    "a thief whose records come from elsewhere than the target's",
)


def judge(name: str, evidence: Stolen, *, tolerance: float) -> AttackResult:
    """The budget with the greatest gain, against the best that the thief has without queries."""
    trials = len(evidence.budgets)
    always = evidence.always
    gains = evidence.agreeing.mean(1) - np.maximum(evidence.best_own.mean(1), always.mean())
    best = int(gains.argmax())
    copy, own = evidence.agreeing[best], evidence.best_own[best]
    p_value = max(more_often(copy, own), more_often(copy, always))
    return AttackResult(
        attack=name,
        threat=THREAT,
        headline=Measure(
            f"agreement with the target, {evidence.budgets[best]:,} queries",
            share(copy, trials=trials),
            better="lower",
            baseline={WITHOUT: float(own.mean()), "chance": float(always.mean())},
            attacker=f"a thief who is told {evidence.answers}",
            note="without the target: a surrogate on the thief's own labels of the same records",
        ),
        sentence=_sentence(evidence, best),
        guards=guards(evidence, float(gains[best]), best, tolerance),
        p_value=all_trials(p_value, trials),
        tolerance=tolerance,
        measures=_measures(evidence),
        curves=_curves(evidence),
        effort=Effort(
            queries=evidence.budgets[-1] * evidence.repeats,
            models=evidence.models,
            trials=trials,
        ),
        not_tested=NOT_TESTED,
        notes=_notes(evidence),
        arrays={
            "target": evidence.target,
            "copies": evidence.copies,
            "own labels": evidence.own,
            "labels": evidence.labels,
        },
    )


def _notes(evidence: Stolen) -> tuple[str, ...]:
    found = (
        "A weakness of integrity: what is taken is the owner's work, and a copy in which attacks "
        "can be prepared; by itself it says nothing about a person.",
        "A thief without labels of his own gains more than is stated.",
    )
    if evidence.repeats == 1:
        return found
    often = (
        f"The model answers at random: each query was asked {evidence.repeats} times, and what is "
        "copied is the mean of its answers."
    )
    return (*found, often)


def _sentence(evidence: Stolen, best: int) -> str:
    agreeing, own = evidence.agreeing.mean(1), evidence.best_own.mean(1)
    said = (
        f"With {evidence.budgets[best]:,} queries, each answered by {evidence.answers}, a thief "
        f"builds a copy that answers like the model on {agreeing[best]:.1%} of "
        f"{evidence.target.size:,} new records; his own labels of the same records, without any "
        f"query, give {own[best]:.1%}."
    )
    if best != len(evidence.budgets) - 1:
        said += (
            f" With {evidence.budgets[-1]:,} queries it is {agreeing[-1]:.1%} against "
            f"{own[-1]:.1%}."
        )
    return said


def _measures(evidence: Stolen) -> tuple[Measure, ...]:
    found = []
    right, right_own = evidence.copies[:, 0] == evidence.labels, evidence.own == evidence.labels
    target_right = float((evidence.target == evidence.labels).mean())
    for at, size in enumerate(evidence.budgets):
        own = evidence.best_own[at]
        found += [
            Measure(
                f"agreement with the target, {size:,} queries",
                share(evidence.agreeing[at]),
                better="lower",
                baseline={WITHOUT: float(own.mean())},
            ),
            Measure(
                f"agreement gained by asking, {size:,} queries",
                difference(evidence.agreeing[at], own),
                better="lower",
                note="the copy less the best surrogate on the thief's own labels, same records",
            ),
            Measure(
                f"accuracy of the copy, {size:,} queries",
                share(right[at]),
                better="lower",
                baseline={WITHOUT: float(right_own[at].mean(1).max()), "target": target_right},
            ),
        ]
    return (*found, *_transfer(evidence.transferred))


def _transfer(found: Transferred | None) -> tuple[Measure, ...]:
    if found is None:
        return ()
    return (
        Measure(
            f"target errs on samples made against the copy, {found.step:g} standard deviations",
            share(found.copy),
            better="lower",
            baseline={
                WITHOUT: float(found.rival.mean()),
                "random signs": float(found.random.mean()),
            },
            note="of records that it gets right otherwise; one step, all modalities at once",
        ),
    )


def _curves(evidence: Stolen) -> tuple[Curve, ...]:
    x = tuple(float(size) for size in evidence.budgets)
    own = tuple(float(one) for one in evidence.best_own.mean(1))
    found = []
    for name, hits in (("copy", evidence.agreeing), ("own labels", evidence.best_own)):
        points = [share(one) for one in hits]
        found.append(
            Curve(
                name,
                x=x,
                y=tuple(one.estimate for one in points),
                x_label="queries",
                y_label="agreement with the target",
                low=tuple(one.low for one in points),
                high=tuple(one.high for one in points),
                chance=own if name == "copy" else (),
            )
        )
    return tuple(found)
