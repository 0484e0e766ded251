# SPDX-License-Identifier: Apache-2.0
"""The step that trains with a contributor's marked records: does the model obey the mark?"""

from __future__ import annotations

from polyveil.attack.audited_model import AuditedModel
from polyveil.attack.poisoning import Backdoor, Poisoning
from polyveil.attack.poisoning.backdoor import THREAT
from polyveil.attack.poisoning.trigger import plain_trigger
from polyveil.attack.protocol import carry_out
from polyveil.attack.recipe import Recipe
from polyveil.tasks.auditing.battery import Step
from polyveil.tasks.auditing.cost import TrainingCost
from polyveil.tasks.auditing.kept import Found

_RATES = (0.05, 0.01, 0.10)
"""Shares of poison, the first one where time allows only one."""
_FEWEST, _MOST = 300, 20_000
"""Records that are trained on."""


def poisoning_step(model: AuditedModel, recipe: Recipe, *, seed: int) -> Step:
    """See the module. The training is repeated on members, some of them marked."""
    cost = TrainingCost(recipe, model.members, seed=seed)
    plan = Backdoor(plain_trigger(model.members.inputs))

    def attack(rates: tuple[float, ...], records: int) -> Poisoning:
        return Poisoning(
            plan,
            model.members.at(slice(0, records)),
            model.others,
            tuple(sorted(rates)),
            control=model.unprotected,
            calling=model.classifier.calling,
            seed=seed,
        )

    def needed(count: int, records: int) -> float:
        return attack(_RATES[:count], records).models * cost.seconds(records)

    whole = min(_MOST, len(model.members))
    fewest = min(_FEWEST, whole)

    def run(seconds: float) -> Found:
        count = max((n for n in (1, 3) if needed(n, whole) <= seconds), default=1)
        affordable = round(whole * seconds / max(needed(count, whole), 1e-9))
        records = max(fewest, min(whole, affordable))
        return Found((carry_out(attack(_RATES[:count], records), recipe),))

    return Step("backdoor", (THREAT,), 1.0, lambda: needed(1, fewest), run)
