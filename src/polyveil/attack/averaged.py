# SPDX-License-Identifier: Apache-2.0
"""A target that answers at random, asked so often that its noise is gone.

Noise in the answers is no defence against whoever may ask again. An attacker who asks each record
once underrates what such a target gives away, and a copy of it is judged by the target's dice.

Source: Athalye et al., ICML 2018, https://arxiv.org/abs/1802.00420 (randomness that is averaged
away)
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from polyveil import _validate
from polyveil.attack.classifier import Classifier
from polyveil.attack.examples import Inputs

ANSWERS = 15
"""Of each record; the noise that is left is a quarter of one answer's."""


class Averaged(Classifier):
    """The mean probabilities of several passes, as logits.

    Args:
      target: whose module is asked; its own count of queries goes on.
      answers: passes over each record.
      seed: of the target's randomness; each call draws anew, the same in every run.

    Attributes:
      answers: as given.
    """

    def __init__(self, target: Classifier, *, answers: int = ANSWERS, seed: int = 0) -> None:
        _validate.at_least(1, answers=answers)
        super().__init__(target.module, calling=target.calling)
        self.answers = answers
        self._target, self._draws = target, torch.Generator().manual_seed(seed)

    def scored(self, inputs: Inputs) -> Tensor:
        """See `Classifier`; float64, every pass is a query."""
        before = self._target.queries
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(torch.randint(2**62, (1,), generator=self._draws)))
            passes = [
                self._target.scored(inputs).double().log_softmax(1) for _ in range(self.answers)
            ]
        self.queries += self._target.queries - before
        return torch.stack(passes).logsumexp(0) - math.log(self.answers)


def steadied(
    target: Classifier, inputs: Inputs, *, answers: int = ANSWERS, seed: int = 0
) -> Classifier:
    """The target as whoever may ask again sees it: itself, if two passes over some inputs agree.

    The global randomness is left as it was, and these two passes are no queries of an attack.
    """
    probe = Classifier(target.module, calling=target.calling)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        random = probe.is_random(inputs)
    return Averaged(target, answers=answers, seed=seed) if random else target
