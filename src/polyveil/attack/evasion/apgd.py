# SPDX-License-Identifier: Apache-2.0
"""APGD: projected gradient descent that finds its own step size.

Each step keeps a quarter of the last one's direction. At checkpoints that come closer and closer, a
record whose loss rose in too few steps, or not at all since the last checkpoint, goes back to its
best point and on with half the step. Several modalities share the decision, for they share the
loss; each has its own step, in proportion to its budget.

Source: Croce & Hein, ICML 2020, algorithm 1, https://arxiv.org/abs/2003.01690
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import torch
from torch import Tensor

from polyveil import _validate
from polyveil.attack.classifier import Classifier
from polyveil.attack.evasion import steps as move
from polyveil.attack.evasion.ascent import Slope, slope
from polyveil.attack.evasion.budget import Budgets
from polyveil.attack.evasion.loss import LOSSES, LossName, check_loss
from polyveil.attack.evasion.pgd import FEWEST, settled
from polyveil.attack.examples import Examples

_KEPT = 0.75
"""Share of a step that is new; the rest repeats the last one."""
_FIRST_STEP = 2.0
_PHASE, _SHORTER, _SHORTEST = 0.22, 0.03, 0.06
"""Checkpoints as shares of all steps: the first, how much sooner each next one, the least."""
_RISING = 0.75
"""Share of steps that must raise the loss, or the step is halved."""


@dataclass(frozen=True, slots=True)
class APGD:
    """Parameter-free projected gradient descent.

    Attributes:
      steps: in all, at least 1.
      loss: any; "targeted dlr" pushes round i (from 0) to the class ranked i + 2 on the record.
      restarts: random starts, each with the next rival class under the targeted loss.
    """

    steps: int = 50
    loss: LossName = "cross-entropy"
    restarts: int = 1

    def __post_init__(self) -> None:
        _validate.at_least(1, steps=self.steps, restarts=self.restarts)
        check_loss(self.loss)

    @property
    def name(self) -> str:
        again = f", {self.restarts} restarts" if self.restarts > 1 else ""
        return f"APGD, {self.loss}, {self.steps} step{'s' if self.steps > 1 else ''}{again}"

    @property
    def rounds(self) -> int:
        return self.restarts

    @property
    def passes(self) -> int:
        return self.steps + 1

    def harder(self) -> APGD:
        """Twice the steps, at least ten."""
        return replace(self, steps=max(2 * self.steps, FEWEST))

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
        place = _Place.start(target, piece, budgets, self.loss, generator, at)
        found = {name: values.clone() for name, values in place.point.items()}
        checkpoints = _checkpoints(self.steps)
        for step in range(self.steps + 1):
            here = slope(
                target,
                place.inputs,
                place.labels,
                place.point,
                LOSSES[self.loss],
                rivals=place.rivals,
                averaging=averaging,
            )
            place.arrive(here, first=step == 0)
            if averaging == 1:
                place = place.without_errors(here.logits, found)
                if not len(place.rows):
                    return found
            if step in checkpoints:
                place.checkpoint(checkpoints[step])
            if step < self.steps:
                place.move(budgets, kept=_KEPT if step else 1.0)
        return settled(found, place.best, place.rows)


def _checkpoints(steps: int) -> dict[int, int]:
    """Step -> how many steps after the checkpoint before it."""
    found, at = {}, 0
    phase = max(int(_PHASE * steps), 1)
    while at + phase <= steps:
        at += phase
        found[at] = phase
        phase = max(phase - max(int(_SHORTER * steps), 1), int(_SHORTEST * steps), 1)
    return found


@dataclass(slots=True)
class _Place:
    """Where each record of a batch stands: row i of every tensor is the same record.

    Attributes:
      rows: position in the batch; records leave once the model errs on them.
      inputs, labels, rivals, origin: what was given; origin of attacked modalities only.
      point, before: here and one step ago.
      gradient, loss: at the point.
      best, best_gradient, best_loss: at the greatest loss so far.
      best_at_check, rises, reduced: since the last checkpoint: best loss then, steps that rose,
        whether the step was halved there.
      factor: step in units of epsilon.
    """

    rows: Tensor
    inputs: dict[str, Tensor]
    labels: Tensor
    rivals: Tensor
    origin: dict[str, Tensor]
    point: dict[str, Tensor]
    before: dict[str, Tensor]
    gradient: dict[str, Tensor]
    loss: Tensor
    best: dict[str, Tensor]
    best_gradient: dict[str, Tensor]
    best_loss: Tensor
    best_at_check: Tensor
    rises: Tensor
    reduced: Tensor
    factor: Tensor

    @classmethod
    def start(
        cls,
        target: Classifier,
        piece: Examples,
        budgets: Budgets,
        loss: LossName,
        generator: torch.Generator,
        at: int,
    ) -> _Place:
        """Random points on the border of the budgets."""
        labels = piece.labels
        rivals = _rivals(target, piece, at) if loss == "targeted dlr" else labels
        origin = {name: piece.inputs[name].detach() for name in budgets}
        point = {
            name: move.border_start(origin[name], budget, generator)
            for name, budget in budgets.items()
        }
        none = torch.full((len(piece),), -torch.inf, device=labels.device)
        return cls(
            rows=torch.arange(len(piece), device=labels.device),
            inputs=dict(piece.inputs),
            labels=labels,
            rivals=rivals,
            origin=origin,
            point=point,
            before=point,
            gradient={},
            loss=none,
            best=point,
            best_gradient={name: torch.zeros_like(values) for name, values in point.items()},
            best_loss=none,
            best_at_check=none,
            rises=torch.zeros_like(none),
            reduced=torch.ones_like(none, dtype=torch.bool),
            factor=torch.full_like(none, _FIRST_STEP),
        )

    def arrive(self, here: Slope, *, first: bool) -> None:
        """Takes note of the loss and the gradient at the point."""
        self.rises = self.rises + (here.losses > self.loss) if not first else self.rises
        better = here.losses > self.best_loss
        self.best = _chosen(better, self.point, self.best)
        self.best_gradient = _chosen(better, here.gradients, self.best_gradient)
        self.best_loss = torch.where(better, here.losses, self.best_loss)
        self.loss, self.gradient = here.losses, here.gradients
        if first:
            self.best_at_check = self.best_loss

    def without_errors(self, logits: Tensor, found: dict[str, Tensor]) -> _Place:
        """Those on which the model still is right; the others' points are written to `found`."""
        standing = logits.argmax(1) == self.labels
        if bool(standing.all()):
            return self
        settled(found, self.point, self.rows)
        keep = torch.nonzero(standing).squeeze(1)
        kept: dict[str, Any] = {}
        for one in fields(self):
            value = getattr(self, one.name)
            kept[one.name] = (
                value[keep]
                if isinstance(value, Tensor)
                else {name: values[keep] for name, values in value.items()}
            )
        return _Place(**kept)

    def checkpoint(self, phase: int) -> None:
        """Halves the step, and goes back to the best point, where the loss did not rise enough."""
        stuck = ~self.reduced & (self.best_at_check >= self.best_loss)
        self.reduced = (self.rises <= _RISING * phase) | stuck
        self.best_at_check = self.best_loss
        self.rises = torch.zeros_like(self.rises)
        self.factor = torch.where(self.reduced, self.factor / 2, self.factor)
        self.point = _chosen(self.reduced, self.best, self.point)
        self.gradient = _chosen(self.reduced, self.best_gradient, self.gradient)

    def move(self, budgets: Budgets, *, kept: float) -> None:
        """One step uphill, blended with the direction of the last one."""
        moved = {}
        for name, budget in budgets.items():
            point, origin = self.point[name], self.origin[name]
            size = _like(self.factor, point) * budget.epsilon
            ahead = move.step_(point.clone(), self.gradient[name].clone(), budget, size)
            ahead = move.project_(ahead, origin, budget)
            blended = point + (ahead - point) * kept + (point - self.before[name]) * (1 - kept)
            moved[name] = move.project_(blended, origin, budget)
        self.before, self.point = self.point, moved


def _chosen(
    which: Tensor, first: dict[str, Tensor], second: dict[str, Tensor]
) -> dict[str, Tensor]:
    return {
        name: torch.where(_like(which, values), values, second[name])
        for name, values in first.items()
    }


def _like(figures: Tensor, values: Tensor) -> Tensor:
    """One figure a record, shaped to broadcast over its values."""
    return figures.view(-1, *([1] * (values.ndim - 1)))


def _rivals(target: Classifier, piece: Examples, at: int) -> Tensor:
    """The class ranked at + 2 on each record as it is, the label left out of the ranking."""
    logits = target.logits(piece.inputs).scatter(1, piece.labels[:, None], torch.inf)
    ranked = logits.argsort(dim=1, descending=True)
    return ranked[:, 1 + at % (logits.shape[1] - 1)]
