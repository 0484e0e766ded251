# SPDX-License-Identifier: Apache-2.0
"""The step that guesses one hidden value of a record from what the model says to each candidate."""

from __future__ import annotations

from polyveil.attack.attribute import THREAT, AttributeInference
from polyveil.attack.audited_model import AuditedModel
from polyveil.attack.hidden import Hidden
from polyveil.attack.protocol import carry_out
from polyveil.tasks.auditing.battery import Step
from polyveil.tasks.auditing.kept import Found

MOST = 1000
"""People on each side."""


def attribute_step(model: AuditedModel, hidden: Hidden, *, seed: int) -> Step:
    """See the module. Half of the other records are the attacker's own."""
    half = len(model.others) // 2
    attack = AttributeInference(
        model.members.at(slice(0, MOST)),
        model.others.at(slice(0, min(half, MOST))),
        model.others.at(slice(half, None)),
        hidden,
        seed=seed,
    )
    return Step(
        "attribute inference",
        (THREAT,),
        1.0,
        lambda: 0.0,
        lambda _: Found((carry_out(attack, model.classifier),)),
    )
