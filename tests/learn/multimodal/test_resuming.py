# SPDX-License-Identifier: Apache-2.0
"""A training that is put on a disk and gone on with is the training that was never stopped."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from two_strengths import SECRET, SMALL, records

from polyveil.errors import UsageError
from polyveil.learn import choice
from polyveil.learn.checkpoint import read_checkpoint, write_checkpoint
from polyveil.learn.multimodal import (
    Alternating,
    Budget,
    HeadStep,
    Joint,
    Late,
    MeanProjection,
    Method,
    Modulated,
    Options,
    PublishedProjection,
    RandomProjection,
    SubspaceProjection,
    Training,
)
from polyveil.learn.multimodal.course import Course
from polyveil.learn.noise import NormalStream, SecretNoise
from polyveil.learn.threshold import PrivateQuantile

METHODS: dict[str, Method] = {
    "mean": Alternating(),
    "several means": Alternating(MeanProjection(horizon=3)),
    "all means": Alternating(MeanProjection(damping=0.1, horizon=None)),
    "subspace": Alternating(SubspaceProjection(rank=2)),
    "random": Alternating(RandomProjection()),
    "published": Alternating(PublishedProjection(applied=True)),
    "no projection": Alternating(None),
    "joint": Joint(),
    "joint, mean": Joint("mean"),
    "late": Late(),
    "OGM-GE": Modulated(),
}
PLANS = {
    "none, Adam": (None, "adam"),
    "none, momentum": (None, "sgd"),
    "private, Adam": (Budget(noise_multiplier=0.8, physical_batch=9), "adam"),
    "private, momentum, quantile": (
        Budget(noise_multiplier=0.8, thresholds=PrivateQuantile()),
        "sgd",
    ),
}
DATA = records(60, missing=0.1)
every_method = pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
every_plan = pytest.mark.parametrize(("budget", "optimizer"), PLANS.values(), ids=PLANS)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def training(
    method: Method,
    budget: Budget | None = None,
    optimizer: str = "adam",
    *,
    secret: bytes = SECRET,
    seen: list[HeadStep] | None = None,
) -> Training:
    options = Options(epochs=2, batch_size=20, optimizer=optimizer, weight_decay=0.01)
    steps = [] if seen is None else seen
    return Training(
        method, DATA, options, budget=budget, network=SMALL, secret=secret, watch=steps.append
    )


def weights(made: Training) -> torch.Tensor:
    return torch.nn.utils.parameters_to_vector(made.model.parameters()).detach()


def stopped(made: Training, after: int, path: Path) -> None:
    """As many rounds, then the state is on the disk and the process gone."""
    for done in made:
        if done == after:
            write_checkpoint(path, made.state_dict())
            return


def resumed(made: Training, path: Path) -> Training:
    state = read_checkpoint(path)
    assert state is not None
    made.load_state_dict(state)
    return made


@every_plan
@every_method
def test_stopped_and_gone_on_with_is_bit_for_bit_the_same(
    method: Method, budget: Budget | None, optimizer: str, tmp_path: Path
) -> None:
    seen: list[HeadStep] = []
    whole = training(method, budget, optimizer, seen=seen)
    rounds = whole.rounds.rounds
    assert list(whole) == list(range(1, rounds + 1)) and not whole.model.training
    again: list[HeadStep] = []
    before = torch.get_rng_state()
    stopped(training(method, budget, optimizer, seen=again), 2, tmp_path / "state")
    second = resumed(training(method, budget, optimizer, seen=again), tmp_path / "state")
    assert second.done == 2 and torch.equal(torch.get_rng_state(), before)
    # A state that is taken again before the next round is the same state.
    write_checkpoint(tmp_path / "state", second.state_dict())
    third = resumed(training(method, budget, optimizer, seen=again), tmp_path / "state")
    assert list(third) == list(range(3, rounds + 1))
    assert torch.equal(weights(third), weights(whole))
    assert third.trained().guarantee == whole.trained().guarantee
    for one, other in zip(seen, again, strict=True):
        assert (one.modality, one.preceding) == (other.modality, other.preceding)
        assert torch.equal(one.gradient, other.gradient)
        assert torch.equal(one.update, other.update)
        assert (one.protection is None) == (other.protection is None)
        if one.protection is not None and other.protection is not None:
            assert torch.equal(one.protection.matrix, other.protection.matrix)


@given(kills=st.lists(st.integers(1, 6), max_size=3))
@settings(max_examples=5, deadline=None)
def test_however_often_it_is_stopped(
    kills: list[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("kept") / "state"
    budget = Budget(noise_multiplier=0.8)
    whole = training(Joint(), budget)
    list(whole)
    made = training(Joint(), budget)
    for after in sorted(set(kills)):
        stopped(made, after, path)
        made = resumed(training(Joint(), budget), path)
    list(made)
    assert torch.equal(weights(made), weights(whole))


@every_method
def test_a_step_that_is_done_again_gets_no_second_noise(
    method: Method, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Occasions name the sums that are hidden: other sums or another step would be another one.

    Nor do gradients and counts of one step: from a noise that both bear, one would take it off.
    """
    drawn: list[tuple[bytes, str, str]] = []
    stream = SecretNoise.stream

    def listening(self: SecretNoise, occasion: int | str, name: str, count: int) -> NormalStream:
        drawn.append((self.secret, str(occasion), name))
        return stream(self, occasion, name, count)

    monkeypatch.setattr(SecretNoise, "stream", listening)
    budget = Budget(noise_multiplier=0.8, thresholds=PrivateQuantile())
    whole = training(method, budget)
    list(whole)
    once = list(drawn)
    assert len(set(once)) == len(once) == 2 * whole.rounds.rounds * whole.rounds.releases
    drawn.clear()
    made = training(method, budget)
    stopped(made, 2, tmp_path / "state")
    next(iter(made))  # a round that was released and not kept: it is done again
    list(resumed(training(method, budget), tmp_path / "state"))
    assert len(drawn) > len(once) and set(drawn) == set(once)


def test_another_trainings_state_is_refused(tmp_path: Path) -> None:
    budget = Budget(noise_multiplier=0.8)
    stopped(training(Late(), budget), 1, tmp_path / "state")
    others = [
        training(Late(), budget, secret=bytes(32)),
        training(Late(), replace(budget, noise_multiplier=0.9)),
        training(Late(), budget, "sgd"),
        training(Late()),
        training(Alternating(), budget),
        training(Joint(), budget),
    ]
    for other in others:
        with pytest.raises(UsageError, match="not of this training"):
            resumed(other, tmp_path / "state")
    state = read_checkpoint(tmp_path / "state")
    assert state is not None
    for older in ({}, {**state, "schema": "polyveil.multimodal-training/0"}):
        with pytest.raises(UsageError, match="not of this training"):
            training(Late(), budget).load_state_dict(older)


@pytest.mark.parametrize("budget", [None, Budget(noise_multiplier=0.8)])
def test_dropout_is_drawn_again_as_it_was(budget: Budget | None, tmp_path: Path) -> None:
    """Torch's global generator, whatever others did with it, and left as it was."""

    def dropping() -> Training:
        made = training(Late(), budget)
        for name in DATA.inputs:
            out = getattr(made.model.encoder_of(name), "out")  # noqa: B009 - no Module attribute
            out.append(nn.Dropout())
        torch.rand(3)
        return made

    whole, plain = dropping(), training(Late(), budget)
    list(whole)
    list(plain)
    assert not torch.equal(weights(whole), weights(plain))
    stopped(dropping(), 2, tmp_path / "state")
    before = torch.get_rng_state()
    second = resumed(dropping(), tmp_path / "state")
    torch.set_rng_state(before)
    list(second)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(weights(second), weights(whole))


def test_no_way_of_computing_is_chosen_by_a_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    def timed(*_: object) -> str:
        pytest.fail("a way was chosen by timing: a round done again might round otherwise")

    monkeypatch.setattr(choice, "_timed", timed)
    choice.forget()
    list(training(Alternating(), Budget(noise_multiplier=0.8)))


def test_a_course_lets_go_of_its_paths_at_the_end() -> None:
    made = training(Joint(), Budget(noise_multiplier=0.8))
    course = made._course
    assert isinstance(course, Course) and "forward" in course._steps[0].path.__dict__
    list(made)
    assert "forward" not in course._steps[0].path.__dict__
