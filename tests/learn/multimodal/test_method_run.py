# SPDX-License-Identifier: Apache-2.0
"""A classifier of several modalities by a plan: what is charged, released and refused."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from small_people import SHAPES, people

from polyveil.errors import UsageError
from polyveil.learn.multimodal.run import METHODS, MethodRun
from polyveil.learn.plan import Plan
from polyveil.learn.progress import Stepped, Told, silence
from polyveil.learn.work import Work
from polyveil.privacy import accountant

SECRET = bytes(range(32))


def work(mode: dict[str, Any] | None = None, **model: Any) -> Work:
    train, held_out = people(records=12).held_out(0.25, SECRET)
    plan = Plan.of(
        {
            "data": {"path": "none", "inputs": list(SHAPES)},
            "model": {"name": "multimodal", "width": 8, "channels": [8, 8], **model},
            "privacy": mode or {"epsilon": 8.0},
            "training": {"epochs": 2, "batch_size": 18},
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
    heard: list[object] = []
    run = MethodRun(settled.job(1, tmp_path / "kept"))
    run.finish(heard.append)
    assert [e.step for e in heard if isinstance(e, Stepped)][-1] == settled.schedule.steps
    (told,) = [e for e in heard if isinstance(e, Told)]
    assert told.measured.epsilon == pytest.approx(spent) and told.measured.top1 is not None
    assert all(torch.isfinite(value).all() for value in run.weights().values())


def test_a_run_that_begins_again_releases_the_same(tmp_path: Path) -> None:
    def made(after: int | None) -> torch.Tensor:
        def listen(event: object) -> None:
            if isinstance(event, Stepped) and event.step == after:
                raise KeyboardInterrupt

        run = MethodRun(work().job(1, tmp_path / "kept"))
        run.finish(listen)
        return torch.cat([value.flatten() for value in run.weights().values()])

    with pytest.raises(KeyboardInterrupt):
        made(3)
    assert torch.equal(made(None), made(None))


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


def test_the_noise_of_a_paper_is_of_another_network(tmp_path: Path) -> None:
    run = MethodRun(work({"mode": "paper", "epsilon": 8.0}).job(1, tmp_path / "kept"))
    with pytest.raises(UsageError, match="of one network"):
        run.finish(silence)
