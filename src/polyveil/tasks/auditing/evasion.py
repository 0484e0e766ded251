# SPDX-License-Identifier: Apache-2.0
"""The step that changes inputs a little, each modality alone and all of them at once."""

from __future__ import annotations

import time

from polyveil.attack.audited_model import AuditedModel
from polyveil.attack.evasion import (
    QUICK,
    Evasion,
    affordable,
    default_budgets,
    evaluate_by_modality,
)
from polyveil.attack.evasion.affordable import FEWEST
from polyveil.attack.evasion.analysis import THREAT
from polyveil.attack.evasion.attack import ANSWERS, AVERAGED
from polyveil.attack.protocol import carry_out
from polyveil.tasks.auditing.battery import Step
from polyveil.tasks.auditing.kept import Found

MOST = 1000
"""Records: a thousand tell a share to three points; further time goes into stronger search."""
_GRADIENT = 3.0
"""A pass with its gradient takes about so many plain ones."""
_SEARCHING = 0.5
"""Share of the time that is planned for the searches; the checks of their health take the rest."""


def evasion_step(model: AuditedModel, *, seed: int) -> Step:
    """See the module. Records are those that the model was not trained on."""
    budgets = default_budgets(model.others.inputs)
    records, target = model.others.at(slice(0, MOST)), model.classifier
    attacks = 1 if len(budgets) == 1 else len(budgets) + 1

    def run(seconds: float) -> Found:
        each = max(_SEARCHING * seconds / attacks, 1e-3)
        attack = affordable(records, budgets, target, each, seed=seed)
        if attacks == 1:
            return Found((carry_out(attack, target),))
        found = evaluate_by_modality(attack, target)
        return Found((found.joint, *found.alone.values()))

    def least() -> float:
        smallest = Evasion(records.at(slice(0, FEWEST)), budgets, QUICK)
        return attacks * smallest.cost * _GRADIENT * _pass_time(model) / _SEARCHING

    return Step("evasion", (THREAT,), 2.0, least, run)


def _pass_time(model: AuditedModel) -> float:
    """Seconds that a record takes through the model; a random one needs many answers for each."""
    few = model.others.at(slice(0, 128))
    random = model.classifier.is_random(few.inputs)
    passes = []
    for _ in range(3):
        begun = time.perf_counter()
        model.classifier.logits(few.inputs)
        passes.append(time.perf_counter() - begun)
    # The quickest: what else the machine does must not skip an attack.
    return min(passes) / len(few) * (AVERAGED + ANSWERS if random else 1)
