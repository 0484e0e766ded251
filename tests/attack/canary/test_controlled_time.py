# SPDX-License-Identifier: Apache-2.0
"""How an audit divides its time: its controls must be able to see before anything is believed."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from polyveil.attack.canary import controlled  # noqa: E402
from polyveil.attack.canary.claim import TrainingFacts  # noqa: E402
from polyveil.attack.canary.controlled import Opened, Role, Watched  # noqa: E402
from polyveil.attack.canary.design import Canaries  # noqa: E402
from polyveil.attack.canary.evidence import OneRunEvidence  # noqa: E402
from polyveil.attack.examples import Examples  # noqa: E402


@dataclass
class Recorder:
    """An auditable training, and its one opened network, that only notes what it was given."""

    facts: TrainingFacts
    given: dict[str, tuple[int, float]] = field(default_factory=dict)
    records: int = 100
    networks: int = 1

    def canaries(self, count: int, seed: int) -> Canaries:
        like = Examples({"x": torch.rand(4, 3)}, torch.zeros(4, dtype=torch.int64))
        return Canaries.like(like, count=count, classes=2, seed=seed)

    def opened(self, number: int, made: Canaries, records: int) -> Opened:
        return self

    def watch(  # type: ignore[override]
        self, made: Canaries, role: Role, releases: int, until: float
    ) -> Watched:
        self.given[role] = (releases, until - time.monotonic())
        nothing = np.zeros((1, len(made)), dtype=np.float32)
        return Watched(nothing, nothing, nothing.astype(np.int64), 0.0, 0.0)


def _watched(steps: int) -> dict[str, tuple[int, float]]:
    one = Recorder(TrainingFacts(1.0, 0.2, steps, 1e-5))
    found = controlled.watch(one, canaries=10, seed=0, seconds=1000.0)
    assert isinstance(found, OneRunEvidence)
    return one.given


def test_a_short_run_gives_its_twin_as_much_as_itself() -> None:
    given = _watched(25)
    assert [given[role][0] for role in ("twin", "null", "audit")] == [25, 10, 25]
    # 25 of 60 releases; room for a machine that stops meanwhile.
    assert 250 < given["twin"][1] <= 1000 * 25 / 60 + 1


def test_a_long_run_spends_little_on_controls() -> None:
    given = _watched(1000)
    assert given["twin"][0] == 40
    assert 100 < given["twin"][1] <= 201
    assert given["null"][1] <= 201
    assert given["audit"][0] == 1000
