# SPDX-License-Identifier: Apache-2.0
"""One modality after the other: its encoder and the shared head take a step on it alone.

Trained together, the modality that learns fastest makes the loss small and leaves the others
nothing to learn. By turns each has the whole loss to itself. What one modality's step takes from
another is the shared head, so its update is kept off the directions that the preceding modality
needs (`polyveil.learn.multimodal.projection`).

The whole CHANGE of the head is projected, after the optimizer: gradient, momentum, weight decay and
Adam's scaling alike; each but the first would else carry old directions around the projection. Each
modality has an optimizer of its own, so no modality's momentum moves the head in another's step.

Source: Zhang et al., CVPR 2024, https://arxiv.org/abs/2311.10707
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from polyveil.errors import NotPrivate
from polyveil.learn.multimodal import projection
from polyveil.learn.multimodal.course import Course
from polyveil.learn.multimodal.method import HeadStep, Setting
from polyveil.learn.multimodal.options import Options
from polyveil.learn.multimodal.paths import Path
from polyveil.learn.multimodal.projection import MeanProjection, Projection, Protection
from polyveil.learn.multimodal.steps import Steps
from polyveil.models.multimodal.encoders import FixedEncoder


@dataclass(frozen=True, slots=True)
class Alternating:
    """Training by turns; see `polyveil.learn.multimodal.method.Method`.

    Attributes:
      projection: what the head's steps leave alone; None for steps as they come.
    """

    projection: Projection | None = field(default_factory=MeanProjection)
    name: ClassVar[str] = "alternating"
    head: ClassVar[str] = "shared"

    def releases(self, modalities: int) -> int:
        """One for every modality's step."""
        return modalities

    def remarks(self, options: Options, *, private: bool) -> tuple[str, ...]:
        """See `Method`."""
        rule = self.projection
        said = (rule.remark,) if rule is not None and rule.remark else ()
        if not private:
            return said
        if rule is not None and rule.reads == projection.FEATURES:
            raise NotPrivate(
                "projection: features of single records are not released, so no projection may "
                "follow from them. Use SubspaceProjection(reads='gradients'), which is free, or "
                "MeanProjection, whose clipped mean is released and charged."
            )
        charged = "privacy: every modality's step is charged, a round of M modalities M times"
        mean = "projection: follows from a clipped, noised mean feature, charged with the gradients"
        return (charged, *((mean,) if rule and rule.reads == projection.MEAN else ()), *said)

    def rounds(self, setting: Setting) -> Course:
        """See `Method`."""
        turns = _Turns(setting, self.projection)
        return Course(setting, turns.once, [one.steps for one in turns.all], {"turns": turns})


class _Turns:
    """Every modality's turn, and what is remembered of the one before."""

    def __init__(self, setting: Setting, rule: Projection | None) -> None:
        self.all = [_Turn(name, setting, rule) for name in setting.inputs]
        self._memory = rule.memory(setting.model.config.width + 1) if rule else None
        self._preceding: str | None = None
        self._watch = setting.watch

    def once(self, number: int) -> None:
        """A round."""
        memory = self._memory
        for turn in self.all:
            before = self._preceding
            protection = memory.after(before) if memory and before else None
            self._watch(turn.take(before, protection))
            if memory is not None and (seen := turn.seen()) is not None:
                memory.saw(turn.name, seen)
            self._preceding = turn.name

    def state_dict(self) -> dict[str, Any]:
        memory = self._memory.state_dict() if self._memory else None
        return {"preceding": self._preceding, "memory": memory}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self._preceding = state["preceding"]
        if self._memory:
            self._memory.load_state_dict(state["memory"])


class _Turn:
    """One modality's part."""

    def __init__(self, name: str, setting: Setting, rule: Projection | None) -> None:
        self.name = name
        self._reads = rule.reads if rule else ""
        model = setting.model
        self._path = Path(
            model.encoder_of(name), model.head_of(name), tells=self._reads == projection.MEAN
        ).to(setting.labels.device)
        self._weight = model.head_of(name).linear.weight
        self._columns = _columns(model.encoder_of(name), self._weight)
        self._features: Tensor | None = None
        self._gradient = torch.empty(0)
        self.steps: Steps = setting.steps(name, self._path, setting.rows(name), self._losses)

    @torch.no_grad()
    def take(self, preceding: str | None, protection: Protection | None) -> HeadStep:
        """One step."""
        with torch.enable_grad():
            self.steps.gradient()
        weight, before = self._weight, self._weight.detach().to(torch.float64, copy=True)
        gradient = weight.grad
        if gradient is None:
            raise RuntimeError("the step left the shared head without a gradient.")
        # Columns that this modality never fills hold noise alone, which others would have to read.
        gradient.mul_(self._columns)
        # What the projection learns from is the gradient as it came, not what was left of it.
        self._gradient = gradient.to(torch.float64, copy=True)
        if protection is not None:
            gradient.copy_(self._gradient @ protection.matrix)
        self.steps.apply()
        if protection is not None:
            weight.copy_(before + (weight.double() - before) @ protection.matrix)
        update = weight.double() - before
        return HeadStep(self.name, preceding, gradient.clone(), update, protection)

    def seen(self) -> Tensor | None:
        """What the projection is shown of this step, float64 [rows, width + 1]."""
        if self._reads == projection.MEAN:
            told = self.steps.told
            # In units of the features, which damping is stated in.
            return None if told is None else (told * self._columns) * math.sqrt(told.numel())
        if self._reads == projection.FEATURES:
            return self._features
        return self._gradient

    def _losses(self, values: Tensor, present: Tensor, labels: Tensor) -> Tensor:
        losses, passed = self._path.losses(values, present, labels)
        if self._reads == projection.FEATURES:
            self._features = passed.features[present].double()
        return losses


def _columns(encoder: nn.Module, weight: Tensor) -> Tensor:
    """[1, width + 1], 1 for columns of a head that an encoder's features can reach, else 0."""
    columns = torch.ones(1, weight.shape[1], dtype=weight.dtype, device=weight.device)
    if isinstance(encoder, FixedEncoder):
        columns[0, :-1] = encoder.fills
    return columns
