# SPDX-License-Identifier: Apache-2.0
"""One network's training: steps that repeat as they were, and what a checkpoint holds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from small_pictures import CLASSES, pictures, table

from polyveil.errors import UsageError
from polyveil.learn import choice
from polyveil.learn.checkpoint import read_checkpoint, write_checkpoint
from polyveil.learn.history import Counted, Measured, even_steps
from polyveil.learn.labelled import Labelled
from polyveil.learn.plan import Plan
from polyveil.learn.progress import Progress, Told, silence
from polyveil.learn.rows import rows_for
from polyveil.learn.run import Run
from polyveil.learn.views import scaled, views
from polyveil.learn.work import Work, completed, rounded_down
from polyveil.models.registry import build

SECRET = bytes(range(32))


def work(side: int = 8, **plan: Any) -> Work:
    images, labels = pictures(96)
    large = images.repeat(side // 8, 1).repeat(side // 8, 2)
    data = Labelled(large[:, None], labels.astype(np.int64), CLASSES)
    train, held_out = data.held_out(0.2, SECRET)
    sections = table(Path("none"), training={"epochs": 1, "batch_size": 40}, **plan)
    return Work.of(Plan.of(sections), train, held_out, SECRET)


NETWORKS = [
    {"name": "scatter-cnn"},
    {"name": "cnn", "widths": [8, 8], "hidden": 8},
    {"name": "hierarchical-vit"},
    {"name": "vit"},
]


@pytest.mark.parametrize("network", NETWORKS, ids=lambda one: one["name"])
def test_no_way_of_computing_depends_on_a_clock(
    network: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def timed(*_: object) -> str:
        pytest.fail("a way was chosen by timing: a resumed run might round otherwise")

    monkeypatch.setattr(choice, "_timed", timed)
    choice.forget()
    side = 8 if network["name"].startswith("scatter") else 32
    run = Run(work(side, model=network).job(1, tmp_path / "kept"))
    run.finish(silence)
    assert run.steps_done > 0 and all(torch.isfinite(w).all() for w in run.weights().values())


def test_two_runs_from_one_secret_are_equal_and_from_another_are_not(tmp_path: Path) -> None:
    made = []
    for at, secret in enumerate((SECRET, SECRET, bytes(32))):
        settled = work()
        job = settled.job(1, tmp_path / str(at))
        run = Run(type(job)(**{**_fields(job), "secret": secret}))
        run.finish(silence)
        made.append(torch.cat([value.flatten() for value in run.weights().values()]))
    assert torch.equal(made[0], made[1]) and not torch.equal(made[0], made[2])


def _fields(value: Any) -> dict[str, Any]:
    return {name: getattr(value, name) for name in value.__slots__}


def test_a_state_fits_the_same_records_and_plan_alone(tmp_path: Path) -> None:
    """For the ledger a picture in the folder of another class is the same; who is held out is not.

    More records, or a copy of all, would have other rates and other noise than those that the
    steps so far were charged for.
    """
    job = work().job(1, tmp_path / "kept")
    Run(job).finish(silence)
    labels = job.train.labels.copy()
    labels[3] = 1 - labels[3]
    assert isinstance(job.train, Labelled)
    twice = np.arange(2 * len(labels)) % len(labels)
    more = replace(job.train, images=job.train.images[twice], labels=job.train.labels[twice])
    others = [
        replace(job, train=replace(job.train, labels=labels)),
        replace(job, held_out=replace(job.train, labels=labels)),
        replace(job, train=more, schedule=replace(job.schedule, records=len(more))),
        replace(job, schedule=replace(job.schedule, noise_multiplier=0.7)),
        replace(job, number=2),
        replace(job, secret=bytes(32)),
    ]
    for other in others:
        with pytest.raises(UsageError, match="not of this training"):
            Run(other)
    moved = replace(job.plan, data=replace(job.plan.data, path=Path("elsewhere")))
    assert Run(replace(job, plan=moved)).steps_done == job.schedule.steps


class Deaf:
    """Tells figures that follow from no record."""

    deviations = (0.0, 0.0)

    def tell(self, counted: Counted, *, epoch: float, epsilon: float | None, **_: Any) -> Measured:
        return Measured(epoch, epsilon, top1=0.125, loss=0.25)


def test_every_figure_of_held_out_records_comes_from_the_meter(tmp_path: Path) -> None:
    """And is on the disk before anybody hears of it."""
    path, told = tmp_path / "kept", []

    def listen(event: Progress) -> None:
        if isinstance(event, Told):
            state = read_checkpoint(path)
            assert state is not None and state["history"][-1] == event.measured.to_json()
            told.append(event.measured)

    Run(replace(work().job(1, path), meter=Deaf())).finish(listen)  # type: ignore[arg-type]
    assert [(one.top1, one.top5, one.loss) for one in told] == [(0.125, None, 0.25)]


def test_two_networks_of_a_run_share_neither_batches_nor_noise(tmp_path: Path) -> None:
    plan = table(Path("none"))
    plan["model"] = [{"name": "scatter-linear"}, {"name": "scatter-linear"}]
    one = work()
    settled = Work.of(Plan.of(plan), one.train, one.held_out, SECRET)
    jobs = [settled.job(number, tmp_path / str(number)) for number in (1, 2)]
    assert jobs[0].own_secret != jobs[1].own_secret != SECRET


def test_training_from_features_is_training_from_pictures() -> None:
    made = work()
    model = build("scatter-linear", made.train.shape, 3)
    few = rows_for(model, made.train, views=1)
    assert few.network is model.head and few.values.dtype == torch.float16
    inputs = scaled(torch.from_numpy(made.train.images))
    expected = model(inputs)
    assert torch.allclose(few.network(few.as_input(few.values)), expected, atol=0.02)
    assert rows_for(model, made.train, views=2).network is model


def test_views_are_shifted_copies_side_by_side() -> None:
    pictures_ = torch.arange(2 * 64, dtype=torch.float32).view(2, 1, 8, 8)
    assert views(pictures_, 1, flip=False) is pictures_
    made = views(pictures_, 5, flip=True)
    assert made.shape == (10, 1, 8, 8)
    assert made[:5].max() < 64 <= made[5:].min()
    inside = {tuple(row.tolist()) for row in views(pictures_, 50, flip=False)[:50, 0, 4]}
    assert len(inside) == 9  # three lines times three columns


@given(st.integers(1, 5000), st.integers(1, 60))
def test_the_last_step_is_measured_and_no_more_than_twenty(steps: int, epochs: int) -> None:
    at = even_steps(steps, epochs)
    assert max(at) == steps and len(at) <= 20 and min(at) >= 1


def test_few_held_out_records_are_measured_at_the_end_alone() -> None:
    few = work()
    assert few.measured_at == {few.schedule.steps} and few.meter.deviations[0] == 0
    many = Work.of(few.plan, few.train, few.train, SECRET)
    assert many.measured_at <= even_steps(few.schedule.steps, few.plan.training.epochs)
    public = work(privacy={"mode": "paper"})
    assert public.meter.deviations == (0.0, 0.0)


@given(st.integers(2, 10**9))
def test_default_delta_is_far_below_one_over_n(records: int) -> None:
    plan = completed(Plan.of(table(Path("none"))), records)
    assert plan.privacy.delta <= min(1e-5, 0.1 / records)
    assert plan.training.batch_size <= records


def test_rounding_down_keeps_one_digit() -> None:
    assert [rounded_down(v) for v in (6.17e-6, 1e-5, 9.99e-7)] == [6e-6, 1e-5, 9e-7]


NESTED = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=30, deadline=None)
@given(st.dictionaries(st.text(), NESTED, max_size=4))
def test_a_checkpoint_gives_back_what_it_was_given(tmp_path_factory: Any, state: Any) -> None:
    path = tmp_path_factory.mktemp("c") / "state"
    write_checkpoint(path, {**state, "w": {0: torch.arange(3), 1: torch.ones(2, 2).T}})
    found = read_checkpoint(path)
    assert found is not None
    tensors = found.pop("w")
    assert found == {name: value for name, value in state.items() if name != "w"}
    assert torch.equal(tensors[0], torch.arange(3)) and tensors[1].shape == (2, 2)
    assert path.stat().st_mode & 0o777 == 0o600 and len(list(path.parent.iterdir())) == 1


def test_a_damaged_checkpoint_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "state"
    assert read_checkpoint(path) is None
    write_checkpoint(path, {"w": torch.ones(4)})
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(UsageError, match="checkpoint"):
        read_checkpoint(path)


def test_an_average_is_what_it_says_and_resumes() -> None:
    from polyveil.learn.averaging import WeightAverage

    model = torch.nn.Linear(1, 1, bias=False)
    average, mean = WeightAverage(model, 0.9), None
    for step in range(40):
        with torch.no_grad():
            model.weight.fill_(float(step))
        average.update()
        kept = min(0.9, step / (step + 9))
        mean = float(step) if mean is None else kept * mean + (1 - kept) * step
    with average.applied():
        assert model.weight.item() == pytest.approx(mean)
    assert model.weight.item() == 39
    again = WeightAverage(model, 0.9)
    again.load_state_dict(average.state_dict())
    again.apply()
    assert model.weight.item() == pytest.approx(mean)
