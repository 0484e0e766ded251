# SPDX-License-Identifier: Apache-2.0
"""A recogniser in the loop of `polyveil train`: with and without a budget, through kills."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from small_people import people, plan, table

from polyveil.errors import NotPrivate, UsageError
from polyveil.learn.objective import objective
from polyveil.learn.plan import Plan
from polyveil.learn.progress import Stepped, silence
from polyveil.learn.run import Run
from polyveil.learn.work import Work

SECRET = bytes(range(32))
BUDGET = {"mode": "sound", "epsilon": 8.0}


def work(**changes: Any) -> Work:
    train, held_out = people(records=12).held_out(0.2, SECRET)
    return Work.of(plan(**changes), train, held_out, SECRET)


def flat(run: Run) -> torch.Tensor:
    return torch.cat([value.flatten().double() for value in run.weights().values()])


@pytest.mark.parametrize("privacy", [{"mode": "none"}, BUDGET], ids=["none", "sound"])
def test_a_killed_training_ends_with_the_weights_of_one_that_was_not(
    privacy: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("polyveil.learn.kept_run._KEEP_EVERY", 0.0)
    settled = work(privacy=privacy)
    whole = Run(settled.job(1, tmp_path / "whole"))
    whole.finish(silence)

    def stop(event: object) -> None:
        if isinstance(event, Stepped) and event.step == 4:
            raise KeyboardInterrupt

    killed = Run(settled.job(1, tmp_path / "killed"))
    with pytest.raises(KeyboardInterrupt):
        killed.finish(stop)
    resumed = Run(settled.job(1, tmp_path / "killed"))
    assert 0 < resumed.steps_done < settled.schedule.steps
    resumed.finish(silence)
    assert torch.equal(flat(resumed), flat(whole))


def test_without_a_budget_it_learns_whom_it_sees_and_says_that_it_promises_nothing(
    tmp_path: Path,
) -> None:
    settled = work(training={"epochs": 40, "learning_rate": 5e-3})
    run = Run(settled.job(1, tmp_path / "kept"))
    run.finish(silence)
    assert run.history[-1].top1 is not None and run.history[-1].top1 > 0.6  # of six people
    assert settled.guarantee() is None and "nothing bounds" in settled.unsafe
    assert run.history[-1].epsilon is None


def test_the_default_alignment_follows_the_promise() -> None:
    of = {mode: work(privacy=p).plan.models[0].options["alignment"] for mode, p in MODES.items()}
    assert of == {"none": "info-nce", "sound": "anchors"}


MODES: dict[str, dict[str, Any]] = {"none": {"mode": "none"}, "sound": BUDGET}


def test_a_loss_that_mixes_records_is_refused_under_a_budget() -> None:
    with pytest.raises(NotPrivate, match="mixes the records"):
        work(privacy=BUDGET, model={"alignment": "info-nce"})


def test_under_a_budget_the_guarantee_covers_weights_and_figures() -> None:
    found = work(privacy=BUDGET).guarantee()
    assert found is not None and found.epsilon <= 8.0 and "the weights" in found.covers


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": {"widht": 3}}, "unknown option widht"),
        ({"data": {"inputs": []}}, "inputs"),
        ({"privacy": {"mode": "none", "epsilon": 1.0}}, "epsilon: 1.0; expected none"),
        ({"data": {"people": 0.0}}, "people: 0.0"),
    ],
)
def test_a_plan_that_cannot_be_meant_is_refused(changes: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        settled = work(**changes)
        objective(settled.plan.models[0], settled.train, settled.plan.training)


def test_pictures_alone_are_no_people() -> None:
    sections = table()
    del sections["data"]["inputs"]
    with pytest.raises(UsageError, match="a recogniser reads modalities"):
        Plan.of(sections)
