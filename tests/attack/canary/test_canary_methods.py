# SPDX-License-Identifier: Apache-2.0
"""The one-run audit of learning from several modalities: right runs stand, planted faults fall."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from polyveil.attack.canary.controlled import own_secret
from polyveil.attack.canary.marks import NAME
from polyveil.attack.canary.methods import MethodProcedure, audit_method
from polyveil.attack.canary.work import audit_work, procedure_of
from polyveil.errors import NotPrivate
from polyveil.learn.modalities import Multimodal
from polyveil.learn.multimodal import (
    Alternating,
    Budget,
    Joint,
    Late,
    MeanProjection,
    Method,
    Modulated,
    Options,
    SubspaceProjection,
)
from polyveil.learn.multimodal.accounting import plan_rounds
from polyveil.learn.multimodal.method import Setting
from polyveil.learn.multimodal.steps import Steps
from polyveil.learn.plan import DataPlan, ModelPlan, Plan, PrivacyPlan, TrainingPlan
from polyveil.learn.work import Work

METHODS: tuple[Method, ...] = (
    Alternating(),
    Alternating(SubspaceProjection()),
    Joint(),
    Late(),
    Modulated(),
)
OPTIONS = Options(epochs=6, batch_size=30, optimizer="sgd", learning_rate=0.5)
SIZES = {"channels": (8, 8), "width": 8}
CANARIES = 300


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def records() -> Multimodal:
    """Some lack a modality."""
    draw = np.random.default_rng(3)
    present = np.ones((200, 2), dtype=bool)
    present[:20, 0], present[20:40, 1] = False, False
    inputs = {
        "sound": draw.normal(size=(200, 6)).astype(np.float32) * present[:, :1],
        "steps": draw.normal(size=(200, 4, 3)).astype(np.float32) * present[:, 1:, None],
    }
    return Multimodal(inputs, present, draw.integers(0, 3, 200), ("a", "b", "c"))


@pytest.mark.parametrize("method", METHODS, ids=lambda one: one.name)
def test_a_right_run_is_not_accused(method: Method, records: Multimodal) -> None:
    state = torch.get_rng_state()
    result, check = audit_method(
        method,
        records,
        OPTIONS,
        Budget(epsilon=1.0),
        network=SIZES,
        canaries=CANARIES,
        seed=2,
    )
    assert torch.equal(state, torch.get_rng_state())
    assert check.verdict == "not refuted"
    assert check.could_refute
    assert check.steps == check.of_steps == 40 * method.releases(2)
    assert all(guard.passed for guard in result.guards), result.guards


def test_noise_and_rate_are_seen_as_they_are(records: Multimodal) -> None:
    """Of every modality's releases together: a check that canaries pull as hard as is allowed."""
    procedure = _procedure(Alternating(), records, epsilon=4.0)
    evidence = procedure.watch(canaries=CANARIES, seed=5, seconds=None)
    seen = evidence.measured()
    assert seen is not None and seen.noise_multiplier is not None
    assert seen.rate.low <= procedure.facts.rate <= seen.rate.high
    stated = procedure.facts.noise_multiplier
    assert seen.noise_multiplier.low <= stated <= seen.noise_multiplier.high


def test_a_round_that_is_charged_once_is_refuted(records: Multimodal) -> None:
    """The naive accounting, which the published description suggests."""
    naive = plan_rounds(len(records), batch_size=30, epochs=6, releases=1, epsilon=2.0)
    _, check = audit_method(
        Alternating(),
        records,
        OPTIONS,
        Budget(noise_multiplier=naive.noise_multiplier),
        network=SIZES,
        claimed=2.0,
        canaries=CANARIES,
    )
    assert "accountant" in check.refuted_by
    assert check.recomputed is not None and check.recomputed > 2.5


def _without_noise(steps: Steps) -> None:
    engine: Any = steps._engine
    engine._mechanism._schedule = replace(engine.schedule, noise_multiplier=0.0)


@pytest.mark.parametrize("path", ["sound", "steps"])
def test_noise_missing_from_one_modality_is_caught(
    path: str, records: Multimodal, monkeypatch: pytest.MonkeyPatch
) -> None:
    _plant(path, _without_noise, monkeypatch)
    _, check = audit_method(
        Alternating(), records, OPTIONS, Budget(epsilon=1.0), network=SIZES, canaries=CANARIES
    )
    assert "attack" in check.refuted_by


def test_modalities_that_share_a_sample_cost_more_than_is_claimed(
    records: Multimodal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The accounting takes every release for a sample of its own."""
    steps = Setting.steps
    monkeypatch.setattr(Setting, "steps", lambda self, name, *rest: steps(self, "all alike", *rest))
    _, check = audit_method(
        Alternating(), records, OPTIONS, Budget(epsilon=2.0), network=SIZES, canaries=CANARIES
    )
    assert "accountant" in check.refuted_by


def _told_without_noise(steps: Steps) -> None:
    """The projection's mean feature leaves as it is, beside gradients that are noised."""
    engine: Any = steps._engine
    mechanism, probe = engine._mechanism, steps.path.probe
    assert isinstance(probe, nn.Module)
    release = mechanism.release

    def faulty(step: int) -> dict[nn.Parameter, Tensor]:
        exact = {one: mechanism._sum_of(one).clone() for one in probe.parameters()}
        released: dict[nn.Parameter, Tensor] = release(step)
        batch = engine.schedule.expected_batch
        return released | {one: total / batch for one, total in exact.items()}

    mechanism.release = faulty


def test_a_mean_feature_without_noise_is_caught(
    records: Multimodal, monkeypatch: pytest.MonkeyPatch
) -> None:
    _plant("sound", _told_without_noise, monkeypatch)
    _, check = audit_method(
        Alternating(), records, OPTIONS, Budget(epsilon=1.0), network=SIZES, canaries=CANARIES
    )
    assert "attack" in check.refuted_by


def test_a_canary_pulls_in_every_layer_of_every_path(records: Multimodal) -> None:
    procedure = _procedure(Alternating(MeanProjection()), records, epsilon=8.0)
    made = procedure.canaries(20, seed=1)
    setting = procedure.opened(1, made, 50)._setting(made, "audit")
    for _ in procedure.method.rounds(setting):
        break
    owners = [one for one in setting.model.modules() if one._parameters]
    assert all(NAME in one._parameters for one in owners)
    assert setting.seen.watched(0.0).scores.shape == (2, 20)


def test_an_audit_draws_from_a_stream_of_its_own() -> None:
    secrets = {own_secret(0, 1, "audit"), own_secret(0, 1, "twin"), own_secret(1, 1, "audit")}
    assert len(secrets) == 3


def test_a_plan_of_several_modalities_is_audited_with_its_own_noise(records: Multimodal) -> None:
    work = _work(records, "alternating")
    facts = procedure_of(work).facts
    assert facts.noise_multiplier == work.schedule.noise_multiplier
    assert facts.steps == work.noised_sums == 2 * work.schedule.steps
    _, check = audit_work(work, canaries=100, seconds=20.0)
    assert check.verdict == "not refuted"
    assert check.recomputed == pytest.approx(1.0, rel=0.01)


def test_a_plan_without_a_promise_has_no_claim(records: Multimodal) -> None:
    with pytest.raises(NotPrivate, match="no claim"):
        procedure_of(_work(records, "joint", mode="none", epsilon=None))


def _plant(path: str, fault: Callable[[Steps], None], patch: pytest.MonkeyPatch) -> None:
    """Into the engine of one path, before its first step."""
    steps = Setting.steps

    def faulty(
        self: Setting,
        name: str,
        of: nn.Module,
        rows: tuple[Tensor, ...],
        losses: Callable[..., Tensor],
    ) -> Steps:
        made = steps(self, name, of, rows, losses)
        if name == path:
            fault(made)
        return made

    patch.setattr(Setting, "steps", faulty)


def _procedure(method: Method, records: Multimodal, *, epsilon: float) -> MethodProcedure:
    rounds = plan_rounds(
        len(records), batch_size=30, epochs=6, releases=method.releases(2), epsilon=epsilon
    )
    return MethodProcedure(method, records, OPTIONS, Budget(epsilon=epsilon), rounds, SIZES)


def _work(records: Multimodal, method: str, **privacy: Any) -> Work:
    plan = Plan(
        DataPlan(Path("nowhere"), validation=0.0, inputs={"sound": {}, "steps": {}}),
        PrivacyPlan(**{"epsilon": 1.0, **privacy}),
        (ModelPlan("multimodal", {"method": method, **SIZES}),),
        training=TrainingPlan(epochs=4, batch_size=20),
    )
    return Work.of(plan, records, None, bytes(32))
