# SPDX-License-Identifier: Apache-2.0
"""The step that changes inputs a little, each modality alone and all of them at once."""

from __future__ import annotations

import time
from collections.abc import Callable

from polyveil.attack.audited_model import AuditedModel
from polyveil.attack.evasion import (
    QUICK,
    STANDARD,
    THOROUGH,
    Evasion,
    default_budgets,
    evaluate_by_modality,
)
from polyveil.attack.evasion.analysis import THREAT
from polyveil.attack.evasion.attack import ANSWERS, AVERAGED
from polyveil.attack.evasion.search import Search
from polyveil.attack.protocol import carry_out
from polyveil.tasks.auditing.battery import Step
from polyveil.tasks.auditing.kept import Found

FEWEST = 100
MOST = 1000
"""Records: a thousand tell a share to three points; further time goes into stronger search."""
_GRADIENT = 3.0
"""A pass with its gradient takes about so many plain ones."""


def evasion_step(model: AuditedModel, *, seed: int) -> Step:
    """See the module. Records are those that the model was not trained on."""
    budgets = default_budgets(model.others.inputs)
    attacks = 1 if len(budgets) == 1 else len(budgets) + 1
    passing = _pass_time(model)

    def attack(searches: tuple[Search, ...], records: int) -> Evasion:
        few = model.others.at(slice(0, records))
        return Evasion(few, budgets, searches, radii=attacks == 1, seed=seed)

    def needed(one: Evasion) -> float:
        return attacks * one.cost * len(one.examples) * passing() * _GRADIENT

    def run(seconds: float) -> Found:
        chosen = attack(QUICK, FEWEST)
        for searches in (QUICK, STANDARD, THOROUGH):
            more = attack(searches, FEWEST)
            records = int(min(MOST, FEWEST * seconds / max(needed(more), 1e-9)))
            if records >= min(FEWEST, len(model.others)):
                chosen = attack(searches, records)
        if attacks == 1:
            return Found((carry_out(chosen, model.classifier),))
        found = evaluate_by_modality(chosen, model.classifier)
        return Found((found.joint, *found.alone.values()))

    return Step("evasion", (THREAT,), 2.0, lambda: needed(attack(QUICK, FEWEST)), run)


def _pass_time(model: AuditedModel) -> Callable[[], float]:
    """Seconds that a record takes through the model; a random one needs many answers for each."""

    def measure() -> float:
        few = model.others.at(slice(0, 128))
        model.classifier.logits(few.inputs)
        begun = time.perf_counter()
        model.classifier.logits(few.inputs)
        each = (time.perf_counter() - begun) / len(few)
        random = model.classifier.is_random(few.inputs)
        return each * (AVERAGED + ANSWERS if random else 1)

    known: list[float] = []

    def once() -> float:
        if not known:
            known.append(measure())
        return known[0]

    return once
