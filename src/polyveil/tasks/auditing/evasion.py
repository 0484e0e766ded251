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

    def attack(searches: tuple[Search, ...], records: int) -> Evasion:
        few = model.others.at(slice(0, records))
        return Evasion(few, budgets, searches, radii=attacks == 1, seed=seed)

    smallest = attack(QUICK, FEWEST)

    def run(seconds: float) -> Found:
        begun = time.perf_counter()
        found = carry_out(smallest, model.classifier)
        once = time.perf_counter() - begun
        chosen = _affordable(attack, once, (seconds - once) / attacks, len(model.others))
        if attacks == 1:
            return Found((found if chosen is None else carry_out(chosen, model.classifier),))
        by_modality = evaluate_by_modality(chosen or smallest, model.classifier)
        return Found((by_modality.joint, *by_modality.alone.values()))

    def least() -> float:
        return attacks * smallest.cost * len(smallest.examples) * _pass_time(model) * _GRADIENT

    return Step("evasion", (THREAT,), 2.0, least, run)


def _affordable(
    attack: Callable[[tuple[Search, ...], int], Evasion], once: float, seconds: float, most: int
) -> Evasion | None:
    """The strongest search that fits, on as many records as fit; None where only the smallest does.

    Args:
      once: seconds that the smallest attack took; others are judged by it.
    """
    chosen, smallest = None, attack(QUICK, FEWEST)
    for searches in (QUICK, STANDARD, THOROUGH):
        more = attack(searches, FEWEST)
        records = int(min(MOST, most, FEWEST * seconds * smallest.cost / (once * more.cost)))
        if records >= min(FEWEST, most):
            chosen = attack(searches, records)
    return chosen


def _pass_time(model: AuditedModel) -> float:
    """Seconds that a record takes through the model; a random one needs many answers for each."""
    few = model.others.at(slice(0, 128))
    random = model.classifier.is_random(few.inputs)
    begun = time.perf_counter()
    model.classifier.logits(few.inputs)
    each = (time.perf_counter() - begun) / len(few)
    return each * (AVERAGED + ANSWERS if random else 1)
