# SPDX-License-Identifier: Apache-2.0
"""The alarm works: planted faults are rejected, right mechanisms are not, odds are as stated."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from polyveil.privacy import gaussian
from polyveil.privacy.tester import (
    check_noise,
    check_sampling,
    check_sensitivity,
    distinguish,
)

rng = np.random.default_rng(7)
VALUE = np.linspace(-1, 1, 20)
Draw = Callable[[tuple[int, ...]], np.ndarray]


def right(shape: tuple[int, ...]) -> np.ndarray:
    return rng.normal(size=shape)


PLANTED: dict[str, tuple[Draw, str]] = {
    "2/3 of the noise": (lambda s: right(s) * 2 / 3, "scale"),
    "0.9 of the noise": (lambda s: right(s) * 0.9, "scale"),
    "twice the noise": (lambda s: right(s) * 2, "scale"),
    "Laplace": (lambda s: rng.laplace(size=s) / math.sqrt(2), "shape"),
    "uniform": (lambda s: rng.uniform(-math.sqrt(3), math.sqrt(3), s), "shape"),
    "biased": (lambda s: right(s) + 0.1, "mean"),
    "one draw for all coordinates": (lambda s: np.full(s, right(())), "coordinates of a call"),
    "not a number": (lambda s: np.full(s, np.nan), "scale"),
}


@pytest.mark.parametrize("name", PLANTED)
def test_wrong_noise_is_rejected(name: str) -> None:
    draw, test = PLANTED[name]
    finding = check_noise(lambda x: x + draw(x.shape), VALUE, sigma=1.0)
    assert finding.rejected
    assert test in finding.failed
    assert test in finding.sentence


def test_rounded_and_cached_noise_is_rejected() -> None:
    rounded = check_noise(lambda x: np.round(x + right(x.shape), 2), np.zeros(20), sigma=1.0)
    assert "repeated values" in rounded.failed
    cached = right(VALUE.shape)
    assert "repeated values" in check_noise(lambda x: x + cached, VALUE, sigma=1.0).failed


def test_noise_reused_in_the_next_call_is_rejected() -> None:
    last = [right(VALUE.shape)]

    def leaning(x: np.ndarray) -> np.ndarray:
        last[0] = 0.2 * last[0] + math.sqrt(1 - 0.04) * right(x.shape)
        return x + last[0]

    assert "successive calls" in check_noise(leaning, VALUE, sigma=1.0).failed


def test_right_noise_passes_also_in_float32_and_for_one_number() -> None:
    finding = check_noise(lambda x: (x + right(x.shape)).astype(np.float32), VALUE, sigma=1.0)
    assert not finding.rejected
    assert "not contradicted" in finding.sentence
    assert not check_noise(lambda x: x + right(x.shape), 3.0, sigma=1.0).rejected


def test_false_alarms_are_as_rare_as_stated() -> None:
    alarms = sum(
        check_noise(
            lambda x: x + right(x.shape), VALUE, sigma=1.0, calls=200, significance=0.05
        ).rejected
        for _ in range(150)
    )
    assert alarms <= 20  # expected at most 7.5; above 20 with a chance below 1e-4


def test_the_stated_power_is_reached() -> None:
    ratio = float(check_noise(lambda x: x + right(x.shape), VALUE, sigma=1.0).detects.split()[2])
    caught = sum(
        check_noise(lambda x: x + right(x.shape) * ratio, VALUE, sigma=1.0).rejected
        for _ in range(60)
    )
    assert caught >= 55


def clipped(at: float) -> Callable[[list[np.ndarray]], np.ndarray]:
    def total(data: list[np.ndarray]) -> np.ndarray:
        parts = [x * min(1.0, at / float(np.linalg.norm(x))) for x in data]
        return np.sum(parts, axis=0) + right((3,))

    return total


NEAR = [np.full(3, 0.1)] * 3
FAR = [*NEAR, np.full(3, 9.0)]


def test_wrong_sensitivity_is_rejected() -> None:
    assert not check_sensitivity(clipped(1.0), NEAR, FAR, sensitivity=1.0).rejected
    assert check_sensitivity(clipped(2.0), NEAR, FAR, sensitivity=1.0).rejected
    assert check_sensitivity(len, NEAR, FAR, sensitivity=0.5, calls=40).rejected
    assert not check_sensitivity(len, NEAR, FAR, sensitivity=1.0, calls=40).rejected


def test_an_attack_stays_below_the_claim_and_above_a_false_one() -> None:
    claimed = gaussian.epsilon_for(1.0, delta=1e-5)
    honest = distinguish(clipped(1.0), NEAR, FAR, delta=1e-5)
    assert 0 < honest.epsilon < claimed
    assert not honest.contradicts(claimed)
    assert distinguish(clipped(6.0), NEAR, FAR, delta=1e-5, calls=4000).contradicts(claimed)
    assert distinguish(clipped(1.0), NEAR, NEAR, delta=1e-5).epsilon < 0.5


def test_look_alikes_of_poisson_sampling_are_rejected() -> None:
    def verdict(batches: list[np.ndarray]) -> tuple[str, ...]:
        return check_sampling(batches, records=400, rate=0.05).failed

    def drawn(rate: float) -> list[np.ndarray]:
        return [np.flatnonzero(rng.random(400) < rate) for _ in range(400)]

    assert verdict(drawn(0.05)) == ()
    assert "rate" in verdict(drawn(0.056))
    assert "batch sizes" in verdict([rng.choice(400, 20, replace=False) for _ in range(400)])
    shuffled = [part for _ in range(20) for part in np.split(rng.permutation(400), 20)]
    assert "records' counts" in verdict(shuffled)
    assert "successive batches" in verdict(drawn(0.05)[:1] * 400)
    assert "records twice in a batch" in verdict([rng.integers(0, 400, 20) for _ in range(400)])


def test_what_is_out_of_range_is_named() -> None:
    with pytest.raises(ValueError, match="sigma"):
        check_noise(lambda x: x, 0.0, sigma=0.0)
    with pytest.raises(ValueError, match="shape"):
        check_noise(lambda x: np.zeros(3), 0.0, sigma=1.0)
    with pytest.raises(ValueError, match="calls"):
        check_sensitivity(len, NEAR, FAR, sensitivity=1.0, calls=3)
