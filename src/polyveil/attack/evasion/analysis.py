# SPDX-License-Identifier: Apache-2.0
"""What the records that fell say about the model: shares with exact intervals, beside noise.

Headline: success among records that the model read rightly, for an error on a record that was wrong
before is no success. Beside it, over all records: accuracy after the attack (ARS) and one minus it
(ASR), and the accuracy before. Random noise of the same budget is what someone without the model
reaches; an exact paired test asks whether the attack does better on the same records.

Source: intervals: Clopper & Pearson 1934; test: McNemar, Psychometrika 12 (1947), exact form.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

from polyveil.assess.measure import Measure
from polyveil.attack.evasion.evidence import EvasionEvidence, Flags
from polyveil.attack.evasion.guards import guards
from polyveil.attack.result import AttackResult, Curve, Effort
from polyveil.attack.threat import Threat
from polyveil.interval import Interval, clopper_pearson

THREAT = Threat(
    "evasion",
    attacker="someone who can alter an input before the model reads it",
    access="the model itself: outputs and gradients, any number of them",
    knowledge="the input and its right answer",
    kind="integrity",
)
TOLERANCE = 0.01
"""A point more than noise is no weakness worth the name."""
_NOT_TESTED = (
    "changes that are not small in the chosen norm: rotation, occlusion, print and photograph",
    "attackers without the model who train one of their own (transfer)",
    "a proof: a stronger search may break records that stood here",
)
_GRID = 12


def analysed(evidence: EvasionEvidence, attack: str) -> AttackResult:
    """The result of an evasion attack."""
    right = int(evidence.right.sum())
    broken = clopper_pearson(int(evidence.broken.sum()), right)
    noise = int(evidence.noisy.sum()) / right if right else 0.0
    headline = Measure(
        "success among records that were read rightly",
        broken,
        better="lower",
        baseline={"without the target": noise},
        attacker=", ".join(one.name for one in evidence.members),
        note=f"without the target: the worst of {evidence.draws} random changes of full strength",
    )
    return AttackResult(
        attack=attack,
        threat=THREAT,
        headline=headline,
        sentence=_sentence(evidence, broken, noise),
        guards=guards(evidence),
        p_value=paired_p_value(evidence.broken, evidence.noisy),
        tolerance=TOLERANCE,
        measures=_measures(evidence),
        curves=_curves(evidence),
        effort=Effort(queries=evidence.queries, trials=len(evidence.members)),
        not_tested=_not_tested(evidence),
        notes=_notes(evidence),
        arrays=_arrays(evidence),
    )


def paired_p_value(first: Flags, second: Flags) -> float:
    """Chance that the first breaks so many more records than the second by luck alone, one-sided.

    Only records on which the two differ count (sign test).
    """
    only_first, only_second = int((first & ~second).sum()), int((second & ~first).sum())
    return float(binom.sf(only_first - 1, only_first + only_second, 0.5))


def _sentence(evidence: EvasionEvidence, broken: Interval, noise: float) -> str:
    k, n = int(evidence.broken.sum()), int(evidence.right.sum())
    touched = " and ".join(f"{name} ({one.sentence})" for name, one in evidence.budgets.items())
    return (
        f"Of {n:,} inputs that the model reads rightly, an attacker who may change {touched} makes "
        f"it err on {k:,} ({broken.low:.1%} to {broken.high:.1%}); random noise of the same "
        f"strength does on {round(noise * n):,}."
    )


def _measures(evidence: EvasionEvidence) -> tuple[Measure, ...]:
    n = len(evidence.labels)
    right = int(evidence.right.sum())
    stands = evidence.right & ~evidence.broken
    clean = clopper_pearson(right, n)
    found = [
        Measure("clean accuracy", clean, better="higher"),
        Measure(
            "ARS: accuracy under attack",
            clopper_pearson(int(stands.sum()), n),
            better="higher",
            baseline={
                "clean": clean.estimate,
                "random noise": float((evidence.right & ~evidence.noisy).mean()) if n else 0.0,
            },
            note="over all records; a record that was wrong before counts as wrong",
        ),
        Measure(
            "ASR: error under attack",
            clopper_pearson(n - int(stands.sum()), n),
            better="lower",
            baseline={"clean": 1.0 - clean.estimate},
            note="over all records: one minus ARS",
        ),
    ]
    found += [
        Measure(
            f"{one.name}: success",
            clopper_pearson(int(one.broken.sum()), int(one.tried.sum())),
            better="lower",
            note=f"among the {int(one.tried.sum()):,} records it was given",
        )
        for one in evidence.members
    ]
    if evidence.health.random:
        found.append(
            Measure(
                "accuracy under attack of a single answer",
                1.0 - float(evidence.error.mean()),
                better="higher",
                baseline={"clean": 1.0 - float(evidence.clean_error.mean())},
                note=f"mean over {evidence.passes} answers; ARS above goes by their majority",
            )
        )
    return tuple(found)


def _curves(evidence: EvasionEvidence) -> tuple[Curve, ...]:
    """Accuracy by strength, from the smallest radius found of each record."""
    n = len(evidence.labels)
    if not n or np.isnan(evidence.radius[evidence.right]).any():
        return ()
    unit, label = 1.0, "share of each budget"
    if len(evidence.budgets) == 1:
        ((name, budget),) = evidence.budgets.items()
        unit, label = budget.epsilon, f"epsilon ({budget.norm}, units of {name})"
    radius = np.where(evidence.right, evidence.radius, 0.0)
    shares = np.linspace(0.0, 1.0, _GRID + 1)
    # A radius is measured from floats: at the full budget it may be a rounding beyond it.
    stands = [
        int((radius > share * (1 + 1e-3) if share else evidence.right).sum()) for share in shares
    ]
    at = [clopper_pearson(k, n) for k in stands]
    return (
        Curve(
            "accuracy by strength of the attack",
            x=tuple(float(share) * unit for share in shares),
            y=tuple(one.estimate for one in at),
            x_label=label,
            y_label="ARS: accuracy under attack",
            low=tuple(one.low for one in at),
            high=tuple(one.high for one in at),
        ),
    )


def _not_tested(evidence: EvasionEvidence) -> tuple[str, ...]:
    found = list(_NOT_TESTED)
    if evidence.untouched:
        found.append(f"changes to {', '.join(evidence.untouched)}: left as they are")
    if evidence.incomplete:
        found.append("a modality taken away from a record: who lacks what was left as it is")
    if all(one.loss is not None for one in evidence.members):
        found.append("a search without gradients (black box)")
    return tuple(found)


def _notes(evidence: EvasionEvidence) -> tuple[str, ...]:
    found = [
        "Strength and norm are choices: "
        + "; ".join(f"{name} {one.sentence}" for name, one in evidence.budgets.items())
        + "."
    ]
    if evidence.health.random:
        found.append(
            f"The model is random: gradients are means of {evidence.health.averaging} passes, and "
            f"a record counts as wrong where most of {evidence.passes} answers are."
        )
    if evidence.classes < 3 and any(
        one.loss in ("dlr", "targeted dlr") for one in evidence.members
    ):
        found.append("With two classes the DLR loss is the margin.")
    return tuple(found)


def _arrays(evidence: EvasionEvidence) -> dict[str, NDArray[Any]]:
    found: dict[str, NDArray[Any]] = {
        "right": evidence.right,
        "broken": evidence.broken,
        "broken by noise": evidence.noisy,
        "smallest radius": evidence.radius,
        "error after": evidence.error,
    }
    found |= {f"broken by {one.name}": one.broken for one in evidence.members}
    found |= {f"adversarial {name}": values for name, values in evidence.adversarial.items()}
    return found
