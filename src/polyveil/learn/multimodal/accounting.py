# SPDX-License-Identifier: Apache-2.0
"""What training by turns costs: every modality's step is a release of its own, and all are charged.

A record is one unit with all its modalities. In a round of alternating training it may be drawn,
clipped and noised once for EACH modality, and every one of these releases tells of it; so T rounds
of M modalities are M T releases, not T. The same holds for M models that are trained apart on the
same records. Which modalities a record has is as private as what is in them: a record that lacks
some is charged like all others.

Steps of different modalities draw their Poisson samples apart from each other. Then each release is
a sampled Gaussian of rate q and multiplier z, and they add up as such. One sample for all M steps
of a round would be one sampled Gaussian of multiplier z / sqrt(M) a round, which costs more.

What is told beside the gradients (mean features, scores) is part of the same release: it is one
more group of the same clipped, noised sum (`polyveil.learn.mechanism`), so z covers it as well.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from polyveil.errors import NotPrivate
from polyveil.learn.private import NOT_COVERED
from polyveil.learn.schedule import Schedule, schedule
from polyveil.privacy import accountant
from polyveil.privacy.guarantee import Guarantee

COVERS = (
    "the weights after every step",
    "the clipping thresholds",
    "projections, and the mean features or scores that they or step sizes follow from",
)
WHAT_FUSION_READS = (
    "temperatures, fusion weights and other figures that are chosen on the same records"
)


@dataclass(frozen=True, slots=True)
class Rounds:
    """The public facts of a training of several modalities.

    Attributes:
      records: n; public.
      rate: chance q of a record to be in one release's sample.
      rounds: how often every modality has its turn.
      releases: a round; M by turns or apart, 1 where one step serves all.
      noise_multiplier: z of each release; 0 without a promise.
      delta: that epsilon is stated for.
    """

    records: int
    rate: float
    rounds: int
    releases: int
    noise_multiplier: float
    delta: float

    @property
    def schedule(self) -> Schedule:
        """Of one modality's steps."""
        return Schedule(self.records, self.rate, self.rounds, self.noise_multiplier, self.delta)

    def events(self, rounds: int | None = None) -> tuple[accountant.SampledGaussian, ...]:
        """Everything that so many rounds (default: all) release, for `privacy.accountant`."""
        done = self.rounds if rounds is None else rounds
        if not self.noise_multiplier:
            raise NotPrivate("trained without noise: there is no event that could be charged.")
        return (accountant.SampledGaussian(self.rate, self.noise_multiplier, done * self.releases),)

    def epsilon(self, rounds: int | None = None) -> float:
        """What so many rounds (default: all) spend, in nats; infinite without noise."""
        if not self.noise_multiplier:
            return math.inf
        return accountant.epsilon_spent(self.events(rounds), delta=self.delta)

    def guarantee(self, rounds: int | None = None) -> Guarantee | None:
        """What is proven after so many rounds; None without noise."""
        if not self.noise_multiplier:
            return None
        return Guarantee(
            epsilon=self.epsilon(rounds),
            delta=self.delta,
            unit="record with all its modalities",
            covers=COVERS,
            not_covered=(*NOT_COVERED, WHAT_FUSION_READS),
        )


def plan_rounds(
    records: int,
    *,
    batch_size: float,
    epochs: float,
    releases: int,
    epsilon: float | None = None,
    noise_multiplier: float | None = None,
    delta: float | None = None,
) -> Rounds:
    """The least noise with which all releases of all rounds together meet a budget.

    Args:
      records: n >= 1.
      batch_size: expected records a release; at most n.
      epochs: passes by every modality; rounds = round(epochs n / batch_size).
      releases: a round, >= 1.
      epsilon: target in nats; or give `noise_multiplier`, 0 for training without a promise.
      delta: default min(1e-5, 1 / (10 n)).

    Raises:
      NotPrivate: the budget cannot be met, or both or neither of the two are given.
    """
    one = schedule(
        records,
        batch_size=batch_size,
        epochs=epochs,
        epsilon=epsilon,
        noise_multiplier=noise_multiplier,
        delta=delta,
        releases=releases,
    )
    return Rounds(records, one.rate, one.steps, releases, one.noise_multiplier, one.delta)
