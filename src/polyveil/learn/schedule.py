# SPDX-License-Identifier: Apache-2.0
"""How often how many records are looked at, under how much noise: the public facts of a training.

Steps are counted in expected passes over the data, sampling is Poisson, and the noise is the least
that keeps all steps together within the budget.

Source: Abadi et al., CCS 2016, https://arxiv.org/abs/1607.00133
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from polyveil import _validate
from polyveil.errors import NotPrivate
from polyveil.privacy import accountant


@dataclass(frozen=True, slots=True)
class Schedule:
    """The public facts of a private training: what the accountant needs, and nothing else.

    Attributes:
      records: number of records n; public.
      rate: chance q of each record to be in a step's sample.
      steps: number of noised steps that the budget was made for.
      noise_multiplier: z of one step's joint release (gradients and counts).
      delta: the delta that epsilon is stated for.
    """

    records: int
    rate: float
    steps: int
    noise_multiplier: float
    delta: float

    @property
    def expected_batch(self) -> float:
        """q n: what sums are divided by, in place of the random size of a sample."""
        return self.rate * self.records

    def epsilon(self, steps: int) -> float:
        """What the first `steps` steps spend; infinite without noise."""
        if not self.noise_multiplier:
            return math.inf if steps else 0.0
        event = accountant.SampledGaussian(self.rate, self.noise_multiplier, steps)
        return accountant.epsilon_spent([event], delta=self.delta)


def schedule(
    records: int,
    *,
    batch_size: float,
    epochs: float,
    epsilon: float | None = None,
    noise_multiplier: float | None = None,
    delta: float | None = None,
    releases: int = 1,
) -> Schedule:
    """The least noise that meets a budget, or the budget that stated noise costs.

    Args:
      records: n >= 1.
      batch_size: expected records a step; at most n.
      epochs: passes over the data, in expectation; steps = round(epochs n / batch_size).
      epsilon: target, in nats; or give `noise_multiplier` (0 for clipping alone, no guarantee).
      delta: default min(1e-5, 1 / (10 n)).
      releases: noised sums that a record is in at one step, >= 1; `epsilon` pays for all of them,
        each with a sample of its own.

    Raises:
      NotPrivate: the budget cannot be met, or both or neither of the two are given.
    """
    _validate.positive(batch_size=batch_size, epochs=epochs)
    _validate.at_least(1, records=records, releases=releases)
    if (epsilon is None) == (noise_multiplier is None):
        raise NotPrivate("expected either epsilon or noise_multiplier, got both or neither.")
    if batch_size > records:
        raise NotPrivate(
            f"expected batch_size <= number of records, got {batch_size:g} > {records}."
        )
    delta = min(1e-5, 0.1 / records) if delta is None else delta
    rate = batch_size / records
    steps = max(1, round(epochs / rate))
    if noise_multiplier is None:
        noise_multiplier = accountant.noise_multiplier_for(
            epsilon=epsilon or 0.0, delta=delta, rate=rate, steps=steps * releases
        )
    _validate.not_negative(noise_multiplier=noise_multiplier)
    return Schedule(records, rate, steps, noise_multiplier, delta)
