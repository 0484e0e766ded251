# SPDX-License-Identifier: Apache-2.0
"""The step that tests a run's claimed epsilon: the same training once more, with canaries."""

from __future__ import annotations

import math
from dataclasses import replace

from polyveil.attack.canary.claim import ClaimCheck
from polyveil.attack.canary.one_run import NOT_TO_BE_USED, THREAT
from polyveil.attack.canary.work import audit_work
from polyveil.attack.result import AttackResult
from polyveil.interval import Interval
from polyveil.privacy.guarantee import Guarantee
from polyveil.report.audit import Claim
from polyveil.tasks.auditing.battery import Step
from polyveil.tasks.auditing.kept import Found
from polyveil.tasks.auditing.trained_run import TrainedRun

_ACCOUNTANT = "polyveil's accountant (privacy loss distribution), when it was trained"
_TRAINED_AGAIN = (
    "The audit trained by the run's plan anew, and let go of what it trained; the run's own model "
    "has seen no made-up record."
)
_LEAST = 0.1
"""Share of the training's own time below which so few steps are watched that nothing can show."""


def claimed_epsilon_step(run: TrainedRun, guarantee: Guarantee, *, seed: int) -> Step:
    """See the module."""

    def carry_out(seconds: float) -> Found:
        result, check = audit_work(run.work, claimed=guarantee.epsilon, seconds=seconds, seed=seed)
        effort = replace(result.effort, models=3)
        notes = tuple(_TRAINED_AGAIN if one == NOT_TO_BE_USED else one for one in result.notes)
        found = replace(result, effort=effort, sentence=_guessed(result, check), notes=notes)
        return Found((found,), (as_claim(check, guarantee),))

    least = _LEAST * max(run.report.seconds, 1.0)
    return Step("claimed epsilon", (THREAT,), 3.0, lambda: least, carry_out)


def as_claim(check: ClaimCheck, guarantee: Guarantee) -> Claim:
    """As the report holds it."""
    recomputed = check.recomputed
    return Claim(
        statement=_statement(check, guarantee),
        source=_ACCOUNTANT,
        epsilon=check.claimed,
        delta=check.delta,
        recomputed=None if recomputed is None or math.isinf(recomputed) else recomputed,
        lower_bound=None if check.bound is None else check.bound.epsilon,
        ceiling=check.ceiling,
        confidence=0.95 if check.bound is None else check.bound.confidence,
        verdict=check.verdict,
        sentence=check.sentence,
    )


def _promise(guarantee: Guarantee) -> str:
    return (
        f"Differential privacy with ε = {guarantee.epsilon:.4g}, δ = {guarantee.delta:g}, for one "
        f"{guarantee.unit} added or removed"
    )


def _statement(check: ClaimCheck, guarantee: Guarantee) -> str:
    said = _promise(guarantee)
    return f"{said}; tested: {check.statement}" if _cut_short(check) else said


def _cut_short(check: ClaimCheck) -> bool:
    return check.steps is not None and check.of_steps is not None and check.steps < check.of_steps


def _guessed(result: AttackResult, check: ClaimCheck) -> str:
    """The attack in a sentence; what it says of the claim stands with the claim."""
    value = result.headline.value
    guesses = value.n if isinstance(value, Interval) else 0
    made, claim = "The training was", "the claim"
    if _cut_short(check):
        made = f"The first {check.steps:,} of {check.of_steps:,} steps of the training were"
        claim = "the claim for these"
    right, allowed = round(result.headline.estimate * guesses), result.baseline * guesses
    return (
        f"{made} made once more with made-up records: of {guesses:,} guesses whether a planted "
        f"record was in it, {right:,} were right; {claim} allows about {allowed:,.0f}, a coin "
        f"gives {guesses / 2:g}."
    )
