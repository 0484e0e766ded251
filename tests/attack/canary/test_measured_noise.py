# SPDX-License-Identifier: Apache-2.0
"""Noise and rate as seen: right ones pass, wrong ones do not."""

from __future__ import annotations

import numpy as np
import pytest

from polyveil.attack.canary import TrainingFacts
from polyveil.attack.canary.measured import measure

STATED = TrainingFacts(1.8, 0.06, 60, 1e-5)


def _seen(noise: float, rate: float, seed: int):
    draw = np.random.default_rng(seed)
    included = draw.random(300) < 0.5
    sampled = ((draw.random((60, 300)) < rate) & included).astype(np.int64)
    return sampled + noise * draw.standard_normal((60, 300)), sampled, included


def test_the_right_training_is_left_alone() -> None:
    kept = [measure(*_seen(1.8, 0.06, seed)).facts(STATED) == STATED for seed in range(200)]
    assert np.mean(kept) >= 0.98


@pytest.mark.parametrize(("noise", "rate"), [(0.9, 0.06), (1.8, 0.12), (0.18, 0.6)])
def test_a_worse_one_is_taken_as_it_is(noise: float, rate: float) -> None:
    facts = measure(*_seen(noise, rate, 1)).facts(STATED)
    assert facts.epsilon() > 1.2 * STATED.epsilon()


def test_more_noise_and_fewer_samples_accuse_nobody() -> None:
    assert measure(*_seen(4.0, 0.03, 1)).facts(STATED) == STATED


def test_no_noise_at_all_is_seen() -> None:
    found = measure(*_seen(0.0, 0.06, 1))
    assert found.noise_multiplier is not None
    assert found.noise_multiplier.high == 0.0
    assert found.facts(STATED).epsilon() == float("inf")


def test_too_few_samples_say_nothing_about_noise() -> None:
    scores, sampled, included = _seen(1.8, 0.06, 1)
    assert measure(scores, np.zeros_like(sampled), included).noise_multiplier is None


@pytest.mark.parametrize(("rate", "canaries"), [(0.05, 300), (0.5, 200), (0.02, 1000)])
def test_samples_of_their_own_are_not_taken_for_shared(rate: float, canaries: int) -> None:
    draw = np.random.default_rng(0)
    sampled = (draw.random((120, canaries)) < rate).astype(np.int64)
    scores = draw.normal(size=sampled.shape) + 5 * sampled
    assert measure(scores, sampled, np.ones(canaries, dtype=bool)).sharing == 1


def test_releases_of_one_sample_are_counted_together() -> None:
    draw = np.random.default_rng(1)
    sampled = np.tile((draw.random((40, 300)) < 0.1).astype(np.int64), (3, 1))
    seen = measure(draw.normal(size=sampled.shape) + sampled, sampled, np.ones(300, dtype=bool))
    assert seen.sharing == 3
    assert seen.samples(120) == 40


def test_whole_batches_share_nothing_that_could_be_told() -> None:
    sampled = np.ones((20, 50), dtype=np.int64)
    assert measure(np.ones((20, 50)), sampled, np.ones(50, dtype=bool)).sharing == 1


@pytest.mark.parametrize("kept", [1.0, 0.999])
def test_noise_that_is_used_again_promises_nothing(kept: float) -> None:
    """Also where it is not the same to the last bit, as under thresholds that move."""
    draw = np.random.default_rng(2)
    _, sampled, included = _seen(1.8, 0.06, 2)
    fresh = draw.standard_normal((60, 300))
    fresh[40:] = kept * fresh[39] + np.sqrt(1 - kept**2) * fresh[40:]
    seen = measure(sampled + 1.8 * fresh, sampled, included)
    assert seen.same_noise == 21
    assert seen.facts(STATED).epsilon() == float("inf")


def test_noise_of_its_own_is_not_taken_for_shared() -> None:
    for seed in range(20):
        assert measure(*_seen(1.8, 0.06, seed)).same_noise == 1
    few = np.random.default_rng(0).normal(size=(5, 8))
    assert measure(few, np.zeros((5, 8), np.int64), np.zeros(8, dtype=bool)).same_noise == 1
