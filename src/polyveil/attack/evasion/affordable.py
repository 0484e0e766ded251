# SPDX-License-Identifier: Apache-2.0
"""The strongest evasion attack that a given time pays for on this machine."""

from __future__ import annotations

import time
from dataclasses import replace

import torch

from polyveil import _validate
from polyveil.attack.classifier import Classifier
from polyveil.attack.evasion.ascent import slope, undisturbed
from polyveil.attack.evasion.attack import AVERAGED, Evasion
from polyveil.attack.evasion.budget import Budgets
from polyveil.attack.evasion.ensemble import QUICK, STANDARD, THOROUGH
from polyveil.attack.evasion.judge import is_random
from polyveil.attack.evasion.loss import margin
from polyveil.attack.examples import Examples

FEWEST = 50
"""Records below which the interval says little; what they cost is spent in any case."""
_PROBED = 64


def affordable(
    examples: Examples, budgets: Budgets, target: Classifier, seconds: float, *, seed: int = 0
) -> Evasion:
    """An attack that keeps to the time, by one timed gradient pass.

    Thorough on all records if time allows, else standard, else quick, else quick on fewer records,
    drawn at random, 50 at least. Averaging over a random model's answers is paid for. The estimate
    takes every record to withstand, so that most attacks end sooner.
    """
    _validate.positive(seconds=seconds)
    each = _seconds_a_pass(examples.at(slice(0, _PROBED)), budgets, target, seed)
    if is_random(target, examples, seed=seed):
        each *= AVERAGED
    for members in (THOROUGH, STANDARD, QUICK):
        attack = Evasion(examples, budgets, members, seed=seed)
        if attack.cost * each <= seconds:
            return attack
    share = seconds / (attack.cost * each)
    count = min(max(int(share * len(examples)), FEWEST), len(examples))
    draw = torch.Generator(device=examples.labels.device).manual_seed(seed)
    rows = torch.randperm(len(examples), generator=draw, device=examples.labels.device)[:count]
    return replace(attack, examples=examples.at(rows), checks=min(attack.checks, count))


def _seconds_a_pass(few: Examples, budgets: Budgets, target: Classifier, seed: int) -> float:
    """Of one record, gradient included; the second pass counts, the first warms up."""
    climbed = {name: few.inputs[name] for name in budgets}
    with undisturbed(target.module, seed):
        for _ in range(2):
            started = time.perf_counter()
            slope(target, few.inputs, few.labels, climbed, margin)
            spent = time.perf_counter() - started
    return spent / len(few)
