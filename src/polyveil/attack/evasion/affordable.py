# SPDX-License-Identifier: Apache-2.0
"""The strongest evasion attack that a given time pays for on this machine."""

from __future__ import annotations

import time
from dataclasses import replace

import torch

from polyveil import _validate
from polyveil.attack.classifier import Classifier
from polyveil.attack.evasion.ascent import slope, undisturbed
from polyveil.attack.evasion.attack import ANSWERS, AVERAGED, Evasion
from polyveil.attack.evasion.budget import Budgets
from polyveil.attack.evasion.ensemble import QUICK, STANDARD, THOROUGH
from polyveil.attack.evasion.judge import is_random
from polyveil.attack.evasion.loss import margin
from polyveil.attack.examples import Examples

FEWEST = 50
"""Records below which the interval says little; what they cost is spent in any case."""
FEWEST_AVERAGED = 5
"""Passes in a random model's gradient at least; whether more find more is a check of the attack."""
_FEW_CHECKS, _FEW_DRAWS = 10, 3
_PROBED = 64
_RADIUS_PASSES = 45


def affordable(
    examples: Examples, budgets: Budgets, target: Classifier, seconds: float, *, seed: int = 0
) -> Evasion:
    """An attack that keeps to the time, by one timed gradient pass.

    Thorough on all records if time allows, else standard, else quick, else quick on fewer records,
    drawn at random, 50 at least. Averaging over a random model's answers is paid for; where it
    costs too much, fewer passes are averaged, 5 at least, and the smallest change is not looked
    for. The estimate takes every record to withstand, so that most attacks end sooner.
    """
    _validate.positive(seconds=seconds)
    each = _seconds_a_pass(examples.at(slice(0, _PROBED)), budgets, target, seed)
    random = is_random(target, examples, seed=seed)
    for members in (THOROUGH, STANDARD, QUICK):
        attack = Evasion(examples, budgets, members, seed=seed)
        if passes(attack, random=random) * each <= seconds:
            return attack
    if random:
        attack = _lean(attack)
    share = seconds / (passes(attack, random=random) * each)
    count = min(max(int(share * len(examples)), FEWEST), len(examples))
    draw = torch.Generator(device=examples.labels.device).manual_seed(seed)
    rows = torch.randperm(len(examples), generator=draw, device=examples.labels.device)[:count]
    return replace(attack, examples=examples.at(rows), checks=min(attack.checks, count))


def least_passes(examples: Examples, budgets: Budgets, *, random: bool) -> int:
    """Passes of one record, gradient or not, that the least of these attacks takes."""
    attack = Evasion(examples.at(slice(0, FEWEST)), budgets, QUICK)
    return passes(_lean(attack) if random else attack, random=random)


def passes(attack: Evasion, *, random: bool) -> int:
    """Passes of one record, gradient or not, that an attack takes at most."""
    if not random:
        return attack.cost
    averaging, answers = attack.averaging or AVERAGED, attack.passes or ANSWERS
    searches = sum(one.passes * one.rounds for one in attack.members)
    judged = (attack.draws + len(attack.members) + 2) * answers
    radii = _RADIUS_PASSES * averaging if attack.radii else 0
    # One check has the attack's own effort, the other twice its steps and its averaging.
    checks = searches * (averaging + 2 * max(2 * averaging, AVERAGED))
    few = min(attack.checks, len(attack.examples))
    return len(attack.examples) * (searches * averaging + judged + radii) + few * checks


def _lean(attack: Evasion) -> Evasion:
    return replace(
        attack, averaging=FEWEST_AVERAGED, draws=_FEW_DRAWS, checks=_FEW_CHECKS, radii=False
    )


def _seconds_a_pass(few: Examples, budgets: Budgets, target: Classifier, seed: int) -> float:
    """Of one record, gradient included; the second pass counts, the first warms up."""
    climbed = {name: few.inputs[name] for name in budgets}
    with undisturbed(target.module, seed):
        for _ in range(2):
            started = time.perf_counter()
            slope(target, few.inputs, few.labels, climbed, margin)
            spent = time.perf_counter() - started
    return spent / len(few)
