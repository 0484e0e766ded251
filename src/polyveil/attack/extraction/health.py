# SPDX-License-Identifier: Apache-2.0
"""Whether a theft may be believed: its controls, its effort, and the chance of its training."""

from __future__ import annotations

import numpy as np

from polyveil.attack.extraction.stolen import Stolen
from polyveil.attack.guard import Guard
from polyveil.attack.paired import ODD, beyond_seeds, more_often, rising

FITTED = 0.9
"""Share of its own queries that a copy must answer as taught, or its thief gave up early."""
SEEDS = 0.05
"""Significance of the test over seeds; few models decide it."""
REPEATED = 0.9
"""Share of records on which a target must agree with itself to be copied at all."""


def guards(evidence: Stolen, gain: float, best: int, tolerance: float) -> tuple[Guard, ...]:
    """All checks; `gain` of the budget at place `best` is what is to be believed."""
    return (
        evidence.splits.guard(),
        evidence.classes,
        _null_control(evidence),
        _seeds(evidence, gain, best, tolerance),
        _positive_control(evidence),
        Guard(
            "attacker converged",
            "false comfort",
            min(evidence.fit) >= FITTED,
            f"copies answer {min(evidence.fit):.1%} of their own queries as taught, or more; "
            f"{FITTED:.0%} are expected",
        ),
        rising("more queries are not weaker", "agreement by rising budget", evidence.agreeing),
        _repeatable(evidence),
    )


def _null_control(evidence: Stolen) -> Guard:
    dealt, own = np.asarray(evidence.dealt == evidence.target), evidence.best_own[-1]
    found = max(more_often(dealt, own), more_often(dealt, evidence.always)) <= ODD
    return Guard(
        "null control",
        "false alarm",
        not found,
        f"taught by answers that were dealt to the wrong records, a copy agrees on "
        f"{dealt.mean():.1%}; own labels {own.mean():.1%}, one constant answer "
        f"{evidence.always.mean():.1%}",
    )


def _seeds(evidence: Stolen, gain: float, best: int, tolerance: float) -> Guard:
    """Models differ by their seed, too: Student's test over models, not over records."""
    copies, own = evidence.copies[best], evidence.own[best]
    agreeing, rivals = ((one == evidence.target).mean(1) for one in (copies, own))
    p = beyond_seeds(agreeing, rivals)
    return Guard(
        "gain beyond the seed",
        "false alarm",
        gain <= tolerance or p <= SEEDS,
        f"of {len(copies)} seeds each, copies agree on {agreeing.min():.1%} to "
        f"{agreeing.max():.1%}, surrogates on own labels on {rivals.min():.1%} to "
        f"{rivals.max():.1%} (p = {p:.2g})",
    )


def _positive_control(evidence: Stolen) -> Guard:
    target, copy = evidence.planted
    agreeing, own = np.asarray(copy == target), np.asarray(evidence.own[-1, 0] == target)
    works = bool(agreeing.mean() >= 0.5 and more_often(agreeing, own) <= ODD)
    return Guard(
        "positive control",
        "false comfort",
        works,
        f"a target of the same recipe that names its classes otherwise was copied: agreement "
        f"{agreeing.mean():.1%}, own labels {own.mean():.1%}; at least half is expected",
    )


def _repeatable(evidence: Stolen) -> Guard:
    same = float((evidence.target == evidence.target_again).mean())
    return Guard(
        "target repeats itself",
        "false comfort",
        same >= REPEATED,
        f"asked twice, the target gives the same answer for {same:.1%} of the records: no copy can "
        "agree more often than about that",
    )
