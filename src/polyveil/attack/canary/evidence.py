# SPDX-License-Identifier: Apache-2.0
"""What a one-run audit has seen of one training: scores, coins, samples, and its controls."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from polyveil.attack.canary.measured import Measured, measure
from polyveil.attack.canary.score import membership

Floats: TypeAlias = NDArray[np.floating]


class Watching(Protocol):
    """What saw the steps: `MarkObserver` or `GradientObserver`."""

    def watched(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """(scores of the released gradients, of their differences), each [steps, m]."""
        ...


@dataclass(frozen=True, slots=True)
class OneRunEvidence:
    """One training, watched.

    Attributes:
      scores, differences: [steps, m], of spread 1 where a canary is not.
      included: bool (m,), the coins.
      rate: chance of a record to be in a step's sample.
      steps, of_steps: watched, and of the whole training.
      sampled: int [steps, m], how often each canary was in each sample; None where nobody knows.
      twin: the same training without noise (positive control); None where there was none.
      null: a training that saw no canary, beside the same coins (null control).
      seconds, watching: of the audited training, and the part of it that watching took.
      records, of_records: real ones that took part, and that there are; None: all.
    """

    scores: Floats = field(repr=False)
    differences: Floats = field(repr=False)
    included: NDArray[np.bool_] = field(repr=False)
    rate: float
    steps: int
    of_steps: int
    sampled: NDArray[np.int64] | None = field(default=None, repr=False)
    twin: OneRunEvidence | None = field(default=None, repr=False)
    null: OneRunEvidence | None = field(default=None, repr=False)
    seconds: float = 0.0
    watching: float = 0.0
    records: int | None = None
    of_records: int | None = None

    def memberships(self) -> tuple[Floats, Floats]:
        """ln odds of each canary by either score, each [m]."""
        moved = max(2 * self.rate * (1 - self.rate), 1e-9)
        return (
            membership(self.scores, rate=self.rate),
            membership(self.differences, rate=moved, signs=(1, -1)),
        )

    def measured(self) -> Measured | None:
        """Rate and noise as they were seen; None where nobody knows who was sampled."""
        if self.sampled is None:
            return None
        return measure(self.scores, self.sampled, self.included)


def watched(
    watch: Watching,
    canaries: NDArray[np.bool_],
    *,
    rate: float,
    of_steps: int,
    sampled: NDArray[np.int64] | None = None,
    twin: OneRunEvidence | None = None,
    null: OneRunEvidence | None = None,
) -> OneRunEvidence:
    """Evidence from a loop of one's own.

    Args:
      watch: what saw the steps.
      canaries: `Canaries.included`.
      rate: chance of a record to be in a step's sample.
      of_steps: of the training that the claim is about.
      sampled: `MarkObserver.sampled()`.
    """
    scores, differences = watch.watched()
    return OneRunEvidence(
        scores, differences, canaries, rate, len(scores), of_steps, sampled, twin, null
    )
