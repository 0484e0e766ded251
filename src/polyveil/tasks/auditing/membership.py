# SPDX-License-Identifier: Apache-2.0
"""The step that asks who was trained on: as many shadow models as the time allows, or none."""

from __future__ import annotations

from collections.abc import Sequence

from polyveil.attack.audited_model import AuditedModel
from polyveil.attack.membership import (
    Candidates,
    Lira,
    Population,
    Reference,
    Rmia,
    ShadowClassifier,
    Study,
    prepare,
    train_shadows,
    train_twin,
)
from polyveil.attack.membership.attacker import MembershipAttack
from polyveil.attack.membership.population import THREAT
from polyveil.attack.protocol import carry_out
from polyveil.attack.result import AttackResult
from polyveil.report.audit import Skipped
from polyveil.tasks.auditing.battery import Step
from polyveil.tasks.auditing.cost import TrainingCost
from polyveil.tasks.auditing.kept import Found

FEWEST_SHADOWS = 4
MOST_SHADOWS = 64
MOST_CANDIDATES = 20_000
_POPULATION = 0.25
"""Share of the other records that nobody asks about, with which the asked are compared."""
_ASKING = 0.25
"""Share of the time that asking and judging may take beside training."""
_LEARNING = "LiRA, online, and shadow classifier"
_PROTECTED = (
    "they learn what membership does from shadow models that are protected like the target, and "
    "could not catch an unprotected one; the other attacks stand for them"
)
_WITH_SHADOWS = "LiRA, RMIA, reference attack and shadow classifier"


def candidates(model: AuditedModel, *, seed: int) -> Candidates:
    """Whose membership is asked about: at most `MOST_CANDIDATES` of each side."""
    found = Candidates(
        model.members.at(slice(0, MOST_CANDIDATES)), model.others.at(slice(0, MOST_CANDIDATES))
    )
    return found.set_aside(_POPULATION, seed=seed)


def membership_step(model: AuditedModel, whom: Candidates, *, seed: int, key: bytes) -> Step:
    """See the module. Args: key: secret of the audit, for pseudonyms."""
    cost = None if model.recipe is None else TrainingCost(model.recipe, whom.pool, seed=seed)

    half = len(whom.pool) // 2

    def wants() -> float:
        return 0.0 if cost is None else _needed(cost, half)

    def run(seconds: float) -> Found:
        # The twin, which is the positive control, costs about as much as one of them.
        wanted = 0
        if cost is not None:
            wanted = int((1 - _ASKING) * seconds / max(cost.seconds(half), 1e-9)) - 1
        if wanted < FEWEST_SHADOWS:
            return _without(model, whom, cost, half, seconds, seed, key)
        count = min(MOST_SHADOWS, wanted - wanted % 2)
        study = _study(model, whom, count, (1 - _ASKING) * seconds, seed, key)
        attacks = _attacks(study)
        if model.unprotected is None:
            return Found(_all_of(model, study, attacks))
        offline = [one for one in attacks if not _learns_from_shadows(one)]
        return Found(_all_of(model, study, offline), skipped=(Skipped(_LEARNING, _PROTECTED),))

    return Step("membership", (THREAT,), 4.0, lambda: 0.0, run, wants)


def _needed(cost: TrainingCost, records: int) -> float:
    """Seconds that the fewest shadow models take, a twin and what follows included."""
    return (FEWEST_SHADOWS + 2) * cost.seconds(records) / (1 - _ASKING)


def _attacks(study: Study) -> tuple[MembershipAttack, ...]:
    return (
        Lira(study, "online"),
        Lira(study, "offline"),
        Rmia(study),
        Reference(study),
        ShadowClassifier(study),
        Population(study),
    )


def _learns_from_shadows(attack: MembershipAttack) -> bool:
    return isinstance(attack, ShadowClassifier) or (
        isinstance(attack, Lira) and attack.side == "online"
    )


def _study(
    model: AuditedModel, whom: Candidates, count: int, seconds: float, seed: int, key: bytes
) -> Study:
    recipe = model.recipe
    assert recipe is not None  # noqa: S101 - narrows the type for mypy
    twin = train_twin(model.unprotected or recipe, whom, seed=seed)
    shadows = train_shadows(recipe, whom, count, seed=seed, seconds=seconds)
    return prepare(
        whom, shadows=shadows, twin=twin, key=key, calling=model.classifier.calling, seed=seed
    )


def _without(
    model: AuditedModel,
    whom: Candidates,
    cost: TrainingCost | None,
    half: int,
    seconds: float,
    seed: int,
    key: bytes,
) -> Found:
    """The one attack that needs no shadow models, and why the others were not made.

    Its positive control is one training, for which there may be time.
    """
    if cost is None:
        reason = "they need a recipe that trains a model of the target's kind; none was given"
    else:
        needed = _needed(cost, half)
        reason = f"they need {FEWEST_SHADOWS} shadow models and a twin: about {needed:,.0f} s"
    recipe, twin = model.unprotected or model.recipe, None
    if recipe is not None and cost is not None and cost.seconds(half) <= (1 - _ASKING) * seconds:
        twin = train_twin(recipe, whom, seed=seed)
    study = prepare(whom, twin=twin, key=key, calling=model.classifier.calling, seed=seed)
    attacks = _all_of(model, study, (Population(study),))
    return Found(attacks, skipped=(Skipped(_WITH_SHADOWS, reason),))


def _all_of(
    model: AuditedModel, study: Study, attacks: Sequence[MembershipAttack]
) -> tuple[AttackResult, ...]:
    return tuple(carry_out(one, model.classifier) for one in attacks)
