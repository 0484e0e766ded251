# SPDX-License-Identifier: Apache-2.0
"""Each modality attacked alone, all of them at once, and what the parts put together come to.

Putting together changes that were found for each modality alone is what one gets from tools that
know one input only. It is no attack on all of them: the parts do not know of each other. It stands
beside the joint attack so that the difference can be read off.

Where records lack modalities, one alone is attacked on the records that have it, for nothing can be
changed in the others; the joint attack is on all of them, as they come.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from polyveil.assess.measure import Measure
from polyveil.attack.classifier import Classifier
from polyveil.attack.evasion.attack import ANSWERS, Evasion
from polyveil.attack.evasion.budget import Budget
from polyveil.attack.evasion.guards import SLACK
from polyveil.attack.evasion.judge import is_random, judged
from polyveil.attack.examples import Inputs
from polyveil.attack.guard import Guard
from polyveil.attack.missing import rows_there, there
from polyveil.attack.protocol import carry_out
from polyveil.attack.result import AttackResult
from polyveil.interval import Interval, clopper_pearson


@dataclass(frozen=True, slots=True)
class ByModality:
    """One model, attacked by modality.

    Attributes:
      alone: modality -> attack on it alone, on the records that have it.
      joint: attack on all at once; its measures and guards name the others too.
      combined: ARS under the changes found for each modality alone, put together.
    """

    alone: Mapping[str, AttackResult]
    joint: AttackResult
    combined: Interval

    def ars(self) -> dict[str, Interval]:
        """Accuracy under each attack: each modality over the records that have it, combined and
        joint over all records."""
        found = {name: _ars(result) for name, result in self.alone.items()}
        return {**found, "separately combined": self.combined, "joint": _ars(self.joint)}


def evaluate_by_modality(attack: Evasion, target: Classifier) -> ByModality:
    """The attack as it is, and once more for each of its modalities alone.

    Costs as much as one attack for each modality and one more.
    """
    if len(attack.budgets) < 2:
        raise ValueError(
            f"expected budgets for two modalities or more, got {', '.join(attack.budgets)}."
        )
    alone = {
        name: carry_out(_on(attack, name, budget), target)
        for name, budget in attack.budgets.items()
        if len(rows_there(attack.examples.inputs, name))
    }
    joint = carry_out(attack, target)
    combined = _combined(attack, target, alone)
    if not attack.keep:
        alone = {name: _without_inputs(result) for name, result in alone.items()}
    return ByModality(alone, _beside(attack, joint, alone, combined), combined)


def _on(attack: Evasion, name: str, budget: Budget) -> Evasion:
    """The attack on one modality alone, on the records that have it."""
    has = there(attack.examples.inputs, name)
    examples = attack.examples if has is None else attack.examples.at(has)
    return replace(attack, examples=examples, budgets={name: budget}, keep=True)


def _combined(attack: Evasion, target: Classifier, alone: Mapping[str, AttackResult]) -> Interval:
    examples = attack.examples
    inputs = dict(examples.inputs)
    for name, result in alone.items():
        made = torch.from_numpy(np.asarray(result.array(f"adversarial {name}")))
        inputs[name] = _among_all(examples.inputs, name, made.to(examples.inputs[name]))
    passes = attack.passes or (ANSWERS if is_random(target, examples, seed=attack.seed) else 1)
    wrong = judged(target, inputs, examples.labels, passes=passes, seed=attack.seed).wrong
    return clopper_pearson(int((~wrong).sum()), len(examples))


def _among_all(inputs: Inputs, name: str, made: Tensor) -> Tensor:
    """What was made of the records that have a modality, the others being as they were."""
    has = there(inputs, name)
    if has is None:
        return made
    found = inputs[name].clone()
    found[has] = made
    return found


def _beside(
    attack: Evasion, joint: AttackResult, alone: Mapping[str, AttackResult], combined: Interval
) -> AttackResult:
    ars = _ars(joint)
    parts = [
        Measure(f"ARS, {name} alone", _ars(result), better="higher", note=_on_whom(attack, name))
        for name, result in alone.items()
    ]
    parts.append(
        Measure(
            "ARS, separately combined",
            combined,
            better="higher",
            baseline={"joint": ars.estimate},
            note="changes found for each modality alone, put together",
        )
    )
    same = {name: _ars(joint, there(attack.examples.inputs, name)).estimate for name in alone}
    beyond = {name: same[name] - _ars(result).estimate for name, result in alone.items()}
    most = max(beyond, key=lambda name: beyond[name])
    passed = beyond[most] <= SLACK
    said = f"ARS joint {same[most]:.1%}, {most} alone {_ars(alone[most]).estimate:.1%}"
    guard = Guard("joint is no weaker than one modality", "false comfort", passed, said)
    return replace(joint, measures=(*joint.measures, *parts), guards=(*joint.guards, guard))


def _on_whom(attack: Evasion, name: str) -> str:
    has = there(attack.examples.inputs, name)
    return "" if has is None else f"over the {int(has.sum()):,} records that have it"


def _ars(result: AttackResult, among: Tensor | None = None) -> Interval:
    """Accuracy under attack, over some of its records or all."""
    stands: NDArray[np.bool_] = result.array("right") & ~result.array("broken")
    if among is not None:
        stands = stands[among.numpy(force=True)]
    return clopper_pearson(int(stands.sum()), len(stands))


def _without_inputs(result: AttackResult) -> AttackResult:
    kept = {name: one for name, one in result.arrays.items() if "adversarial" not in name}
    return replace(result, arrays=kept)
