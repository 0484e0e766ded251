# SPDX-License-Identifier: Apache-2.0
"""What leaves each path of each method: sums of single records, each cut, under the charged noise.

Looked at where it leaves, in the mechanism, so that a method cannot go around what is tested of
the engine: by a statistic of the batch, by less noise, by a release that nobody charged.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from torch import Tensor
from two_strengths import records as two_vectors

from polyveil.learn.mechanism import ClippedGaussian
from polyveil.learn.modalities import Multimodal
from polyveil.learn.multimodal import (
    Alternating,
    Budget,
    Joint,
    Late,
    Method,
    Modulated,
    Options,
    SubspaceProjection,
    train,
)
from polyveil.learn.noise import NormalStream
from polyveil.learn.private import PrivateTraining
from polyveil.learn.threshold import PrivateQuantile

METHODS = [
    Alternating(),
    Alternating(SubspaceProjection(rank=2)),
    Joint(),
    Joint("mean"),
    Late(),
    Modulated(),
]
every_method = pytest.mark.parametrize("method", METHODS, ids=lambda one: f"{one.name}-{one.head}")
SMALL = {"width": 6, "channels": (8, 8)}
SECRET = bytes(range(32))
STILL = Options(epochs=1, batch_size=1, optimizer="sgd", learning_rate=1e-30, momentum=0)
"""One round of everybody that moves no weight, so that every path sees the first ones."""


@dataclass
class Release:
    """What one step of one path gave away.

    Attributes:
      sums: of clipped gradients, group by group, before noise.
      counts: centred counts below the thresholds, before noise.
      thresholds: of the groups.
      draws: (how many numbers, their deviation) in order; those of counts last.
      sizes: numbers of every parameter, by group.
    """

    sums: list[Tensor]
    counts: Tensor
    thresholds: list[float]
    draws: list[tuple[int, float]]
    sizes: list[list[int]]

    @property
    def noise_multiplier(self) -> float:
        """Of the joint release, from what was drawn: 1 / z^2 = sum C^2 / s^2 + K / (4 s_b^2)."""
        draws, inverse = list(self.draws), 0.0
        for bound, sizes in zip(self.thresholds, self.sizes, strict=True):
            drawn, draws = draws[: len(sizes)], draws[len(sizes) :]
            assert [count for count, _ in drawn] == sizes
            (deviation,) = {one for _, one in drawn}
            inverse += (bound / deviation) ** 2
        for count, deviation in draws:
            assert count == len(self.thresholds)
            inverse += count / (2 * deviation) ** 2
        return 1 / math.sqrt(inverse)


@pytest.fixture
def released(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Release]]:
    """Every release of a training, in order."""
    torch.set_num_threads(1)
    seen: list[Release] = []
    release, add_to = ClippedGaussian.release, NormalStream.add_to

    def listening(self: ClippedGaussian, step: int) -> dict[torch.nn.Parameter, Tensor]:
        known = self._clipper.sums
        sums = [
            torch.cat([known.get(p, torch.zeros_like(p)).detach().flatten() for p in g.parameters])
            for g in self._groups
        ]
        sizes = [[p.numel() for p in g.parameters] for g in self._groups]
        seen.append(Release(sums, self._clipper.below.clone(), self.thresholds, [], sizes))
        return release(self, step)

    def adding(self: NormalStream, values: Tensor, deviation: float) -> Tensor:
        seen[-1].draws.append((values.numel(), deviation))
        return add_to(self, values, deviation)

    monkeypatch.setattr(ClippedGaussian, "release", listening)
    monkeypatch.setattr(NormalStream, "add_to", adding)
    yield seen


def strange() -> Multimodal:
    """A picture, a sequence and a vector; some lack some, and what some hold is no number."""
    draw, count = np.random.default_rng(3), 12
    inputs = {
        "seen": draw.normal(size=(count, 1, 8, 8)).astype(np.float32),
        "trace": draw.normal(size=(count, 20, 3)).astype(np.float32),
        "said": draw.normal(size=(count, 4)).astype(np.float32),
    }
    inputs["seen"][0], inputs["trace"][1], inputs["said"][2] = np.inf, np.nan, 1e30
    inputs["seen"][3], inputs["trace"][3], inputs["said"][3] = 7.0, 0.0, -1e6
    for values in inputs.values():
        values[5] = values[4]  # the same record twice
    present = np.ones((count, 3), dtype=bool)
    present[6:9] = ~np.eye(3, dtype=bool)
    present[9:] = np.eye(3, dtype=bool)
    # One class holds one record alone.
    return Multimodal(inputs, present, np.array([0] * 7 + [1] * 4 + [2]), ("a", "b", "c"))


@pytest.mark.parametrize("clipping", ["per-layer", "flat"])
@pytest.mark.parametrize("bound", [1.0, 100.0])
@every_method
def test_a_release_is_the_sum_of_what_each_record_gives_alone(
    method: Method, bound: float, clipping: str, released: list[Release]
) -> None:
    """Whoever joins or leaves moves it by what they give alone, at most by the bound."""

    def releases(data: Multimodal) -> list[Release]:
        released.clear()
        budget = Budget(noise_multiplier=1.0, thresholds=bound, clipping=clipping)  # type: ignore[arg-type]
        options = replace(STILL, batch_size=len(data))
        train(method, data, options, budget=budget, network=SMALL, secret=SECRET)
        return list(released)

    data = strange()
    together = releases(data)
    alone = [releases(data.where(np.arange(len(data)) == row)) for row in range(len(data))]
    assert len(together) == method.releases(3)
    for path, whole in enumerate(together):
        assert math.hypot(*whole.thresholds) == pytest.approx(bound)
        own = [torch.cat(one[path].sums) for one in alone]
        assert all(torch.isfinite(one).all() for one in own)
        assert max(float(one.norm()) for one in own) <= bound * (1 + 1e-6)
        assert torch.allclose(torch.cat(whole.sums), torch.stack(own).sum(0), atol=2e-5 * bound)
        assert torch.equal(own[4], own[5]) and float(own[4].norm()) > 0
        counts = torch.stack([one[path].counts for one in alone])
        assert torch.equal(counts.abs(), torch.full_like(counts, 0.5))
        assert torch.equal(whole.counts, counts.sum(0))
        if len(together) == 3:  # a modality's own path: nothing of whoever lacks it
            lacking = ~data.present[:, path]
            assert all(float(own[row].norm()) == 0 for row in np.flatnonzero(lacking))


@pytest.mark.parametrize("thresholds", [0.3, PrivateQuantile(start=2.0, share=0.2)])
@every_method
def test_every_release_carries_the_noise_that_is_charged(
    method: Method,
    thresholds: PrivateQuantile | float,
    released: list[Release],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    engines: list[PrivateTraining] = []
    release = PrivateTraining._release

    def listening(self: PrivateTraining) -> None:
        engines.append(self)
        release(self)

    monkeypatch.setattr(PrivateTraining, "_release", listening)
    found = train(
        method, two_vectors(missing=0.2), Options(epochs=2, batch_size=48),
        budget=Budget(epsilon=3.0, thresholds=thresholds, physical_batch=20),
        network=SMALL, secret=SECRET,
    )  # fmt: skip
    (charged,) = found.rounds.events()
    assert len(released) == charged.steps == len(engines)
    start = thresholds.start if isinstance(thresholds, PrivateQuantile) else thresholds
    for one, engine in zip(released, engines, strict=True):
        assert one.noise_multiplier == pytest.approx(charged.noise_multiplier, rel=1e-6)
        sampler = engine._sampler()
        assert sampler.rate == pytest.approx(charged.rate, rel=1e-12)
        assert engine.schedule.expected_batch == pytest.approx(48)
    for one in released[: found.rounds.releases]:
        assert math.hypot(*one.thresholds) == pytest.approx(start)


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@every_method
def test_whatever_else_happens_follows_from_the_releases_alone(
    method: Method, optimizer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other records under the same releases give the same weights: nothing goes around them."""
    torch.set_num_threads(1)
    release, told = ClippedGaussian.release, []

    def listening(self: ClippedGaussian, step: int) -> dict[torch.nn.Parameter, Tensor]:
        found = release(self, step)
        told.append(([one.clone() for one in found.values()], self.thresholds))
        return found

    def repeating(self: ClippedGaussian, step: int) -> dict[torch.nn.Parameter, Tensor]:
        values, self._clipper.thresholds = told.pop(0)
        self.clear()
        parameters = [one for group in self._groups for one in group.parameters]
        return dict(zip(parameters, values, strict=True))

    def weights(data: Multimodal) -> Tensor:
        options = Options(epochs=3, batch_size=80, optimizer=optimizer, weight_decay=0.01)
        budget = Budget(noise_multiplier=0.7, thresholds=PrivateQuantile())
        found = train(method, data, options, budget=budget, network=SMALL, secret=SECRET)
        return torch.nn.utils.parameters_to_vector(found.model.parameters()).detach()

    monkeypatch.setattr(ClippedGaussian, "release", listening)
    first = weights(two_vectors(missing=0.2))
    monkeypatch.setattr(ClippedGaussian, "release", repeating)
    other = two_vectors(missing=0.5, seed=1)
    assert torch.equal(weights(other), first) and not told
