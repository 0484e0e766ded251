# SPDX-License-Identifier: Apache-2.0
"""What was measured while a model was trained, and how it may be told.

Every figure of held-out private records is a release. Held-out records are never trained on, so a
record is in one of two parts: the weights tell of the one, the figures of the other. Figures that
are noised to the same (epsilon, delta) therefore cost nothing beyond it (parallel composition).

One measurement counts the records that are right at the first guess, right within five, and sums
their losses, each loss capped at `loss_cap` and divided by it: one record moves each by at most 1.

Source: McSherry, SIGMOD 2009, Theorem 4, https://doi.org/10.1145/1559845.1559850
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from polyveil.learn.modalities import Data
from polyveil.learn.noise import SecretNoise
from polyveil.models.accuracy import accuracy
from polyveil.privacy.gaussian import noise_multiplier_for

TOP = 5
MEASUREMENTS = 20
"""At most so many times are held-out records looked at: all figures share one budget."""
_GRAIN = 64
"""Noised sums are rounded to this part of a record: the lowest bits of a float would tell more."""


def loss_cap(classes: int) -> float:
    """Nats beyond which a record's loss counts no more: twice the loss of knowing nothing."""
    return 2 * math.log(max(2, classes))


@dataclass(frozen=True, slots=True)
class Counted:
    """Exact sums over held-out records. Secret until `Meter` has noised them.

    Attributes:
      first, five: records whose class is the first guess, or among the first five.
      loss: sum of min(loss, `loss_cap`), nats.
      records: how many were looked at. Taken to be public.
    """

    first: float
    five: float
    loss: float
    records: int


@dataclass(frozen=True, slots=True)
class Measured:
    """One measurement, as released.

    Attributes:
      epoch: after so many expected passes.
      epsilon: spent by then on this model; None without a guarantee.
      top1, top5: shares in [0, 1]; None without held-out records, top5 also below six classes.
      loss: mean, nats; None without held-out records.
    """

    epoch: float
    epsilon: float | None = None
    top1: float | None = None
    top5: float | None = None
    loss: float | None = None

    def to_json(self) -> dict[str, Any]:
        """JSON values; `Measured(**values)` is equal."""
        return asdict(self)


class Meter:
    """Turns exact counts into figures that may be told.

    The last measurement of each network, and that of a fusion, share half of the budget, since
    they are what a result is judged by; those on the way share the other half.

    Args:
      secret: of the run: a measurement that is repeated after a kill gets the same noise.
      on_the_way, last: how many measurements of each kind there are in the whole run.
      classes: number of classes; within-five is left out where it is always true.
      budget: (epsilon, delta) for all of them together; None: exact figures.

    Attributes:
      deviations: standard deviation of the noise in records, (on the way, last); 0 without noise.
    """

    def __init__(
        self,
        secret: bytes,
        *,
        on_the_way: int,
        last: int,
        classes: int,
        budget: tuple[float, float] | None,
    ) -> None:
        own = hashlib.blake2b(b"held-out figures", key=secret, digest_size=32).digest()
        self._noise = SecretNoise(own)
        self._five, self._cap = classes > TOP, loss_cap(classes)
        self.deviations = (0.0, 0.0)
        if budget is not None:
            multiplier = noise_multiplier_for(epsilon=budget[0], delta=budget[1])
            shares, figures = (2 if on_the_way else 1), (3 if self._five else 2)
            way, end = (multiplier * math.sqrt(shares * figures * n) for n in (on_the_way, last))
            self.deviations = (way, end)

    def tell(
        self,
        counted: Counted,
        *,
        epoch: float,
        epsilon: float | None,
        step: int,
        stream: str,
        last: bool,
    ) -> Measured:
        """The figures. (step, stream) names the measurement and may occur once."""
        noise = self._noise.stream(step, stream, 3).add_to(torch.zeros(3), 1.0).tolist()
        records, deviation = max(1, counted.records), self.deviations[last]

        def share(value: float, normal: float) -> float:
            noised = value + deviation * normal
            noised = round(noised * _GRAIN) / _GRAIN if deviation else noised
            return min(max(noised / records, 0.0), 1.0)

        return Measured(
            epoch=epoch,
            epsilon=epsilon,
            top1=share(counted.first, noise[0]),
            top5=share(counted.five, noise[1]) if self._five else None,
            loss=self._cap * share(counted.loss / self._cap, noise[2]),
        )

    def blur(self, records: int) -> tuple[float, float]:
        """Standard deviations that the noise gives a share of so many records: (way, last)."""
        way, end = self.deviations
        return way / max(1, records), end / max(1, records)


def even_steps(steps: int, epochs: int) -> frozenset[int]:
    """Steps after which something is told: once an epoch, at most MEASUREMENTS, the last always."""
    count = min(epochs, MEASUREMENTS, steps)
    return frozenset(round(steps * at / count) for at in range(1, count + 1))


def count(logits: Tensor, data: Data) -> Counted:
    """Exact sums over held-out records; zero of them give zeros."""
    if not len(data):
        return Counted(0.0, 0.0, 0.0, 0)
    found = accuracy(np.asarray(logits), data.labels)
    losses = functional.cross_entropy(logits, torch.from_numpy(data.labels), reduction="none")
    cap = loss_cap(len(data.classes))
    capped = losses.double().nan_to_num(nan=cap).clamp(0.0, cap)
    total = float(capped.sum())
    return Counted(found.top1 * len(data), found.top5 * len(data), total, len(data))
