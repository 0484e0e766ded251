# SPDX-License-Identifier: Apache-2.0
"""The step that changes inputs a little: all of them at once, and where time allows each alone."""

from __future__ import annotations

from polyveil.attack.audited_model import AuditedModel
from polyveil.attack.evasion import (
    affordable,
    default_budgets,
    evaluate_by_modality,
)
from polyveil.attack.evasion.affordable import least_passes
from polyveil.attack.evasion.analysis import THREAT
from polyveil.attack.evasion.judge import is_random
from polyveil.attack.protocol import carry_out
from polyveil.report.audit import Skipped
from polyveil.tasks.auditing.battery import Step
from polyveil.tasks.auditing.cost import pass_time
from polyveil.tasks.auditing.kept import Found

MOST = 1000
"""Records: a thousand tell a share to three points; further time goes into stronger search."""
_GRADIENT = 3.0
"""A pass with its gradient takes about so many plain ones."""
_SEARCHING = 0.5
"""Share of the time that is planned for the searches; the checks of their health take the rest."""
_ALONE = "all modalities were attacked at once; each of them alone takes more time"


def evasion_step(model: AuditedModel, *, seed: int) -> Step:
    """See the module. Records are those that the model was not trained on."""
    budgets = default_budgets(model.others.inputs)
    records, target = model.others.at(slice(0, MOST)), model.classifier
    attacks = 1 if len(budgets) == 1 else len(budgets) + 1

    def one() -> float:
        random = is_random(target, records.at(slice(0, 8)), seed=seed)
        few = least_passes(records, budgets, random=random)
        return few * _GRADIENT * pass_time(target, model.others) / _SEARCHING

    def run(seconds: float) -> Found:
        apart = attacks > 1 and seconds >= attacks * one()
        each = max(_SEARCHING * seconds / (attacks if apart else 1), 1e-3)
        attack = affordable(records, budgets, target, each, seed=seed)
        if not apart:
            alone = (Skipped("evasion by one modality alone", _ALONE),) if attacks > 1 else ()
            return Found((carry_out(attack, target),), skipped=alone)
        found = evaluate_by_modality(attack, target)
        return Found((found.joint, *found.alone.values()))

    return Step("evasion", (THREAT,), 2.0, one, run, lambda: attacks * one())
