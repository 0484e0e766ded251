# SPDX-License-Identifier: Apache-2.0
"""How long, in what steps and under which promise; the same for every method. Public facts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from polyveil import _validate
from polyveil.errors import NotPrivate, UsageError
from polyveil.learn.threshold import PrivateQuantile

LEARNING_RATE = {"adam": 2e-3, "sgd": 0.1}
"""Usual step sizes; gradients of private steps are in units of the clipping bound."""


@dataclass(frozen=True, slots=True)
class Options:
    """What every method is trained with; checked on construction.

    Attributes:
      epochs: expected passes over the records, by every modality.
      batch_size: records a step, in expectation where steps are private.
      optimizer: "adam" or "sgd".
      learning_rate: None for the usual one, `LEARNING_RATE`.
      momentum: of "sgd", in [0, 1).
      weight_decay: >= 0; as torch's optimizers have it, added to the gradient.
      seed: of first weights, of the order of records without a promise, and of drawn controls.
    """

    epochs: float = 10.0
    batch_size: int = 256
    optimizer: str = "adam"
    learning_rate: float | None = None
    momentum: float = 0.9
    weight_decay: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        _validate.positive(epochs=self.epochs, rate=self.rate)
        _validate.at_least(1, batch_size=self.batch_size)
        _validate.not_negative(weight_decay=self.weight_decay)
        if not 0 <= self.momentum < 1:
            raise UsageError(f"momentum: {self.momentum!r}; expected a number in [0, 1).")

    @property
    def rate(self) -> float:
        """The learning rate.

        Raises:
          UsageError: no such optimizer.
        """
        if self.optimizer not in LEARNING_RATE:
            raise UsageError(f"optimizer: {self.optimizer!r}; expected 'adam' or 'sgd'.")
        return LEARNING_RATE[self.optimizer] if self.learning_rate is None else self.learning_rate


@dataclass(frozen=True, slots=True)
class Budget:
    """The promise about one record, all its modalities together.

    Attributes:
      epsilon: bound for the whole training, every modality's steps together, in nats; > 0.
      noise_multiplier: of every release, in place of `epsilon`; > 0.
      delta: in (0, 1); None for min(1e-5, 1 / (10 n)).
      thresholds: one fixed norm that a record's gradient is clipped to, or a `PrivateQuantile`.
      clipping: "per-layer" or "flat", see `PrivateTraining`; of each path by itself.
      physical_batch: see `PrivateTraining`.
    """

    epsilon: float | None = None
    noise_multiplier: float | None = None
    delta: float | None = None
    thresholds: PrivateQuantile | float = 1.0
    clipping: Literal["per-layer", "flat"] = "per-layer"
    physical_batch: int = 256

    def __post_init__(self) -> None:
        if (self.epsilon is None) == (self.noise_multiplier is None):
            raise NotPrivate("expected either epsilon or noise_multiplier, got both or neither.")
        if self.noise_multiplier is not None:
            _validate.positive(noise_multiplier=self.noise_multiplier)
        if isinstance(self.thresholds, int | float):
            _validate.positive(thresholds=self.thresholds)
