# SPDX-License-Identifier: Apache-2.0
"""The audit of small private trainings: the right one is left alone, planted faults are caught."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from polyveil.attack.canary.claim import TrainingFacts
from polyveil.attack.canary.evidence import OneRunEvidence
from polyveil.attack.canary.one_run import OneRunAudit, enough_canaries
from polyveil.attack.canary.work import WorkProcedure, audit_work
from polyveil.attack.protocol import carry_out
from polyveil.learn import clipper
from polyveil.learn.labelled import Labelled
from polyveil.learn.noise import SecretNoise
from polyveil.learn.plan import DataPlan, ModelPlan, Plan, PrivacyPlan, TrainingPlan
from polyveil.learn.work import Work


def _work(models: int = 1, *, epochs: int = 8, batch: int = 24, **privacy: object) -> Work:
    draw = np.random.default_rng(0)
    train = Labelled(
        draw.integers(0, 256, (240, 1, 8, 8)).astype(np.uint8),
        draw.integers(0, 3, 240),
        ("a", "b", "c"),
    )
    plan = Plan(
        DataPlan(Path("nowhere"), validation=0.0),
        PrivacyPlan(**{"epsilon": 1.0, **privacy}),  # type: ignore[arg-type]
        (ModelPlan("cnn", {"widths": (8,), "hidden": 0}),) * models,
        training=TrainingPlan(epochs=epochs, batch_size=batch, physical_batch=64),
    )
    return Work.of(plan, train, None, bytes(32))


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def test_the_right_run_is_not_accused() -> None:
    state = torch.get_rng_state()
    result, check = audit_work(_work(), canaries=300, seed=1)
    assert torch.equal(state, torch.get_rng_state())
    assert check.verdict == "not refuted"
    assert check.could_refute
    assert check.steps == check.of_steps == 80
    assert result.verdict in {"none detected", "inconclusive"}
    assert all(guard.passed for guard in result.guards)
    assert {guard.name for guard in result.guards} == {
        "fair coins",
        "canaries took part",
        "null control",
        "positive control",
    }
    assert "<table>" in result._repr_html_()


def test_missing_noise_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("polyveil.learn.mechanism.ClippedGaussian._shares", lambda self: (0.0, 0.0))
    result, check = audit_work(_work(), canaries=300, seed=1)
    assert check.refuted_by == ("accountant", "attack")
    assert result.verdict == "leak demonstrated"


def test_missing_clipping_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clipper, "clip_weights", lambda norms, threshold: torch.ones_like(norms))
    _, check = audit_work(_work(), canaries=300, seed=1)
    assert check.refuted_by == ("accountant", "attack")


def test_noise_used_twice_is_caught_by_differences_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    fresh = SecretNoise.stream
    monkeypatch.setattr(
        SecretNoise, "stream", lambda self, _, name, count: fresh(self, "once", name, count)
    )
    work = _work()
    audit = OneRunAudit(1.0, WorkProcedure(work).facts, canaries=300, seed=1)
    evidence = audit.attempt(WorkProcedure(work))
    released, differences = audit.bounds(evidence)
    assert not released.contradicts(1.0)
    assert differences.contradicts(1.0)
    assert audit.check(evidence).verdict == "refuted"


def test_an_accountant_that_was_told_less_is_caught() -> None:
    work = _work()
    _, check = audit_work(work, claimed=work.plan.privacy.epsilon / 2, canaries=100, seed=1)
    assert check.refuted_by == ("accountant",)


def test_private_thresholds_do_not_hide_the_marks() -> None:
    """Thresholds follow the records' norms; marks share their layer's, so they stay as loud."""
    work = _work(thresholds="quantile", epochs=4)
    audit = OneRunAudit(1.0, WorkProcedure(work).facts, canaries=300, seed=1)
    evidence = audit.attempt(WorkProcedure(work))
    assert audit.check(evidence).verdict == "not refuted"
    assert all(guard.passed for guard in audit.guards(evidence))
    seen = evidence.measured()
    assert seen is not None
    assert seen.noise_multiplier is not None
    assert seen.noise_multiplier.low < 2 * audit.facts.noise_multiplier


def test_two_networks_and_views_and_flat_clipping_are_one_claim() -> None:
    work = _work(2, epochs=1, clipping="flat")
    work = replace(work, plan=replace(work.plan, training=replace(work.plan.training, augment=2)))
    result, check = audit_work(work, canaries=100, seed=1)
    assert check.steps == check.of_steps == 20
    assert check.recomputed == pytest.approx(1.0, rel=0.01)
    assert result.guards


def test_less_time_is_a_smaller_claim_and_is_said() -> None:
    _, check = audit_work(_work(), canaries=100, seconds=0.0, seed=1)
    assert check.steps is not None
    assert check.of_steps == 80
    assert check.steps < 80
    assert check.claimed < 1.0
    assert "of 80 steps" in check.statement


def _evidence(lift: float) -> OneRunEvidence:
    draw = np.random.default_rng(5)
    included = draw.random(500) < 0.5
    sampled = ((draw.random((60, 500)) < 0.1) & included).astype(np.int64)
    scores = lift * sampled + draw.standard_normal((60, 500))
    moved = np.diff(scores, axis=0, prepend=0.0) / np.sqrt(2)
    return OneRunEvidence(scores, moved, included, 0.1, 60, 60, sampled)


def test_a_weak_twin_makes_the_verdict_inconclusive() -> None:
    """The guard works: an attacker who finds nothing without noise proves nothing with it."""
    audit = OneRunAudit(1.0, TrainingFacts(1.1, 0.1, 60, 1e-5), canaries=500)
    blind = replace(_evidence(0.0), twin=_evidence(0.0))
    result = audit.analyse(blind)
    assert not next(guard for guard in result.guards if guard.name == "positive control").passed
    assert result.verdict == "inconclusive"


def test_a_null_control_that_finds_something_takes_the_accusation_back() -> None:
    """The guard works: coins that leaked into the scores are found without any canary."""
    audit = OneRunAudit(1.0, TrainingFacts(1.1, 0.1, 60, 1e-5), canaries=500)
    result = audit.analyse(replace(_evidence(6.0), null=_evidence(6.0)))
    assert result.shown
    assert result.verdict == "inconclusive"


def test_carried_out_it_is_timed() -> None:
    class Kept:
        def watch(self, *, canaries: int, seed: int, seconds: float | None) -> OneRunEvidence:
            return _evidence(0.0)

    audit = OneRunAudit(1.0, TrainingFacts(1.1, 0.1, 60, 1e-5), canaries=500)
    assert carry_out(audit, Kept()).effort.seconds > 0


def test_larger_claims_ask_for_more_canaries() -> None:
    counts = [enough_canaries(claim, delta=1e-6, most=10000) for claim in (0.5, 3.0, 5.0)]
    assert counts == sorted(counts)
    assert counts[0] == 500 < counts[-1]
    assert enough_canaries(3.0, delta=1e-6, most=80) == 80
