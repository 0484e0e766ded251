# SPDX-License-Identifier: Apache-2.0
"""The step that copies the model by asking it, with as many queries as time and records allow."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from polyveil.attack.audited_model import AuditedModel
from polyveil.attack.extraction import Extraction
from polyveil.attack.extraction.judgement import THREAT
from polyveil.attack.plain_training import PlainTraining
from polyveil.attack.protocol import carry_out
from polyveil.tasks.auditing.battery import Step
from polyveil.tasks.auditing.cost import TrainingCost
from polyveil.tasks.auditing.kept import Found

_HELD_OUT = 0.4
"""Share of the other records on which a copy is judged; the rest are the thief's."""
_BUDGETS = (100, 300, 1000, 3000)
_EPOCHS = 30


def extraction_step(model: AuditedModel, build: Callable[[], nn.Module], *, seed: int) -> Step:
    """See the module. The thief has records that the model was not trained on, and its form.

    Args:
      build: makes an untrained network of that form.
    """
    cut = round(_HELD_OUT * len(model.others))
    held_out, records = model.others.at(slice(0, cut)), model.others.at(slice(cut, None))
    training = PlainTraining(build, epochs=_EPOCHS, calling=model.classifier.calling)
    cost = TrainingCost(training, records, seed=seed)
    possible = [budget for budget in _BUDGETS if budget <= len(records)] or [len(records)]

    def attack(budgets: tuple[int, ...]) -> Extraction:
        return Extraction(
            records,
            held_out,
            training.fitted,
            budgets,
            trained_on=tuple(model.members.digests()),
            calling=model.classifier.calling,
            seed=seed,
        )

    def needed(count: int) -> float:
        one = attack(tuple(possible[:count]))
        return cost.seconds(one.taught, trainings=one.models)

    def run(seconds: float) -> Found:
        count = max((n for n in range(1, len(possible) + 1) if needed(n) <= seconds), default=1)
        return Found((carry_out(attack(tuple(possible[:count])), model.classifier),))

    return Step("extraction", (THREAT,), 2.0, lambda: needed(1), run)
