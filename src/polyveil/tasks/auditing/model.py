# SPDX-License-Identifier: Apache-2.0
"""A classifier as a target: which attacks fit it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from torch import nn

from polyveil.assess.measure import Measure
from polyveil.attack.attribute import THREAT as ATTRIBUTE
from polyveil.attack.audited_model import AuditedModel
from polyveil.attack.extraction.judgement import THREAT as EXTRACTION
from polyveil.attack.inversion.embedding import THREAT as EMBEDDING
from polyveil.attack.inversion.gradient import THREAT as GRADIENT
from polyveil.attack.inversion.model import THREAT as MODEL_INVERSION
from polyveil.attack.missing import modalities
from polyveil.attack.plain_training import like
from polyveil.attack.poisoning.backdoor import THREAT as BACKDOOR
from polyveil.attack.splits import prove_disjoint
from polyveil.errors import UsageError
from polyveil.interval import clopper_pearson
from polyveil.privacy.key import ProjectKey
from polyveil.report.audit import Claim, System, Untested
from polyveil.tasks.auditing.attribute import attribute_step
from polyveil.tasks.auditing.battery import Step
from polyveil.tasks.auditing.evasion import evasion_step
from polyveil.tasks.auditing.extraction import extraction_step
from polyveil.tasks.auditing.inversion import inversion_step
from polyveil.tasks.auditing.membership import candidates, membership_step
from polyveil.tasks.auditing.poisoning import poisoning_step
from polyveil.tasks.auditing.prepared import Prepared

NOT_TESTED = (
    "An attacker who sees the training go on: its gradients and weights on the way are taken to "
    "stay where it ran.",
    "Near-duplicates: two records that are nearly and not exactly equal count as two.",
    "Attacks by means that were not known when this version of polyveil was made.",
)


def prepare_model(model: AuditedModel, *, seed: int) -> Prepared:
    """A module with its records."""
    module = model.classifier.module
    system = System(
        kind="torch module",
        description=model.description,
        data_subjects=model.data_subjects,
        release_form="answers to any number of queries, or the weights",
        facts=facts(model),
        hashes={"weights": _digest(module)},
    )
    claims = () if model.claim is None else (_stated(model),)
    return prepared(model, system, (), claims, seed=seed)


def prepared(
    model: AuditedModel,
    system: System,
    first: tuple[Step, ...],
    claims: tuple[Claim, ...],
    *,
    seed: int,
    untested: tuple[Untested, ...] = (),
    warnings: tuple[str, ...] = (),
    not_tested: tuple[str, ...] = (),
) -> Prepared:
    """Everything that fits a model.

    Args:
      first: steps that only this kind of target has, most telling after membership.
      claims: promises that no step speaks to.
      untested: in place of what is said of a model of which no more is known.
    """
    model = shuffled(model, seed=seed)
    whom = candidates(model, seed=seed)
    digests = {"trained on": model.members.digests(), "others": model.others.digests()}
    key = ProjectKey.load_or_create().mac("audit", (system.hashes and str(system.hashes)) or "")
    steps = [membership_step(model, whom, seed=seed, key=key), *first]
    steps.append(evasion_step(model, seed=seed))
    if model.embed is not None:
        steps.append(inversion_step(model, model.embed, seed=seed))
    build, no_copy = _builder(model)
    if build is not None:
        steps.append(extraction_step(model, build, seed=seed))
    if model.hidden is not None:
        steps.append(attribute_step(model, model.hidden, seed=seed))
    if model.recipe is not None:
        steps.append(poisoning_step(model, model.recipe, seed=seed))
    tried = {threat.id for step in steps for threat in step.threats}
    named = (*_untested(model), *no_copy, *untested)
    return Prepared(
        system=system,
        steps=tuple(steps),
        fingerprint=_fingerprint(system, digests),
        utility=_utility(model),
        claims=claims,
        proof=prove_disjoint(digests, key=key),
        untested=tuple(one for one in named if one.threat.id not in tried),
        warnings=warnings,
        not_tested=(*NOT_TESTED, *not_tested),
    )


def shuffled(model: AuditedModel, *, seed: int) -> AuditedModel:
    """The same, records in a random order: attacks take the first so many, and data often lie
    sorted by class."""
    draw = np.random.default_rng(seed)
    members, others = (
        part.at(draw.permutation(len(part))) for part in (model.members, model.others)
    )
    return replace(model, members=members, others=others)


def _builder(
    model: AuditedModel,
) -> tuple[Callable[[], nn.Module] | None, tuple[Untested, ...]]:
    """What makes an untrained network of the target's form, or why a thief has none."""
    if model.build is not None:
        return model.build, ()
    try:
        return like(model.classifier.module), ()
    except UsageError as error:
        return None, (Untested(EXTRACTION, str(error)),)


def _untested(model: AuditedModel) -> tuple[Untested, ...]:
    found = [
        Untested(GRADIENT, "gradients do not leave with this model; where they do (federated "
                           "training), attack them with polyveil.attack.inversion"),
        Untested(MODEL_INVERSION, "its classes were not said to be people"),
    ]  # fmt: skip
    if model.embed is None:
        found.append(Untested(EMBEDDING, "no vectors were said to leave of single records"))
    if model.hidden is None:
        found.append(Untested(ATTRIBUTE, "no value of a record was named as hidden"))
    if model.recipe is None:
        found.append(Untested(BACKDOOR, "no recipe was given that trains such a model"))
    return tuple(found)


def _utility(model: AuditedModel) -> tuple[Measure, ...]:
    """Accuracy without any attack, on both sides of the training."""
    found = []
    for name, part in (("others", model.others), ("those trained on", model.members)):
        right = model.classifier.correct(part)
        value = clopper_pearson(int(right.sum()), len(part))
        found.append(Measure(f"right answers, {name}", value, better="higher"))
    return tuple(found)


def _stated(model: AuditedModel) -> Claim:
    guarantee = model.claim
    assert guarantee is not None  # noqa: S101 - narrows the type for mypy
    return Claim(
        statement=guarantee.sentence,
        source="whoever trained it says so",
        epsilon=guarantee.epsilon,
        delta=guarantee.delta,
        sentence=(
            "Not tested: that takes a training with canaries. See polyveil.attack.canary for a "
            "loop of your own."
        ),
    )


def facts(model: AuditedModel) -> dict[str, str | int]:
    """What a report says of the model and its records."""
    return {
        "inputs": ", ".join(modalities(model.members.inputs)),
        "classes": model.classes,
        "parameters": sum(one.numel() for one in model.classifier.module.parameters()),
        "records trained on": len(model.members),
        "other records": len(model.others),
    }


def _digest(module: nn.Module) -> str:
    digest = hashlib.sha256()
    for name, value in sorted(module.state_dict().items()):
        digest.update(name.encode() + np.ascontiguousarray(value.cpu().float().numpy()).tobytes())
    return digest.hexdigest()


def _fingerprint(system: System, digests: dict[str, list[bytes]]) -> str:
    digest = hashlib.sha256(repr(sorted(system.hashes.items())).encode())
    for name, records in digests.items():
        digest.update(name.encode() + b"".join(sorted(records)))
    return digest.hexdigest()
