# SPDX-License-Identifier: Apache-2.0
"""What is learned: a network, the rows it learns from, one loss a record, and how it is looked at.

The loop that makes steps knows nothing of pictures or people; an objective does. Everything random
in a loss is drawn from torch's global generator, which the loop seeds by the step.
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional

from polyveil.learn.labelled import Labelled
from polyveil.learn.modalities import Data, Multimodal
from polyveil.learn.plan import MULTIMODAL, RECOGNISER, ModelPlan, TrainingPlan
from polyveil.learn.recognition import Recognition, recogniser
from polyveil.learn.rows import AT_ONCE, Rows, rows_for
from polyveil.learn.views import views
from polyveil.models.registry import build


class Objective(Protocol):
    """One network on its data."""

    @property
    def model(self) -> nn.Module:
        """Whose weights are released."""

    @property
    def network(self) -> nn.Module:
        """The model, or the part of it that learns."""

    @property
    def rows(self) -> tuple[Tensor, ...]:
        """Tensors with one row a record, the last of them labels. Secret."""

    @property
    def views(self) -> int:
        """Rows that a record has in a batch of losses."""

    def begin(self, epoch: float) -> None:
        """Before a step; `epoch` expected passes are done."""

    def losses(self, *rows: Tensor) -> Tensor:
        """One loss a view, [records * views], in training mode; rows as in `rows`."""

    def scores(self, data: Data) -> Tensor:
        """Logits of other records, float32 [records, classes], by the weights as they are."""


class Classes:
    """Pictures and the classes that they are told apart by; see `Objective`."""

    model: nn.Module
    network: nn.Module
    rows: tuple[Tensor, ...]
    views: int

    def __init__(self, model: nn.Module, data: Labelled, training: TrainingPlan) -> None:
        self.model, self.views = model, training.augment
        self._rows, self._flip = rows_for(model, data, views=training.augment), training.flip
        self.network = self._rows.network
        self.rows = (self._rows.values, torch.from_numpy(data.labels))
        self._measured: tuple[Data, Rows] | None = None

    def begin(self, epoch: float) -> None:
        """Nothing here changes with time."""

    def losses(self, *rows: Tensor) -> Tensor:
        """Cross-entropy, nats."""
        values, labels = rows
        inputs = views(self._rows.as_input(values), self.views, flip=self._flip)
        answers = labels.repeat_interleave(self.views)
        return functional.cross_entropy(self.network(inputs), answers, reduction="none")

    @torch.no_grad()
    def scores(self, data: Data) -> Tensor:
        """See `Objective`."""
        if self._measured is None or self._measured[0] is not data:
            self._measured = (data, rows_for(self.model, pictures(data), views=1))
        rows = self._measured[1]
        parts = torch.split(rows.values, AT_ONCE)
        return torch.cat([rows.network(rows.as_input(part)).float() for part in parts])


def objective(plan: ModelPlan, data: Data, training: TrainingPlan) -> Objective:
    """What a plan's network learns from these records; draws its weights from torch's generator.

    Raises:
      UsageError: no such network or option, or data that it does not take.
    """
    if isinstance(data, Multimodal):
        return Recognition(recogniser(plan, data), data)
    return Classes(network(plan, data), data, training)


def network(plan: ModelPlan, data: Data) -> nn.Module:
    """A plan's network for these records; draws its weights from torch's global generator."""
    if plan.name == RECOGNISER:
        return recogniser(plan, data)
    if plan.name == MULTIMODAL:
        from polyveil.learn.multimodal.planned import network as classifier

        return classifier(plan, data)
    return build(plan.name, pictures(data).shape, len(data.classes), **plan.options)


def pictures(data: Data) -> Labelled:
    """The data, where they are pictures alone; callers have seen to that when the plan was read."""
    if isinstance(data, Multimodal):
        raise TypeError("expected pictures alone, got records of several modalities.")
    return data
