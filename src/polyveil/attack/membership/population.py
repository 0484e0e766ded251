# SPDX-License-Identifier: Apache-2.0
"""The population attack: a record that the target fits better than fresh ones was trained on.

The weakest attacker, and the only one who trains nothing: he has fresh records, asks the target
about them, and takes the loss below which a share alpha of them lies as his threshold.

Source: Ye et al., ACM CCS 2022, https://arxiv.org/abs/2111.09679, attack P; Yeom et al., IEEE CSF
2018, https://arxiv.org/abs/1709.01604.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from polyveil.assess.measure import Measure
from polyveil.attack.guard import Guard
from polyveil.attack.membership import health
from polyveil.attack.membership.answers import Answers, View
from polyveil.attack.membership.attacker import MembershipAttack
from polyveil.attack.membership.signal import Floats
from polyveil.attack.roc import area_under
from polyveil.attack.threat import Threat
from polyveil.interval import clopper_pearson

THREAT = Threat(
    "membership",
    "someone who wants to know whether a person's record was used",
    "the model's probabilities, one query a record",
    "fresh records like the training data",
    risk="inference",
)


@dataclass(frozen=True)
class Population(MembershipAttack):
    """The population attack on a study's candidates.

    Attributes:
      alpha: share of the population whose loss lies below the threshold.
    """

    threat: ClassVar[Threat] = THREAT
    needs_shadows: ClassVar[bool] = False

    alpha: float = 0.01

    def __post_init__(self) -> None:
        if not 0 < self.alpha < 1:
            raise ValueError(f"expected 0 < alpha < 1, got {self.alpha}.")

    @property
    def name(self) -> str:
        return "population attack, no shadow models"

    def scores(self, view: View) -> Floats:
        # log p - log(1 - p) orders records exactly as the loss does, and stays exact where the
        # loss rounds to 0.
        return view.target.margin

    def own_measures(self, answers: Answers) -> tuple[Measure, ...]:
        """What the attacker reaches with the threshold that he can set himself."""
        fresh = answers.view.needed_population(self.name).margin
        threshold = upper_quantile(fresh, self.alpha)
        if threshold is None:
            return ()
        named = answers.view.target.margin > threshold
        members = answers.is_member
        alarms = float(named[~members].mean())
        hits = clopper_pearson(int(named[members].sum()), int(members.sum()))
        told = f"Threshold set on {len(fresh):,} fresh records, not on the non-members."
        title = f"members found, threshold for {100 * self.alpha:g} % of a population"
        return (Measure(title, hits, baseline={"non-members found": alarms}, note=told),)

    def own_guards(self, answers: Answers) -> tuple[Guard, ...]:
        """Two fresh samples look alike to the target; else one of them was not drawn as told."""
        others = answers.view.target.margin[~answers.is_member]
        fresh = answers.view.needed_population(self.name).margin
        mask = np.arange(len(others) + len(fresh)) < len(others)
        both = np.concatenate([others, fresh])
        found = area_under(both, mask)
        chance = min(1.0, 2 * min(found.p_value, area_under(-both, mask).p_value))
        passed = chance > 0.01 or abs(found.area.estimate - 0.5) < 0.05
        told = (
            f"the target's margins on non-members against those on the population: AUC "
            f"{found.area.estimate:.3f}, p {chance:.2g}"
        )
        return (Guard(health.FRESH, "false alarm", passed, told),)


def upper_quantile(fresh: Floats, alpha: float) -> float | None:
    """The value above which a fresh one lies with chance alpha at most; None with too few."""
    place = math.floor(alpha * (len(fresh) + 1) + 1e-9)
    return float(np.partition(fresh, -place)[-place]) if place else None
