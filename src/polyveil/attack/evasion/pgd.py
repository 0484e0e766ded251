# SPDX-License-Identifier: Apache-2.0
"""Projected gradient descent over several modalities at once, and its single step, FGSM.

One joint gradient a step, then a step and a projection for each modality by its own budget. Records
that already fool the model leave the batch: nothing more can be gained from them.

Source: Madry et al., ICLR 2018, https://arxiv.org/abs/1706.06083
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from polyveil import _validate
from polyveil.attack.classifier import Classifier
from polyveil.attack.evasion import steps as move
from polyveil.attack.evasion.ascent import slope
from polyveil.attack.evasion.budget import Budgets
from polyveil.attack.evasion.loss import LOSSES, LossName, check_loss
from polyveil.attack.examples import Examples

FEWEST = 10
"""Steps below which twice as many prove little about an attack's convergence."""


@dataclass(frozen=True, slots=True)
class PGD:
    """Projected gradient descent.

    Attributes:
      steps: at least 1.
      loss: "cross-entropy", "margin" or "dlr".
      restarts: random starts, the best of which counts for each record.
      random_start: from a random point of the budget; else from the record itself.
      early_stop: records leave as soon as the model errs. Not done for a random model, whose
        single errors are luck. Without it every record takes all steps and the last point counts.
    """

    steps: int = 20
    loss: LossName = "cross-entropy"
    restarts: int = 1
    random_start: bool = True
    early_stop: bool = True

    def __post_init__(self) -> None:
        _validate.at_least(1, steps=self.steps, restarts=self.restarts)
        check_loss(self.loss)
        if self.loss == "targeted dlr":
            raise ValueError("expected an untargeted loss; the targeted one belongs to APGD.")

    @property
    def name(self) -> str:
        again = f", {self.restarts} restarts" if self.restarts > 1 else ""
        return f"PGD, {self.loss}, {self.steps} step{'s' if self.steps > 1 else ''}{again}"

    @property
    def rounds(self) -> int:
        return self.restarts

    @property
    def passes(self) -> int:
        return self.steps

    def harder(self) -> PGD:
        """Twice the steps, at least ten."""
        return replace(self, steps=max(2 * self.steps, FEWEST), random_start=True)

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
        loss, leaving = LOSSES[self.loss], self.early_stop and averaging == 1
        point = {
            name: move.random_start(piece.inputs[name], budget, generator)
            if self.random_start
            else piece.inputs[name].detach().clone()
            for name, budget in budgets.items()
        }
        found = dict(point)
        rows = torch.arange(len(piece), device=piece.labels.device)
        for _ in range(self.steps):
            here = slope(target, piece.inputs, piece.labels, point, loss, averaging=averaging)
            gradients = here.gradients
            if leaving:
                standing = here.logits.argmax(1) == piece.labels
                if not bool(standing.all()):
                    found = settled(found, point, rows)
                    keep = torch.nonzero(standing).squeeze(1)
                    rows, piece = rows[keep], piece.at(keep)
                    point = {name: values[keep] for name, values in point.items()}
                    gradients = {name: values[keep] for name, values in gradients.items()}
                    if not len(rows):
                        return found
            for name, budget in budgets.items():
                move.step_(point[name], gradients[name], budget, budget.stride(self.steps))
                move.project_(point[name], piece.inputs[name], budget)
        return settled(found, point, rows)


def settled(found: dict[str, Tensor], point: dict[str, Tensor], rows: Tensor) -> dict[str, Tensor]:
    """The points of these rows written into what was found so far."""
    for name, values in point.items():
        if found[name] is not values:
            found[name][rows] = values
    return found
