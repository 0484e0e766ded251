# SPDX-License-Identifier: Apache-2.0
"""Figures on the health of an attack that only the target can give; `guards` judges them.

Source: Carlini et al., "On Evaluating Adversarial Robustness", 2019,
https://arxiv.org/abs/1902.06705; Athalye et al., ICML 2018, https://arxiv.org/abs/1802.00420
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from polyveil.attack.classifier import Classifier
from polyveil.attack.evasion.ascent import slope, undisturbed
from polyveil.attack.evasion.budget import Budgets, Kept, default_budget, kept, outside
from polyveil.attack.evasion.ensemble import Worst
from polyveil.attack.evasion.judge import judged
from polyveil.attack.evasion.loss import LOSSES, LossName
from polyveil.attack.evasion.search import Search, perturb
from polyveil.attack.evasion.steps import random_start
from polyveil.attack.examples import Examples
from polyveil.attack.missing import rows_there

_AVERAGED = 20
"""Passes by which a random model's gradient is averaged at least where the effort is doubled."""


@dataclass(frozen=True, slots=True)
class Fit:
    """How a box fits the clean data.

    Attributes:
      outside: share of clean values beyond the box.
      span: width of the clean data as a share of the box's.
    """

    outside: float
    span: float


@dataclass(frozen=True, slots=True)
class Health:
    """Plain figures.

    Attributes:
      flat: loss -> share of records whose gradient is zero in every value, at a random start.
      unbounded: records that stand when everything is allowed, and how many were tried.
      harder: further records that the gradient searches break with twice the effort, and
        how many that still stood it was given.
      random: two passes over the same records differ.
      averaging: passes in each gradient.
      kept: whether budgets and boxes were kept to.
      fit: modality -> how its box fits the clean data.
    """

    flat: Mapping[LossName, float]
    unbounded: tuple[int, int]
    harder: tuple[int, int]
    random: bool
    averaging: int
    kept: Kept
    fit: Mapping[str, Fit]


def examined(
    members: tuple[Search, ...],
    target: Classifier,
    right: Examples,
    worst: Worst,
    budgets: Budgets,
    *,
    random: bool,
    averaging: int,
    passes: int,
    records: int,
    seed: int,
) -> Health:
    """Measures the health of an attack.

    Args:
      right: records that the model reads rightly, as they are.
      worst: what the searches made of them.
      records: at most so many are used for each costly check.
    """
    few, rows = right.at(slice(0, records)), torch.nonzero(~worst.broken).squeeze(1)[:records]
    left = right.at(rows)
    searches = _strongest(members)
    more = max(2 * averaging, _AVERAGED) if random else 1
    plain = [one if one.passes > 1 else one.harder() for one in searches.values()]
    harder = [one.harder() for one in searches.values()]
    allowed = _unbounded(right, budgets)
    fell = _fallen(plain, target, few, allowed, averaging, passes, seed + 1000)
    gained = _fallen(harder, target, left, budgets, more, passes, seed + 2000)
    if random:
        # Some fall merely because they are asked once more.
        again = {name: values[rows] for name, values in worst.inputs.items()}
        luck = judged(target, again, left.labels, passes=passes, seed=seed + 3000).wrong
        gained = max(gained - int(luck.sum()), 0)
    return Health(
        flat={loss: _flat(target, few, budgets, loss, averaging, seed) for loss in searches},
        unbounded=(len(few) - fell, len(few)),
        harder=(gained, len(left)),
        random=random,
        averaging=averaging,
        kept=kept(budgets, worst.inputs, right.inputs),
        fit={name: _fit(right, budgets, name) for name in budgets},
    )


def _strongest(members: tuple[Search, ...]) -> dict[LossName, Search]:
    """For each loss the gradient search that goes furthest."""
    found: dict[LossName, Search] = {}
    for one in members:
        if one.loss is None:
            continue
        other = found.get(one.loss)
        if other is None or one.passes * one.rounds > other.passes * other.rounds:
            found[one.loss] = one
    return found


def _fallen(
    searches: list[Search],
    target: Classifier,
    few: Examples,
    budgets: Budgets,
    averaging: int,
    passes: int,
    seed: int,
) -> int:
    """How many of these records at least one of the searches breaks."""
    fell = 0
    for one in searches:
        if not len(few):
            break
        found = perturb(one, target, few, budgets, averaging=averaging, seed=seed)
        wrong = judged(target, found, few.labels, passes=passes, seed=seed).wrong
        fell += int(wrong.sum())
        few = few.at(~wrong)
    return fell


def _flat(
    target: Classifier,
    few: Examples,
    budgets: Budgets,
    loss: LossName,
    averaging: int,
    seed: int,
) -> float:
    """Share of records without any gradient at a random start."""
    if not len(few):
        return 0.0
    generator = torch.Generator(device=few.labels.device).manual_seed(seed)
    point = {
        name: random_start(few.inputs[name], budget, generator) for name, budget in budgets.items()
    }
    # Any other class does as a rival where the loss wants one.
    rivals = torch.where(few.labels == 0, 1, 0)
    with undisturbed(target.module, seed):
        found = slope(
            target, few.inputs, few.labels, point, LOSSES[loss], rivals=rivals, averaging=averaging
        )
    return float(found.flat().double().mean())


def _unbounded(right: Examples, budgets: Budgets) -> Budgets:
    """Everything allowed in every modality of real numbers, attacked or not: a model that leans on
    another modality is no fault of the attack."""
    if not len(right):
        return budgets
    return {
        name: budgets.get(name, default_budget(values)).unbounded(values)
        for name, values in right.inputs.items()
        if values.is_floating_point()
    }


def _fit(right: Examples, budgets: Budgets, name: str) -> Fit:
    values, box = rows_there(right.inputs, name), budgets[name].box
    if box is None or not values.numel():
        return Fit(0.0, 1.0)
    span = float(values.max() - values.min()) / (box[1] - box[0])
    return Fit(outside(values, box), span)
