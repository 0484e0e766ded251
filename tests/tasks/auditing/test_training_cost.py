# SPDX-License-Identifier: Apache-2.0
"""A training's time is told by two small ones, measured once and only when asked."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from polyveil.attack.examples import Examples  # noqa: E402
from polyveil.tasks.auditing import cost as module  # noqa: E402
from polyveil.tasks.auditing.cost import TrainingCost  # noqa: E402

RECORDS = Examples({"x": torch.zeros(500, 2)}, torch.zeros(500, dtype=torch.int64))


class Clock:
    """Stands for the time that a recipe takes."""

    def __init__(self, fixed: float, each: float) -> None:
        self.now, self.trainings = 0.0, 0
        self.fixed, self.each = fixed, each

    def perf_counter(self) -> float:
        return self.now

    def recipe(self, examples: Examples, seed: int) -> nn.Module:
        self.trainings += 1
        self.now += self.fixed + self.each * len(examples)
        return nn.Identity()


def cost(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> TrainingCost:
    monkeypatch.setattr(module, "time", clock)
    return TrainingCost(clock.recipe, RECORDS)


def test_fixed_and_growing_parts_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(fixed=2.0, each=0.01)
    found = cost(monkeypatch, clock)
    assert clock.trainings == 0
    assert found.seconds(10_000) == pytest.approx(102.0)
    assert found.seconds(100) == pytest.approx(3.0)
    assert found.seconds(300, trainings=3) == pytest.approx(9.0)
    assert clock.trainings == 2


def test_time_that_does_not_grow_is_taken_to(monkeypatch: pytest.MonkeyPatch) -> None:
    found = cost(monkeypatch, Clock(fixed=2.0, each=0.0))
    assert found.seconds(2000) == pytest.approx(21.0)
