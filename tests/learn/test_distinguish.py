# SPDX-License-Identifier: Apache-2.0
"""The whole engine under attack: one record, made as loud as can be, must not give itself away.

Tramèr et al. 2022 (https://arxiv.org/abs/2202.12219) showed a claimed epsilon of 0.21 to be above
2.79 in this manner. The attack here must find too little noise and forgotten clipping, and must not
find more than was claimed in the engine as it is.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from polyveil.learn import clipper
from polyveil.learn.private import PrivateTraining
from polyveil.privacy import gaussian
from polyveil.privacy.tester import EpsilonBound, distinguish

DELTA, CALLS = 1e-5, 1200
CLAIMED = gaussian.epsilon_for(1.5, delta=DELTA)
"""Of one release of everybody under a noise multiplier of 1.5: 2.7."""


class Releases:
    """Single steps over all records; the loudest record is there, or blank."""

    def __init__(self, noise_multiplier: float) -> None:
        blank = torch.zeros(8, 3)
        loud = blank.clone()
        loud[5] = 1e4
        self._sides = {
            name: self._steps(noise_multiplier, rows)
            for name, rows in (("blank", blank), ("loud", loud))
        }

    def __call__(self, data: str) -> NDArray[np.float64]:
        return next(self._sides[data]).double().numpy()

    def _steps(self, noise_multiplier: float, rows: Tensor):  # type: ignore[no-untyped-def]
        model = nn.Linear(3, 1, bias=False)
        optimizer = torch.optim.SGD(model.parameters(), 0.0)
        private = PrivateTraining(
            model, optimizer, (rows,), batch_size=8, epochs=9 * CALLS, delta=DELTA,
            noise_multiplier=noise_multiplier, thresholds=1.0, secret=bytes(range(32)),
        )  # fmt: skip
        for (inputs,) in private.batches():
            private.backward(model(inputs)[:, 0])
            assert model.weight.grad is not None
            yield model.weight.grad.flatten().clone()


def attacked(noise_multiplier: float) -> EpsilonBound:
    return distinguish(Releases(noise_multiplier), "blank", "loud", delta=DELTA, calls=CALLS)


def test_the_loudest_record_gives_away_no_more_than_was_claimed() -> None:
    found = attacked(1.5)
    assert 0 < found.epsilon < CLAIMED


def test_too_little_noise_is_found() -> None:
    assert attacked(0.25).contradicts(CLAIMED)


def test_forgotten_clipping_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clipper, "clip_weights", lambda norms, threshold: torch.ones_like(norms))
    assert attacked(1.5).contradicts(CLAIMED)
