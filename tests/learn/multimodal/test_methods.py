# SPDX-License-Identifier: Apache-2.0
"""What every method keeps to: one interface, the same promise, missing modalities, no surprise."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from two_strengths import SECRET, SMALL, records

from polyveil.errors import NotPrivate, UsageError
from polyveil.learn.modalities import Multimodal
from polyveil.learn.multimodal import (
    Alternating,
    Budget,
    Joint,
    Late,
    Method,
    Modulated,
    Options,
    Trained,
    predict,
    train,
)
from polyveil.learn.multimodal.paths import Path

METHODS = [Alternating(), Joint(), Joint("mean"), Late(), Modulated()]
PROMISE = Budget(epsilon=6.0)
every_method = pytest.mark.parametrize("method", METHODS, ids=lambda one: f"{one.name}-{one.head}")
both = pytest.mark.parametrize("budget", [None, PROMISE], ids=["plain", "private"])


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def trained(
    method: Method, data: Multimodal, budget: Budget | None = None, **options: object
) -> Trained:
    settings = Options(**({"epochs": 2, "batch_size": 60} | options))
    return train(method, data, settings, budget=budget, network=SMALL, secret=SECRET)


def weights(one: Trained) -> torch.Tensor:
    return torch.nn.utils.parameters_to_vector(one.model.parameters()).detach()


@every_method
def test_it_learns_with_and_without_a_promise(method: Method) -> None:
    data = records(900, missing=0.1)
    for budget, least in ((None, 0.7), (Budget(epsilon=8.0), 0.55)):
        found = trained(method, data, budget, epochs=5, learning_rate=0.01)
        assert predict(found.model, records(300)).accuracy > least
        assert (found.guarantee is None) == (budget is None) == (found.no_guarantee is not None)


@every_method
@both
def test_the_same_arguments_give_the_same_weights(method: Method, budget: Budget | None) -> None:
    state = torch.random.get_rng_state()
    first, again = (trained(method, records(), budget) for _ in range(2))
    assert torch.equal(weights(first), weights(again))
    assert torch.equal(torch.random.get_rng_state(), state)
    assert not torch.equal(weights(first), weights(trained(method, records(), budget, seed=1)))


@every_method
@both
def test_what_stands_in_for_a_missing_modality_leaves_no_trace(
    method: Method, budget: Budget | None
) -> None:
    data = records(missing=0.4)
    found = trained(method, data, budget)
    for standing in (7.0, np.nan):
        other = {
            name: np.where(data.present[:, [at]], values, standing).astype(np.float32)
            for at, (name, values) in enumerate(data.inputs.items())
        }
        changed = replace(data, inputs=other)
        assert torch.equal(weights(found), weights(trained(method, changed, budget)))
        answers = [predict(found.model, one).together for one in (data, changed)]
        assert np.isfinite(answers[0]).all() and np.array_equal(*answers)


@every_method
def test_all_releases_are_within_the_budget(method: Method) -> None:
    found = trained(method, records(), PROMISE)
    assert found.guarantee is not None and 5.9 < found.guarantee.epsilon <= 6.0
    apart = isinstance(method, Alternating | Late)
    assert found.rounds.releases == (2 if apart else 1)
    assert any("charged" in one for one in found.remarks) == (not isinstance(method, Joint))


def test_apart_means_that_no_modality_moves_another() -> None:
    data = records()
    other = replace(data, inputs={**data.inputs, "faint": data.inputs["faint"][::-1].copy()})
    for budget in (None, PROMISE):
        found, changed = (trained(Late(), one, budget).model for one in (data, other))
        for part in ("encoder_of", "head_of"):
            for name, same in (("strong", True), ("faint", False)):
                pair = [
                    torch.nn.utils.parameters_to_vector(getattr(model, part)(name).parameters())
                    for model in (found, changed)
                ]
                assert torch.equal(*pair) == same


def test_modalities_draw_their_samples_apart_under_a_promise_and_together_without(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    original, seen = Path.losses, []

    def spied(self: Path, values: torch.Tensor, *rest: torch.Tensor) -> object:
        seen.append(set(rest[1].tolist()))
        return original(self, values, rest[0], rest[1] % 3)

    monkeypatch.setattr(Path, "losses", spied)
    data = records()
    numbered = replace(data, labels=np.arange(len(data)))
    for budget in (None, PROMISE):
        seen.clear()
        trained(Alternating(), numbered, budget)
        rounds = list(zip(seen[::2], seen[1::2], strict=True))
        overlap = [len(a & b) / len(a | b) for a, b in rounds]
        assert min(overlap) == 1.0 if budget is None else max(overlap) < 0.5


def test_rounds_are_told_and_the_model_is_ready() -> None:
    seen = []
    found = train(
        Joint(), records(), Options(epochs=1, batch_size=60), network=SMALL,
        after_round=lambda number, model: seen.append(number),
    )  # fmt: skip
    assert seen == [1, 2, 3, 4] and not found.model.training
    assert all(one.grad is None for one in found.model.parameters())


def test_without_a_secret_the_noise_is_new() -> None:
    options = Options(epochs=1, batch_size=60)
    first, again = (
        train(Joint(), records(), options, budget=PROMISE, network=SMALL) for _ in range(2)
    )
    assert not torch.equal(weights(first), weights(again))


@pytest.mark.parametrize("secret", [b"", b"short", bytes(33)])
@both
def test_a_secret_that_could_be_guessed_is_refused(secret: bytes, budget: Budget | None) -> None:
    """An empty one above all: noise must never follow from the public seed."""
    with pytest.raises(UsageError, match=f"secret: {len(secret)} bytes; expected 32"):
        train(Late(), records(), Options(batch_size=60), budget=budget, secret=secret)


def test_settings_are_refused_by_name() -> None:
    with pytest.raises(UsageError, match="optimizer: 'lion'"):
        Options(optimizer="lion")
    with pytest.raises(UsageError, match="momentum"):
        Options(momentum=1.0)
    with pytest.raises(UsageError, match="fusion: 'gate'"):
        Joint("gate")
    with pytest.raises(NotPrivate, match="batch_size <= number"):
        trained(Late(), records(), PROMISE, batch_size=500)
    model = trained(Joint(), records()).model
    data = records()
    swapped = replace(data, inputs=dict(reversed(data.inputs.items())))
    with pytest.raises(UsageError, match="in this order"):
        predict(model, swapped)
