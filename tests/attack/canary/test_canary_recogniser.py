# SPDX-License-Identifier: Apache-2.0
"""The one-run audit of a recogniser: right runs stand, planted faults fall, records learn alike."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "learn"))

from small_people import SHAPES, people, plan  # noqa: E402

from polyveil.attack.canary import recogniser as module  # noqa: E402
from polyveil.attack.canary.claim import ClaimCheck  # noqa: E402
from polyveil.attack.canary.evidence import OneRunEvidence  # noqa: E402
from polyveil.attack.canary.marks import NAME  # noqa: E402
from polyveil.attack.canary.one_run import OneRunAudit  # noqa: E402
from polyveil.attack.canary.recogniser import RecogniserProcedure  # noqa: E402
from polyveil.attack.canary.work import audit_work, procedure_of  # noqa: E402
from polyveil.errors import NotPrivate  # noqa: E402
from polyveil.learn import clipper  # noqa: E402
from polyveil.learn.objective import objective  # noqa: E402
from polyveil.learn.private import PrivateTraining  # noqa: E402
from polyveil.learn.run import optimizer  # noqa: E402
from polyveil.learn.work import Work  # noqa: E402

CANARIES, STEPS = 300, 16
SIZES = {"width": 8, "widths": [8], "vae_widths": [8], "latent": 1, "sequence_vae_widths": [8]}
Fault = Callable[[PrivateTraining], None]


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def work(epsilon: float | None = 1.0, **privacy: Any) -> Work:
    """STEPS steps on 160 records, of whom some lack a modality."""
    asked = plan(
        model=SIZES,
        privacy={"mode": "sound", "epsilon": epsilon, **privacy},
        training={"epochs": 4, "batch_size": 40},
    )
    return Work.of(asked, people(8, 20), None, bytes(32))


def procedure(epsilon: float = 1.0, **privacy: Any) -> RecogniserProcedure:
    found = procedure_of(work(epsilon, **privacy))
    assert isinstance(found, RecogniserProcedure)
    return found


def seen(of: RecogniserProcedure, *, seed: int = 3) -> OneRunEvidence:
    """The audited training alone, without its controls."""
    made = of.canaries(CANARIES, seed)
    one = of.opened(1, made, of.records).watch(made, "audit", of.facts.steps, math.inf)
    return OneRunEvidence(
        one.scores, one.differences, made.included, of.facts.rate, len(one.scores),
        of.facts.steps, one.sampled,
    )  # fmt: skip


def checked(of: RecogniserProcedure, epsilon: float) -> ClaimCheck:
    return OneRunAudit(epsilon, of.facts, CANARIES).check(seen(of))


def test_a_right_run_is_not_accused() -> None:
    settled, state = work(1.0), torch.get_rng_state()
    result, check = audit_work(settled, canaries=CANARIES, seed=2)
    assert torch.equal(state, torch.get_rng_state())
    assert check.verdict == "not refuted" and check.could_refute
    assert check.recomputed == pytest.approx(1.0, rel=0.01)
    assert check.steps == check.of_steps == settled.schedule.steps == STEPS
    assert all(guard.passed for guard in result.guards), result.guards


@pytest.mark.parametrize(("epsilon", "clipping"), [(2.0, "per-layer"), (8.0, "flat")])
def test_noise_and_rate_are_seen_as_they_are(epsilon: float, clipping: str) -> None:
    """That no canary pulls more than the guarantee allows, nor less than it can."""
    of = procedure(epsilon, clipping=clipping)
    measured = seen(of).measured()
    assert measured is not None and measured.noise_multiplier is not None
    assert measured.facts(of.facts) == of.facts
    assert measured.rate.low <= of.facts.rate <= measured.rate.high
    stated = of.facts.noise_multiplier
    assert measured.noise_multiplier.low <= stated <= measured.noise_multiplier.high
    assert (measured.sharing, measured.same_noise) == (1, 1)


def _without_noise(private: Any) -> None:
    private._mechanism._schedule = replace(private.schedule, noise_multiplier=0.0)


def _half_the_noise(private: Any) -> None:
    half = private.schedule.noise_multiplier / 2
    private._mechanism._schedule = replace(private.schedule, noise_multiplier=half)


def _the_same_noise(private: Any) -> None:
    stream = private._noise.stream
    private._noise.stream = lambda _, name, count: stream("once", name, count)


def _autoencoders_without_noise(private: Any) -> None:
    """As where the loss that rebuilds the inputs were left out of what is noised."""
    mechanism, batch = private._mechanism, private.schedule.expected_batch
    release = mechanism.release
    theirs = [one for name, one in private.model.named_parameters() if "coders." in name]

    def faulty(step: int) -> dict[torch.nn.Parameter, torch.Tensor]:
        exact = {one: mechanism._sum_of(one).clone() / batch for one in theirs}
        return {**release(step), **exact}

    mechanism.release = faulty


@pytest.mark.parametrize(
    ("fault", "by"),
    [
        (_without_noise, {"accountant", "attack"}),
        (_the_same_noise, {"accountant", "attack"}),
        (_half_the_noise, {"accountant"}),
        (_autoencoders_without_noise, {"accountant", "attack"}),
    ],
)
def test_a_fault_of_the_noise_is_caught(
    fault: Fault, by: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _plant(fault, monkeypatch)
    assert by <= set(checked(procedure(1.0), 1.0).refuted_by)


def test_missing_clipping_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clipper, "clip_weights", lambda norms, threshold: torch.ones_like(norms))
    assert set(checked(procedure(1.0), 1.0).refuted_by) == {"accountant", "attack"}


def test_a_canary_has_every_modality_and_pulls_in_every_layer() -> None:
    of = procedure()
    made = replace(of.canaries(20, seed=1), included=np.ones(20, dtype=np.bool_))
    assert set(made.examples.inputs) == set(SHAPES)
    with torch.random.fork_rng():
        goal, marked, private, _ = of.opened(1, made, 20).training(made, "twin")
        owners = [one for one in goal.model.modules() if one._parameters]
        assert len(owners) == len(marked.marks) and all(NAME in one._parameters for one in owners)
        goal.begin(0.0)
        for rows in private.batches(1):
            private.backward(marked.losses(*rows))
    sampled = torch.from_numpy(marked.sampled() > 0)
    assert sampled.any() and not sampled.all()
    for mark in marked.marks:
        assert mark.grad is not None
        assert torch.equal(mark.grad[:, 0] != 0, sampled)


def test_records_are_learned_from_as_if_there_were_no_canaries() -> None:
    """Without noise and canaries a marked run makes the very steps that the run makes."""
    of = procedure()
    made = of.canaries(20, seed=1)
    nobody = replace(made, included=np.zeros_like(made.included))
    with torch.random.fork_rng():
        goal, marked, private, _ = of.opened(1, nobody, of.records).training(nobody, "twin")
        torch.manual_seed(7)
        goal.begin(0.0)
        for rows in private.batches(1):
            private.backward(marked.losses(*rows))
        found = {name: value.grad for name, value in goal.model.named_parameters()}
        settled = of.work
        torch.manual_seed(settled.plan.training.seed + 1)
        plain = objective(settled.plan.models[0], settled.train, settled.plan.training)
        same = module.engine(
            settled, plain.network, optimizer(plain.model, settled.plan.training), plain.rows,
            "twin", private._noise.secret, plain.views,
        )  # fmt: skip
        torch.manual_seed(7)
        plain.begin(0.0)
        for rows in same.batches(1):
            same.backward(plain.losses(*rows))
    for name, value in plain.model.named_parameters():
        assert value.grad is not None
        torch.testing.assert_close(found[name], value.grad, atol=1e-6, rtol=1e-4)


def test_canaries_stand_apart_from_records() -> None:
    """Their rows are those that the coins chose, behind the records that take part."""
    of = procedure()
    made = of.canaries(30, seed=5)
    with torch.random.fork_rng():
        _, _, private, _ = of.opened(1, made, 25).training(made, "audit")
    *_, labels, which = private._records._tensors or ()
    inside = np.flatnonzero(made.included)
    assert which.tolist() == [-1] * 25 + inside.tolist()
    assert labels[25:].tolist() == made.examples.labels[inside].tolist()
    assert private.schedule.rate == pytest.approx(of.facts.rate)


def test_an_audit_ends_when_its_time_is_up() -> None:
    of = procedure()
    made = of.canaries(20, seed=0)
    found = of.opened(1, made, 20).watch(made, "audit", STEPS, -math.inf)
    assert len(found.scores) == 1


def test_a_run_without_a_promise_has_no_claim() -> None:
    silent = Work.of(plan(), people(), None, bytes(32))
    with pytest.raises(NotPrivate, match="no claim"):
        procedure_of(silent)


def _plant(fault: Fault, patch: pytest.MonkeyPatch) -> None:
    """Into the engine, before its first step."""
    right = module.engine

    def faulty(*args: Any) -> PrivateTraining:
        made = right(*args)
        fault(made)
        return made

    patch.setattr(module, "engine", faulty)
