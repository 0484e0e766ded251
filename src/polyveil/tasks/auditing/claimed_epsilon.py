# SPDX-License-Identifier: Apache-2.0
"""The step that tests a run's claimed epsilon: the same training once more, with canaries."""

from __future__ import annotations

import math
from dataclasses import replace

from polyveil.attack.canary.claim import ClaimCheck, check_claim
from polyveil.attack.canary.one_run import THREAT
from polyveil.attack.canary.work import WorkProcedure, audit_work
from polyveil.privacy.guarantee import Guarantee
from polyveil.report.audit import Claim
from polyveil.tasks.auditing.battery import Step
from polyveil.tasks.auditing.kept import Found
from polyveil.tasks.auditing.trained_run import TrainedRun

_ACCOUNTANT = "polyveil's accountant (privacy loss distribution), when it was trained"
_LEAST = 0.1
"""Share of the training's own time below which so few steps are watched that nothing can show."""


def claimed_epsilon_step(run: TrainedRun, guarantee: Guarantee, *, seed: int) -> Step:
    """See the module."""

    def carry_out(seconds: float) -> Found:
        result, check = audit_work(run.work, claimed=guarantee.epsilon, seconds=seconds, seed=seed)
        effort = replace(result.effort, models=3)
        return Found((replace(result, effort=effort),), (as_claim(check, guarantee),))

    least = _LEAST * max(run.report.seconds, 1.0)
    return Step("claimed epsilon", (THREAT,), 3.0, lambda: least, carry_out)


def recomputed_only(run: TrainedRun, guarantee: Guarantee) -> Claim:
    """The claim beside the accountant's answer, where no attack is made."""
    facts = WorkProcedure(run.work).facts
    check = check_claim(guarantee.epsilon, delta=guarantee.delta, recomputed=facts.epsilon())
    return as_claim(check, guarantee)


def as_claim(check: ClaimCheck, guarantee: Guarantee) -> Claim:
    """As the report holds it."""
    recomputed = check.recomputed
    return Claim(
        statement=f"{guarantee.sentence} Tested: {check.statement}.",
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
