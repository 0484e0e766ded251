# SPDX-License-Identifier: Apache-2.0
"""The fast gradient sign method: one step of the whole budget from the record itself.

Weak on purpose: what it finds is a floor. An iterative search that finds less is broken.

Source: Goodfellow et al., ICLR 2015, https://arxiv.org/abs/1412.6572
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from polyveil.attack.classifier import Classifier
from polyveil.attack.evasion import steps as move
from polyveil.attack.evasion.ascent import slope
from polyveil.attack.evasion.budget import Budgets
from polyveil.attack.evasion.loss import LOSSES, LossName, check_loss
from polyveil.attack.evasion.pgd import FEWEST, PGD
from polyveil.attack.examples import Examples


@dataclass(frozen=True, slots=True)
class FGSM:
    """One step of size epsilon in every attacked modality.

    Attributes:
      loss: "cross-entropy", "margin" or "dlr".
    """

    loss: LossName = "cross-entropy"

    def __post_init__(self) -> None:
        check_loss(self.loss)

    @property
    def name(self) -> str:
        return f"FGSM, {self.loss}"

    @property
    def rounds(self) -> int:
        return 1

    @property
    def passes(self) -> int:
        return 1

    def harder(self) -> PGD:
        """The iterative form."""
        return PGD(FEWEST, self.loss)

    def climb(
        self,
        target: Classifier,
        piece: Examples,
        budgets: Budgets,
        *,
        averaging: int,
        generator: torch.Generator,
        at: int,
    ) -> dict[str, Tensor]:
        """See `Search.climb`."""
        point = {name: piece.inputs[name].detach().clone() for name in budgets}
        here = slope(
            target, piece.inputs, piece.labels, point, LOSSES[self.loss], averaging=averaging
        )
        for name, budget in budgets.items():
            move.step_(point[name], here.gradients[name], budget, budget.epsilon)
            move.boxed(point[name], budget)
        return point
