# SPDX-License-Identifier: Apache-2.0
"""A classifier of several modalities by a plan: what is charged, released and refused."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from small_people import SHAPES, people

from polyveil.errors import UsageError
from polyveil.learn.multimodal import planned
from polyveil.learn.multimodal.planned import METHODS
from polyveil.learn.multimodal.run import MethodRun
from polyveil.learn.plan import Plan
from polyveil.learn.progress import Stepped, Told, silence
from polyveil.learn.threshold import PrivateQuantile
from polyveil.learn.work import Work
from polyveil.privacy import accountant

SECRET = bytes(range(32))


def work(
    mode: dict[str, Any] | None = None, training: dict[str, Any] | None = None, **model: Any
) -> Work:
    train, held_out = people(records=12).held_out(0.25, SECRET)
    plan = Plan.of(
        {
            "data": {"path": "none", "inputs": list(SHAPES)},
            "model": {"name": "multimodal", "width": 8, "channels": [8, 8], **model},
            "privacy": mode or {"epsilon": 8.0},
            "training": {"epochs": 2, "batch_size": 18, **(training or {})},
        }
    )
    return Work.of(plan, train, held_out, SECRET)


@pytest.mark.parametrize("method", METHODS)
def test_every_sum_that_a_record_is_in_is_charged(method: str, tmp_path: Path) -> None:
    settled = work(method=method)
    sums = 2 if method in {"alternating", "late fusion"} else 1
    assert settled.noised_sums == sums * settled.schedule.steps
    event = accountant.SampledGaussian(
        settled.schedule.rate, settled.schedule.noise_multiplier, settled.noised_sums
    )
    spent = accountant.epsilon_spent([event], delta=settled.delta)
    assert spent <= 8.0 and spent == pytest.approx(8.0, rel=0.02)
    found = settled.guarantee()
    assert found is not None and found.unit == "record with all its modalities"
    assert found.epsilon == 8.0 and any("held-out" in one for one in found.covers)
    weights_alone = replace(settled, held_out=None).guarantee()
    assert weights_alone is not None and weights_alone.epsilon == pytest.approx(spent)
    heard: list[object] = []
    run = MethodRun(settled.job(1, tmp_path / "kept"))
    run.finish(heard.append)
    assert [e.step for e in heard if isinstance(e, Stepped)][-1] == settled.schedule.steps
    told = [e.measured for e in heard if isinstance(e, Told)]
    assert told[-1].epsilon == pytest.approx(spent) and told[-1].top1 is not None
    assert [one.epsilon for one in told] == sorted(one.epsilon or 0.0 for one in told)
    assert tuple(told) == run.history and len(told) == settled.plan.training.epochs
    assert all(torch.isfinite(value).all() for value in run.weights().values())


def test_without_a_budget_nothing_is_promised(tmp_path: Path) -> None:
    settled = work({"mode": "none"})
    run = MethodRun(settled.job(1, tmp_path / "kept"))
    run.finish(silence)
    assert settled.guarantee() is None and run.history[-1].epsilon is None


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ({"method": "jiont"}, "jiont"),
        ({"projection": "maen"}, "maen"),
        ({"method": "joint", "projection": "mean"}, "joint has none"),
        ({"widht": 3}, "unknown option widht"),
    ],
)
def test_what_cannot_be_meant_is_refused(model: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        work(**model)


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"privacy": {"mode": "paper", "epsilon": 8.0}}, "of one network"),
        ({"training": {"augment": 2}}, "of pictures alone"),
    ],
)
def test_what_only_one_network_has_is_refused(
    section: dict[str, Any], message: str, tmp_path: Path
) -> None:
    settled = work(section.get("privacy"), training=section.get("training"))
    with pytest.raises(UsageError, match=message):
        MethodRun(settled.job(1, tmp_path / "kept"))


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"thresholds": 0.4}, 0.4),
        ({"thresholds": 2}, 2.0),
        ({"thresholds": "quantile", "quantile": 0.3}, PrivateQuantile(quantile=0.3)),
    ],
)
def test_thresholds_are_as_the_plan_says(asked: dict[str, Any], expected: object) -> None:
    settled = work({"epsilon": 8.0, **asked})
    made = planned.training(settled.plan, settled.train, settled.schedule, SECRET)
    assert made.budget is not None and made.budget.thresholds == expected


def test_clipping_and_memory_are_as_the_plan_says(tmp_path: Path) -> None:
    settled = work({"epsilon": 8.0, "clipping": "flat"}, training={"physical_batch": 7})
    made = planned.training(settled.plan, settled.train, settled.schedule, SECRET)
    assert made.budget is not None
    assert (made.budget.clipping, made.budget.physical_batch) == ("flat", 7)
    run = MethodRun(settled.job(1, tmp_path / "kept"))
    run.finish(silence)
    layers = MethodRun(work(training={"physical_batch": 7}).job(1, tmp_path / "other"))
    layers.finish(silence)
    one, other = run.weights(), layers.weights()
    assert not all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("public", [False, True])
def test_held_out_records_are_looked_at_on_the_way_where_noise_leaves_them_readable(
    public: bool, tmp_path: Path
) -> None:
    settled = work({"mode": "none"} if public else None)
    run = MethodRun(settled.job(1, tmp_path / "kept"))
    run.finish(silence)
    assert [one.top1 is not None for one in run.history] == [public, True]
