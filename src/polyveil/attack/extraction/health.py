# SPDX-License-Identifier: Apache-2.0
"""Whether a theft may be believed: its controls, its effort, and the chance of its training."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from polyveil.attack.extraction.stolen import Stolen
from polyveil.attack.guard import Guard
from polyveil.attack.multiplicity import all_trials
from polyveil.attack.poisoning.paired import more_often

FITTED = 0.9
"""Share of its own queries that a copy must answer as taught, or its thief gave up early."""
REPEATED = 0.9
"""Share of records on which a target must agree with itself to be copied at all."""
ODD = 0.01
"""Significance of guards: a healthy attack fails one of them by chance this often."""


def guards(evidence: Stolen, gain: float, best: int, tolerance: float) -> tuple[Guard, ...]:
    """All checks; `gain` of the budget at place `best` is what is to be believed."""
    return (
        evidence.splits.guard(),
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
        _monotone(evidence),
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
    """A gain that a less lucky seed of the copy loses to a luckier one of its rival is chance."""
    worst, rival = evidence.worst_copy[best], evidence.best_own[best]
    return Guard(
        "gain beyond the seed",
        "false alarm",
        gain <= tolerance or more_often(worst, rival) <= ODD,
        f"of {evidence.own.shape[1]} seeds each, the worst copy agrees on {worst.mean():.1%}, the "
        f"best surrogate on own labels on {rival.mean():.1%}",
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


def _monotone(evidence: Stolen) -> Guard:
    trials = max(1, len(evidence.budgets) - 1)
    p = min((more_often(less, more) for less, more in pairwise(evidence.agreeing)), default=1.0)
    shares = ", ".join(f"{one:.1%}" for one in evidence.agreeing.mean(1))
    return Guard(
        "more queries are not weaker",
        "false comfort",
        all_trials(p, trials) > ODD,
        f"agreement by rising budget: {shares}",
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
