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
