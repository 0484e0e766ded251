# SPDX-License-Identifier: Apache-2.0
"""The checks that an evasion figure must pass before it may be believed.

Source: the checklist of Carlini et al., "On Evaluating Adversarial Robustness", 2019,
https://arxiv.org/abs/1902.06705
"""

from __future__ import annotations

import numpy as np

from polyveil.attack.evasion.evidence import EvasionEvidence, MemberOutcome
from polyveil.attack.guard import Guard
from polyveil.interval import clopper_pearson

FLAT = 0.05
"""Share of records without a gradient from which on it counts as hidden."""
SLACK = 0.02
"""Share of records by which figures that should agree may differ."""
STANDING = 0.05
"""Share of records that may stand although everything is allowed."""
NARROWEST = 0.1
"""Share of a box that the data must span, or the box is that of other units."""


def guards(evidence: EvasionEvidence) -> tuple[Guard, ...]:
    """All checks that apply, in the order of a report."""
    found = [
        _accuracy(evidence),
        _kept(evidence),
        _box(evidence),
        _gradient(evidence),
        _losses(evidence),
        _unbounded(evidence),
        _effort(evidence),
        _order(evidence),
        _black_box(evidence),
        _averaging(evidence),
    ]
    return tuple(one for one in found if one is not None)


def _accuracy(evidence: EvasionEvidence) -> Guard:
    n = len(evidence.labels)
    share = clopper_pearson(int(evidence.right.sum()), n)
    chance = float(np.bincount(evidence.labels).max() / n) if n else 1.0
    said = (
        f"right on {share.estimate:.1%} of the records as they are, always the same: {chance:.1%}"
    )
    return Guard("clean accuracy above chance", "false alarm", share.low > chance, said)


def _kept(evidence: EvasionEvidence) -> Guard:
    kept = evidence.health.kept
    used = ", ".join(f"{name} {share:.1%} of epsilon" for name, share in kept.used.items())
    beyond = ", ".join(f"{name} {share:.2%}" for name, share in kept.outside.items() if share)
    said = f"largest changes: {used}; " + (
        f"values outside the box: {beyond}" if beyond else "all within the box"
    )
    if not kept.untouched:
        said += "; a modality without a budget was changed"
    return Guard("within budget and box", "false alarm", kept.within, said)


def _box(evidence: EvasionEvidence) -> Guard:
    fit = evidence.health.fit
    wrong = {name: one for name, one in fit.items() if one.outside > 0.0 or one.span < NARROWEST}
    said = "; ".join(
        f"{name}: {one.outside:.1%} of the clean values outside the box, the rest spans "
        f"{one.span:.0%} of it"
        for name, one in (wrong or fit).items()
    )
    if wrong:
        said += ". The box is that of other units: set it to what the inputs can be"
    return Guard("box fits the data", "false alarm", not wrong, said)


def _gradient(evidence: EvasionEvidence) -> Guard:
    flat = evidence.health.flat
    if not flat:
        return Guard("gradients", "false comfort", False, "no search followed a gradient")
    said = ", ".join(f"{loss} {share:.1%}" for loss, share in flat.items())
    hidden = [loss for loss, share in flat.items() if share > FLAT]
    passed = len(hidden) < len(flat)
    advice = (
        ""
        if not hidden
        else f"; what counts is {', '.join(loss for loss in flat if loss not in hidden)}"
        if passed
        else ": hidden, not absent. Try the margin or DLR loss, and a black box"
    )
    return Guard(
        "gradients do not vanish",
        "false comfort",
        passed,
        f"records with a gradient of exactly zero: {said}{advice}",
    )


def _losses(evidence: EvasionEvidence) -> Guard:
    used = {one.loss for one in evidence.members if one.loss is not None}
    passed = "cross-entropy" in used and len(used) > 1
    said = ", ".join(sorted(used)) or "none"
    return Guard("cross-entropy and a margin", "false comfort", passed, f"losses climbed: {said}")


def _unbounded(evidence: EvasionEvidence) -> Guard:
    standing, tried = evidence.health.unbounded
    passed = tried > 0 and standing <= STANDING * tried
    said = f"with every value free, {standing} of {tried} records stand"
    if not passed:
        said += ": an attack that fails even so is a broken attack"
    return Guard("nothing stands without limits", "false comfort", passed, said)


def _effort(evidence: EvasionEvidence) -> Guard:
    gained, tried = evidence.health.harder
    standing = int((evidence.right & ~evidence.broken).sum())
    n = max(len(evidence.labels), 1)
    # Of those that stand only some were tried: what they say of all records.
    gain = gained / tried * standing / n if tried else 0.0
    said = f"twice the effort breaks {gained} of {tried} that stood, {gain:.1%} of all records"
    return Guard("more effort changes nothing", "false comfort", gain <= SLACK, said)


def _order(evidence: EvasionEvidence) -> Guard | None:
    single = [one for one in evidence.members if one.single_step]
    many = [one for one in evidence.members if not one.single_step and one.loss is not None]
    if not single or not many:
        return None
    n = max(len(evidence.labels), 1)
    one_step, steps = _broken(single[0]), _broken(many[0])
    passed = steps >= one_step - SLACK * n
    said = (
        f"broken by one step {one_step}, by many {steps}, by all searches together "
        f"{int(evidence.broken.sum())}"
    )
    return Guard("many steps beat one", "false comfort", passed, said)


def _black_box(evidence: EvasionEvidence) -> Guard | None:
    blind = [one for one in evidence.members if one.loss is None]
    if not blind:
        return None
    by_gradient = np.zeros_like(evidence.broken)
    for one in evidence.members:
        if one.loss is not None:
            by_gradient |= one.broken
    alone = int(sum((one.broken & ~by_gradient).sum() for one in blind))
    tried = int(sum((one.tried & ~by_gradient).sum() for one in blind))
    passed = alone <= SLACK * max(len(evidence.labels), 1)
    said = f"of {tried} records that withstood the gradients, it broke {alone}"
    if not passed:
        said += ": the gradients mislead"
    return Guard("black box does not beat gradients", "false comfort", passed, said)


def _averaging(evidence: EvasionEvidence) -> Guard:
    health = evidence.health
    if not health.random:
        said = "two passes over the same records agree; nothing to average"
        return Guard("averaging over randomness", "false comfort", True, said)
    passed = health.averaging > 1
    said = (
        f"two passes differ; each gradient is the mean of {health.averaging}, each record judged "
        f"by {evidence.passes} answers"
    )
    if not passed:
        said += ": one pass climbs noise. Set averaging to 20 or more"
    return Guard("averaging over randomness", "false comfort", passed, said)


def _broken(one: MemberOutcome) -> int:
    return int(one.broken.sum())
