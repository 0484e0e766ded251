# SPDX-License-Identifier: Apache-2.0
"""The schedule: the least noise within a budget, and what it costs step by step."""

from __future__ import annotations

import math

import pytest

from polyveil.errors import NotPrivate
from polyveil.learn.schedule import schedule


def test_all_steps_together_stay_within_the_target_and_use_it() -> None:
    made = schedule(10_000, batch_size=500, epochs=10, epsilon=3.0, delta=1e-5)
    assert made.steps == 200 and math.isclose(made.rate, 0.05)
    assert 2.9 < made.epsilon(made.steps) <= 3.0
    assert made.epsilon(0) == 0.0 < made.epsilon(10) < made.epsilon(100)


def test_delta_defaults_to_a_tenth_of_one_record() -> None:
    assert schedule(100, batch_size=10, epochs=1, noise_multiplier=1.0).delta == 1e-5
    many = schedule(10**6, batch_size=10, epochs=1, noise_multiplier=1.0)
    assert math.isclose(many.delta, 1e-7)


def test_without_noise_nothing_is_promised() -> None:
    made = schedule(100, batch_size=10, epochs=1, noise_multiplier=0.0)
    assert made.epsilon(0) == 0.0 and made.epsilon(1) == math.inf


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"batch_size": 200, "epsilon": 1.0}, "batch_size <= number of records"),
        ({}, "got both or neither"),
        ({"epsilon": 1.0, "noise_multiplier": 1.0}, "got both or neither"),
        ({"epsilon": math.nan}, "epsilon"),
    ],
)
def test_what_cannot_be_is_refused(settings: dict[str, float], message: str) -> None:
    with pytest.raises(NotPrivate, match=message):
        schedule(100, **{"batch_size": 10, "epochs": 1, **settings})
