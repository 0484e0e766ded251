# SPDX-License-Identifier: Apache-2.0
"""What a way of training is, and what it finds when it begins."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from torch import Tensor, nn

from polyveil.learn.multimodal.accounting import Rounds
from polyveil.learn.multimodal.course import Course
from polyveil.learn.multimodal.options import Budget, Options
from polyveil.learn.multimodal.projection import Protection, share_inside
from polyveil.learn.multimodal.steps import Steps, optimizer
from polyveil.learn.plain import PlainTraining
from polyveil.learn.private import PrivateTraining
from polyveil.models.multimodal import MultimodalClassifier


@dataclass(frozen=True, slots=True)
class HeadStep:
    """One step of the shared head, for whoever checks it. Not a secret under a budget.

    Attributes:
      modality: whose step it was.
      preceding: whose step came before; None at the first.
      gradient: as the optimizer got it, [classes, width + 1].
      update: what the weight changed by, float64 of the same shape.
      protection: what the step had to keep to; None without.
    """

    modality: str
    preceding: str | None
    gradient: Tensor = field(repr=False)
    update: Tensor = field(repr=False)
    protection: Protection | None = field(repr=False)

    @property
    def gradient_share(self) -> float:
        """Share of the gradient inside what is to be left alone; 0 where nothing is."""
        return self._share(self.gradient)

    @property
    def update_share(self) -> float:
        """Share of the applied change inside what is to be left alone."""
        return self._share(self.update)

    def _share(self, values: Tensor) -> float:
        return share_inside(values, self.protection.directions) if self.protection else 0.0


@dataclass(frozen=True, slots=True)
class Setting:
    """What a method trains, on what, how long and under which promise.

    Attributes:
      model: its encoders and heads, freshly drawn.
      inputs: modality -> float32 [records, *shape], in the model's order. Secret.
      present: bool [records, modalities]. Secret.
      labels: int64 [records]. Secret.
      options, budget, rounds: public facts; budget None without a promise.
      secret: 32 bytes that batches and noise follow from.
      watch: is shown every step of a shared head.
    """

    model: MultimodalClassifier
    inputs: Mapping[str, Tensor] = field(repr=False)
    present: Tensor = field(repr=False)
    labels: Tensor = field(repr=False)
    options: Options
    budget: Budget | None
    rounds: Rounds
    secret: bytes = field(repr=False)
    watch: Callable[[HeadStep], None]

    def rows(self, modality: str) -> tuple[Tensor, Tensor, Tensor]:
        """(values, who has them, labels) of one modality."""
        column = list(self.inputs).index(modality)
        return self.inputs[modality], self.present[:, column], self.labels

    def steps(
        self, name: str, path: nn.Module, rows: tuple[Tensor, ...], losses: Callable[..., Tensor]
    ) -> Steps:
        """The steps of one path; paths of different names draw and noise apart from each other.

        Without a promise all paths go through the records in one order.

        Raises:
          NotPrivate: the path cannot be trained with a guarantee.
        """
        stepper, settled = optimizer(path, self.options), self.rounds.schedule
        if self.budget is None:
            plain = PlainTraining(path, stepper, rows, schedule=settled, secret=self.secret)
            return Steps(path, stepper, plain, losses)
        own = hashlib.blake2b(f"path/{name}".encode(), key=self.secret, digest_size=32).digest()
        private = PrivateTraining(
            path,
            stepper,
            rows,
            batch_size=settled.expected_batch,
            epochs=settled.rate * settled.steps,
            noise_multiplier=settled.noise_multiplier,
            delta=settled.delta,
            clipping=self.budget.clipping,
            thresholds=self.budget.thresholds,
            physical_batch=self.budget.physical_batch,
            secret=own,
        )
        return Steps(path, stepper, private, losses)


class Method(Protocol):
    """A way of training a classifier of several modalities; public facts alone."""

    @property
    def name(self) -> str:
        """As tables name it."""
        ...

    @property
    def head(self) -> str:
        """Of the network, see `MultimodalConfig`."""
        ...

    def releases(self, modalities: int) -> int:
        """How many noised sums a round of this method gives away."""
        ...

    def remarks(self, options: Options, *, private: bool) -> tuple[str, ...]:
        """What whoever reads a result must be told.

        Raises:
          NotPrivate: this method, as it is set, can promise nothing.
        """
        ...

    def rounds(self, setting: Setting) -> Course:
        """The training: iterating it does the rounds, one for each `next`."""
        ...
