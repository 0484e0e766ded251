# SPDX-License-Identifier: Apache-2.0
"""A recogniser's people: rebuilt from its weights, and from the embeddings that it makes of them.

Whoever tries holds records of other people. Those are the ones that the plan left out
([data] people below 1); without them what he rebuilds could be what he held before.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from polyveil.attack.audited_model import FEWEST, AuditedModel
from polyveil.attack.classifier import Classifier
from polyveil.attack.examples import Examples, Inputs
from polyveil.attack.inversion.climb import Climb
from polyveil.attack.inversion.embedding import THREAT as EMBEDDING
from polyveil.attack.inversion.encoder import Embed
from polyveil.attack.inversion.model import THREAT as MODEL_INVERSION
from polyveil.attack.inversion.model import ModelInversion
from polyveil.attack.missing import complete
from polyveil.attack.protocol import carry_out
from polyveil.learn.modalities import Multimodal
from polyveil.learn.plan import Plan
from polyveil.report.audit import Untested
from polyveil.tasks.auditing.as_examples import as_examples
from polyveil.tasks.auditing.battery import Step
from polyveil.tasks.auditing.cost import pass_time
from polyveil.tasks.auditing.inversion import inversion_step
from polyveil.tasks.auditing.kept import Found
from polyveil.tasks.modalities import read_modalities

_NO_STRANGERS = (
    f"it needs {FEWEST} records or more, with all modalities, of people who are no class: train "
    "with [data] people below 1, which leaves some out"
)
_INCOMPLETE = f"it needs {FEWEST} records or more that were trained on and have all modalities"
_PASSES = 3 * 3
"""The target and two controls, a pass and its gradient."""


def strangers(plan: Plan, train: Multimodal) -> Examples | None:
    """Records of people whom the plan left out, with all modalities; None where they are few.

    Their labels are above all classes of the recogniser.
    """
    if plan.data.people == 1.0 and plan.data.classes is None:
        return None
    every = read_modalities(replace(plan, data=replace(plan.data, people=1.0, classes=None)))
    unseen = [at for at, name in enumerate(every.classes) if name not in train.classes]
    chosen = every.where(np.isin(every.labels, unseen) & every.present.all(axis=1))
    if len(chosen) < FEWEST:
        return None
    found = as_examples(chosen, flags=False)
    return replace(found, labels=found.labels + len(train.classes))


def people_steps(
    model: AuditedModel, known: Examples | None, *, seed: int
) -> tuple[tuple[Step, ...], tuple[Untested, ...]]:
    """What can be tried against people, and what cannot."""
    members, gallery = complete(model.members), _twice(complete(model.others))
    if known is None or len(members) < FEWEST:
        why = _NO_STRANGERS if known is None else _INCOMPLETE
        return (), (Untested(MODEL_INVERSION, why), Untested(EMBEDDING, why))
    released = replace(model, members=members, others=known)
    embed = _embedding(model.classifier.module)
    steps = [inversion_step(released, embed, seed=seed, by_person=True)]
    if _people(gallery) > 1:
        steps.append(_model_inversion(model.classifier, known, gallery, seed=seed))
        return tuple(steps), ()
    few = "it needs two held-out records or more, with all modalities, of two people or more"
    return tuple(steps), (Untested(MODEL_INVERSION, few),)


def _model_inversion(target: Classifier, known: Examples, gallery: Examples, *, seed: int) -> Step:
    attack = ModelInversion(known=known, gallery=gallery, seed=seed)
    classes = _people(gallery)

    def needed() -> float:
        effort: Climb = attack.plan
        asked = effort.steps * effort.starts * classes
        return _PASSES * asked * pass_time(target, known)

    return Step(
        "model inversion",
        (MODEL_INVERSION,),
        1.0,
        needed,
        lambda _: Found((carry_out(attack, target),)),
    )


def _embedding(module: nn.Module) -> Embed:
    """Inputs -> the fused embedding, as it leaves before any protection of templates."""

    def embed(inputs: Inputs) -> Tensor:
        fused: Tensor = module(inputs).fused
        return fused

    return embed


def _twice(examples: Examples) -> Examples:
    """Records of those who have two or more."""
    counts = torch.bincount(examples.labels)
    return examples.at(counts[examples.labels] > 1)


def _people(examples: Examples) -> int:
    return len(set(examples.labels.tolist()))
