# SPDX-License-Identifier: Apache-2.0
"""Every modality's step is a release. Charging a round once claims less than an attack finds."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from polyveil.errors import NotPrivate
from polyveil.learn.modalities import Multimodal
from polyveil.learn.multimodal import Alternating, Budget, Options, train
from polyveil.learn.multimodal.accounting import Rounds, plan_rounds
from polyveil.privacy import accountant, gaussian
from polyveil.privacy.tester import EpsilonBound, distinguish


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def naive_epsilon(rounds: Rounds) -> float:
    """A round charged once, as if one step looked at all modalities. Wrong; exists here only."""
    event = accountant.SampledGaussian(rounds.rate, rounds.noise_multiplier, rounds.rounds)
    return accountant.epsilon_spent([event], delta=rounds.delta)


@pytest.mark.parametrize("modalities", [2, 3])
def test_a_round_charged_once_claims_too_little(modalities: int) -> None:
    found = plan_rounds(
        5000, batch_size=250, epochs=10, releases=modalities, epsilon=2.0, delta=1e-5
    )
    assert found.events()[0].steps == modalities * found.rounds == modalities * 200
    assert 1.99 < found.epsilon() <= 2.0
    assert naive_epsilon(found) < (1.45 if modalities == 2 else 1.2)
    # Whoever chose the noise that way would spend more than was promised.
    careless = plan_rounds(5000, batch_size=250, epochs=10, releases=1, epsilon=2.0, delta=1e-5)
    spent = Rounds(5000, careless.rate, 200, modalities, careless.noise_multiplier, 1e-5)
    assert spent.epsilon() > 2.8


def test_samples_of_their_own_cost_less_than_one_for_all_modalities() -> None:
    """One sample for M steps is a sampled Gaussian of z / sqrt(M); by both accountants."""
    apart = [accountant.SampledGaussian(0.05, 1.0, 400)]
    together = [accountant.SampledGaussian(0.05, 1.0 / math.sqrt(2), 200)]
    for count in (accountant.epsilon_spent, accountant.epsilon_by_rdp):
        assert count(apart, delta=1e-5) < count(together, delta=1e-5)


MODALITIES, DELTA, CALLS = 8, 0.05, 160
CLAIMED = gaussian.epsilon_for(1.5, delta=DELTA)
"""Of one release of everybody under a noise multiplier of 1.5: what naive accounting says."""


def released(loud: bool, noise_multiplier: float, calls: int) -> NDArray[np.float64]:
    """Everything that rounds of alternating training release, [calls, numbers].

    Three records; the second one has all modalities, or none, which leaves no trace.
    """
    present = np.ones((3, MODALITIES), bool)
    blank = np.zeros_like(present)
    blank[1] = True
    values = np.array([[0.1], [1.0], [0.2]], np.float32)
    inputs = {f"m{at}": values for at in range(MODALITIES)}
    data = Multimodal(inputs, present, np.zeros(3, np.int64), ("a", "b"))
    if not loud:
        object.__setattr__(data, "present", present & ~blank)
    heads: list[torch.Tensor] = []
    rows: list[NDArray[np.float64]] = []

    def round_done(number: int, model: torch.nn.Module) -> None:
        inside = [p.grad.flatten() for n, p in model.named_parameters() if "encoder" in n]
        rows.append(torch.cat([*heads, *inside]).double().numpy())
        heads.clear()

    still = Options(epochs=calls, batch_size=3, optimizer="sgd", learning_rate=1e-30, momentum=0)
    train(
        Alternating(None), data, still,
        # So small a bound that the record's gradient reaches it in every layer.
        budget=Budget(noise_multiplier=noise_multiplier, thresholds=1e-4),
        network={"width": 1}, secret=bytes([loud]) * 32, after_round=round_done,
        watch=lambda step: heads.append(step.gradient.flatten()),
    )  # fmt: skip
    return np.stack(rows)


def attacked(noise_multiplier: float) -> EpsilonBound:
    """The attacker knows all records but one, hence the direction in which that one pulls."""
    pull = (released(True, 1e-6, 1) - released(False, 1e-6, 1))[0]
    told = {
        name: iter(released(name == "loud", noise_multiplier, CALLS) @ pull)
        for name in ("blank", "loud")
    }
    return distinguish(lambda name: [next(told[name])], "blank", "loud", delta=DELTA, calls=CALLS)


def test_an_attack_finds_more_than_one_charge_and_no_more_than_all() -> None:
    found = attacked(1.5)
    assert found.contradicts(CLAIMED)
    true = gaussian.epsilon_for(1.5 / math.sqrt(MODALITIES), delta=DELTA)
    assert CLAIMED < found.epsilon < true
    event = accountant.SampledGaussian(1.0, 1.5, MODALITIES)
    assert accountant.epsilon_spent([event], delta=DELTA) == pytest.approx(true, rel=1e-6)


def test_a_guarantee_says_for_whom_and_about_what() -> None:
    found = plan_rounds(1000, batch_size=100, epochs=5, releases=2, epsilon=3.0)
    promise = found.guarantee()
    assert promise is not None and promise.epsilon <= 3.0 and promise.delta == found.delta == 1e-5
    assert promise.unit == "record with all its modalities"
    assert any("temperatures" in one for one in promise.not_covered)
    assert found.epsilon(rounds=10) < 0.7 * found.epsilon()
    assert found.schedule.steps == found.rounds == 50


def test_without_noise_there_is_nothing_to_charge_and_no_guarantee() -> None:
    found = plan_rounds(1000, batch_size=100, epochs=5, releases=2, noise_multiplier=0.0)
    assert found.guarantee() is None and found.epsilon() == math.inf
    with pytest.raises(NotPrivate, match="no event"):
        found.events()


def test_what_cannot_be_met_is_refused() -> None:
    with pytest.raises(NotPrivate, match="batch_size <= number"):
        plan_rounds(50, batch_size=100, epochs=5, releases=2, epsilon=1.0)
    with pytest.raises(NotPrivate, match="both or neither"):
        plan_rounds(500, batch_size=100, epochs=5, releases=2)
    with pytest.raises(NotPrivate, match="both or neither"):
        Budget(epsilon=1.0, noise_multiplier=1.0)
