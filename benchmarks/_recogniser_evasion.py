# SPDX-License-Identifier: Apache-2.0
"""Inputs changed until a recogniser names another person, fast enough to be part of a table.

The attacker changes inputs by at most epsilon a value. Gradients are means over the network's
noise, errors are judged by a majority of answers.

A system is a module that maps modality -> tensor to something with `.logits`. Labels are people.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from torch import Tensor, nn

from _spread import spread
from polyveil.attack.classifier import Classifier
from polyveil.attack.evasion.attack import Evasion
from polyveil.attack.evasion.budget import Budget, Budgets, default_budget
from polyveil.attack.evasion.judge import is_random
from polyveil.attack.evasion.modalities import evaluate_by_modality
from polyveil.attack.evasion.pgd import PGD
from polyveil.attack.evasion.search import Search
from polyveil.attack.examples import Examples, Inputs
from polyveil.attack.protocol import carry_out
from polyveil.attack.result import AttackResult
from polyveil.interval import Interval, clopper_pearson
from polyveil.models.recognition import Modality

Logits = Callable[[nn.Module, Inputs], Tensor]
EPSILON = (8 / 255) / 0.1
"""Of evasion, in spreads of the modality: 8/255 of a picture in [0, 1], 0.157 standard deviations
of what is standardised. A choice, stated beside every figure."""


@dataclass(frozen=True)
class Strength:
    """How hard an attacker tries.

    Attributes:
      searches: in order; averaging: passes in each gradient of a random system.
      records: attacked ones, drawn at random; checks: of them for each check of health;
        radii: also the smallest change that works.
      answers: by whose majority a random system's error is judged.
    """

    searches: tuple[Search, ...] = (PGD(10, "margin"),)
    averaging: int = 8
    records: int = 40
    checks: int = 3
    answers: int = 15
    radii: bool = False

    @property
    def sentence(self) -> str:
        """As a table's caption says it."""
        names = "; ".join(one.name for one in self.searches)
        return (
            f"{names}; random systems: gradients of {self.averaging} passes, judged by "
            f"{self.answers} answers; {self.records} records"
        )


TABLE = Strength()


@dataclass(frozen=True)
class Evaded:
    """One attack.

    Attributes:
      clean: accuracy before; ars: after, over all records.
      conditional: error among those that were right before; noise: the same under random changes
        of full strength (three tries); epsilon: modality -> bound, in units of the input.
    """

    clean: float
    ars: float
    conditional: Interval
    noise: float
    epsilon: Mapping[str, float]
    result: AttackResult = field(repr=False)

    @property
    def asr(self) -> float:
        """Error under attack, over all records."""
        return 1 - self.ars

    def as_json(self) -> dict[str, object]:
        """Figures alone."""
        return {
            "clean": self.clean,
            "ARS": self.ars,
            "ASR": self.asr,
            "ASR among those right before": spread(self.conditional),
            "the same under noise": self.noise,
            "epsilon": dict(self.epsilon),
            "verdict": self.result.verdict,
            "guards that did not hold": [g.name for g in self.result.guards if not g.passed],
        }


def budgets(modalities: tuple[Modality, ...], targets: Examples) -> dict[str, Budget]:
    """`EPSILON` spreads a value, inside the range that the records span."""
    return {
        one.name: Budget("linf", EPSILON * one.spread, default_budget(targets.inputs[one.name]).box)
        for one in modalities
        if one.name in targets.inputs
    }


def named(module: nn.Module, inputs: Inputs) -> Tensor:
    """Logits of a system that takes a mapping."""
    found: Tensor = module(inputs).logits
    return found


def evasion(
    system: nn.Module,
    targets: Examples,
    allowed: Budgets | None = None,
    *,
    logits: Logits = named,
    strength: Strength = TABLE,
    seed: int = 0,
) -> dict[str, Evaded]:
    """Each modality that is attacked alone, and "joint" where there are several -> what it did.

    Args:
      system: the recogniser; targets: labelled records that it was not trained on.
      allowed: modality -> budget; None: `budgets` of the system's own modalities.
      logits: how the system is called, (module, inputs) -> [records, people]; whoever decides by
        templates passes the cosines with them.
    """
    rows = np.random.default_rng(seed).permutation(len(targets))[: strength.records]
    chosen = targets.at(np.sort(rows))
    allowed = budgets(system.config.modalities, targets) if allowed is None else allowed
    attack = Evasion(
        chosen, allowed, strength.searches, averaging=1, passes=1, draws=3,
        checks=strength.checks, radii=strength.radii, seed=seed,
    )  # fmt: skip
    target = Classifier(system, calling=logits)
    if is_random(target, chosen, seed=seed):
        attack = replace(attack, averaging=strength.averaging, passes=strength.answers)
    if len(allowed) == 1:
        return {next(iter(allowed)): _evaded(carry_out(attack, target), allowed)}
    found = evaluate_by_modality(attack, target)
    alone = {name: _evaded(one, {name: allowed[name]}) for name, one in found.alone.items()}
    return {**alone, "joint": _evaded(found.joint, allowed)}


def _evaded(result: AttackResult, allowed: Budgets) -> Evaded:
    right, broken = result.array("right"), result.array("broken")
    return Evaded(
        clean=float(right.mean()),
        ars=float((right & ~broken).mean()),
        conditional=clopper_pearson(int(broken.sum()), int(right.sum())),
        noise=result.baseline,
        epsilon={name: one.epsilon for name, one in allowed.items()},
        result=result,
    )
