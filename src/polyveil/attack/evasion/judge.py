# SPDX-License-Identifier: Apache-2.0
"""Whether the model errs on records, asked once, or many times where its answers are random.

A random model is asked `passes` times. A record counts as wrong where most answers are wrong; the
mean share of wrong answers, which is what a single question meets, is kept beside it.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from polyveil.attack.classifier import Classifier
from polyveil.attack.evasion.ascent import undisturbed
from polyveil.attack.evasion.budget import Budgets
from polyveil.attack.evasion.steps import random_noise
from polyveil.attack.examples import Examples, Inputs
from polyveil.attack.missing import where_there


@dataclass(frozen=True, slots=True)
class Judged:
    """What the model makes of records.

    Attributes:
      wrong: bool (n,), by majority of the passes; a tie counts as wrong.
      share: float64 (n,), share of passes that were wrong.
    """

    wrong: Tensor
    share: Tensor


def is_random(target: Classifier, examples: Examples, *, seed: int = 0) -> bool:
    """Whether two passes over the same records differ; leaves the global randomness as it was."""
    with undisturbed(target.module, seed):
        return target.is_random(examples.inputs)


def judged(
    target: Classifier, inputs: Inputs, labels: Tensor, *, passes: int = 1, seed: int = 0
) -> Judged:
    """Asks the model; an odd number of passes leaves no ties."""
    errors = torch.zeros(len(labels), dtype=torch.float64, device=labels.device)
    with undisturbed(target.module, seed):
        for _ in range(passes if len(labels) else 0):
            errors += target.logits(inputs).argmax(1) != labels
    share = errors / passes
    return Judged(share >= 0.5, share)


def under_noise(
    target: Classifier,
    examples: Examples,
    budgets: Budgets,
    *,
    draws: int,
    passes: int = 1,
    seed: int = 0,
) -> Tensor:
    """bool (n,): the model errs under at least one of `draws` random changes of full budget.

    This is the attacker without the target: he knows the budget and nothing of the model.
    """
    generator = torch.Generator(device=examples.labels.device).manual_seed(seed)
    wrong = torch.zeros_like(examples.labels, dtype=torch.bool)
    for draw in range(draws):
        rows = torch.nonzero(~wrong).squeeze(1)
        if not len(rows):
            break
        rest = examples.at(rows)
        noisy = {
            name: where_there(rest.inputs, name, random_noise(values, budgets[name], generator))
            for name, values in rest.inputs.items()
            if name in budgets
        }
        given = {**rest.inputs, **noisy}
        found = judged(target, given, rest.labels, passes=passes, seed=seed + draw)
        wrong[rows] = found.wrong
    return wrong
