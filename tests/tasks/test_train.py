# SPDX-License-Identifier: Apache-2.0
"""polyveil.train: what it writes, what it charges, and what a kill leaves."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "learn"))

from safetensors.torch import load_file  # noqa: E402
from small_pictures import pictures, save, table  # noqa: E402

import polyveil  # noqa: E402
from polyveil.errors import BudgetExceeded, UsageError  # noqa: E402
from polyveil.learn.progress import Progress, Said, Stepped, Told  # noqa: E402
from polyveil.models.registry import build  # noqa: E402

FILES = {"weights.safetensors", "model_card.md", "result.json", "curves.png", "curves.svg"}


class Job:
    """A place to train in, with a ledger of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.data = folder, save(folder / "ann lee.npz", 300)

    def train(
        self, out: str = "run", listen: Callable[[Progress], None] | None = None, **plan: Any
    ):
        return polyveil.train(
            table(self.data, **plan), self.folder / out, ledger=self.ledger, on_progress=listen
        )

    @property
    def ledger(self) -> Path:
        return self.folder / "ledger.db"

    def spent(self, path: Path | None = None):
        with polyveil.Ledger.open(self.ledger) as ledger:
            return ledger.spent(polyveil.content_hash(path or self.data))

    def grant(self, epsilon: float) -> None:
        with polyveil.Ledger.open(self.ledger) as ledger:
            name = polyveil.content_hash(self.data)
            ledger.grant(name, epsilon=epsilon, delta=1e-4, by="test")


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Job:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return Job(tmp_path)


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Curves take half a second; one test draws them."""
    blank = {"curves.png": b"png", "curves.svg": b"svg"}
    monkeypatch.setattr("polyveil.learn.result_folder.draw", lambda *_, **__: blank)


class Stopped(Exception):
    """Stands for Ctrl-C and for everything else that ends a process."""


def stop_after(kind: type, count: int) -> Callable[[Progress], None]:
    seen: list[Progress] = []

    def listen(event: Progress) -> None:
        seen.extend([event] if isinstance(event, kind) else [])
        if len(seen) == count:
            raise Stopped

    return listen


def test_a_run_leaves_weights_card_curves_and_one_charge(job: Job) -> None:
    heard: list[Progress] = []
    report = job.train(listen=heard.append)
    out = job.folder / "run"
    assert {path.name for path in out.iterdir()} == FILES
    assert report.guarantee is not None and report.guarantee.epsilon <= 8 and report.exit_code == 0
    assert report.best.top1 > 0.6 and report.data.blur[1] > 0
    spent = job.spent()
    assert float(spent.epsilon) == 8 and not spent.open_runs and not spent.reserved_epsilon
    model = build("scatter-linear", (1, 8, 8), 3)
    model.load_state_dict(load_file(out / "weights.safetensors"))
    images, labels = pictures(300, seed=9)
    inputs = torch.from_numpy(images[:, None]).float() / 127.5 - 1
    right = (model.eval()(inputs).argmax(1).numpy() == labels).mean()
    assert right > 0.9
    steps = [one.step for one in heard if isinstance(one, Stepped)]
    assert steps == list(range(1, len(steps) + 1)) and any(isinstance(e, Told) for e in heard)
    assert any("No budget was granted" in str(event) for event in heard)
    everything = b"".join(path.read_bytes() for path in out.iterdir())
    assert b"ann lee" not in everything and str(job.folder).encode() not in everything
    # A plain hash would let whoever knows all records but one test guesses of that one.
    assert polyveil.content_hash(job.data)[:12].encode() not in everything
    assert json.loads((out / "result.json").read_text())["guarantee"]["epsilon"] <= 8
    before = {path: path.stat().st_mtime_ns for path in out.iterdir()}
    assert job.train() == report
    assert before == {path: path.stat().st_mtime_ns for path in out.iterdir()}
    assert job.spent() == spent


@pytest.mark.usefixtures("undrawn")
def test_a_run_stopped_twice_ends_with_the_same_weights(job: Job) -> None:
    network = {"name": "cnn", "widths": [8], "hidden": 8}
    plan = {"model": network, "training": {"physical_batch": 24, "augment": 2, "flip": True}}

    def copy_first(event: Progress) -> None:
        if isinstance(event, Said) and not (job.folder / "whole").exists():
            shutil.copytree(job.folder / "run", job.folder / "whole")
            raise_at(event)

    raise_at = stop_after(Told, 1)

    def first(event: Progress) -> None:
        copy_first(event)
        raise_at(event)

    with pytest.raises(Stopped):
        job.train(listen=first, **plan)
    assert len(job.spent().open_runs) == 1
    with pytest.raises(Stopped):
        job.train(listen=stop_after(Stepped, 5), **plan)
    resumed, whole = job.train(**plan), job.train("whole", **plan)
    assert resumed.run == whole.run and resumed.models[0].history == whole.models[0].history
    one, other = (load_file(job.folder / name / "weights.safetensors") for name in ("run", "whole"))
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert float(job.spent().epsilon) == 8 and job.spent().runs == 1


@pytest.mark.usefixtures("undrawn")
def test_the_private_folder_is_for_the_owner_only(job: Job) -> None:
    with pytest.raises(Stopped):
        job.train(listen=stop_after(Told, 1))
    private = job.folder / "run" / ".polyveil"
    modes = {path.name: path.stat().st_mode & 0o777 for path in [private, *private.iterdir()]}
    assert modes.pop(".polyveil") == 0o700 and set(modes.values()) == {0o600}


@pytest.mark.usefixtures("undrawn")
def test_what_stops_before_anything_was_kept_is_not_charged(job: Job) -> None:
    with pytest.raises(Stopped):
        job.train(listen=stop_after(Stepped, 2))
    assert not job.spent().open_runs and job.spent().epsilon == 0
    assert not list((job.folder / "run").iterdir())  # a mended plan fits again


@pytest.mark.parametrize(
    "plan",
    [
        {"model": {"name": "cnn", "norm": "batch"}},
        {"model": {"name": "cnn", "width": 3}},
        {"model": {"name": "resnet"}},
    ],
)
@pytest.mark.usefixtures("undrawn")
def test_a_network_that_cannot_be_private_charges_nothing(job: Job, plan: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        job.train(**plan)
    assert job.spent().runs == 0 and not (job.folder / "run" / ".polyveil").exists()


@pytest.mark.usefixtures("undrawn")
def test_a_budget_that_is_too_small_stops_it_before_training(job: Job) -> None:
    job.grant(5)
    heard: list[Progress] = []
    with pytest.raises(BudgetExceeded):
        job.train(listen=heard.append)
    assert not any(isinstance(event, Stepped) for event in heard)
    assert job.spent().runs == 0
    polyveil.train(table(job.data, privacy={"epsilon": 5.0}), dry_run=True)


@pytest.mark.usefixtures("undrawn")
def test_another_plan_or_data_does_not_fit_into_the_folder(job: Job) -> None:
    with pytest.raises(Stopped):
        job.train(listen=stop_after(Told, 1))
    with pytest.raises(UsageError, match="another plan"):
        job.train(training={"epochs": 2})
    save(job.data, 301)
    with pytest.raises(UsageError, match="other data"):
        job.train()
    (job.folder / "mine").mkdir()
    (job.folder / "mine" / "letter.txt").write_text("x")
    with pytest.raises(UsageError, match="holds files and no run"):
        job.train("mine")


@pytest.mark.usefixtures("undrawn")
def test_two_processes_do_not_share_a_folder(job: Job) -> None:
    def listen(event: Progress) -> None:
        if isinstance(event, Told):
            with pytest.raises(UsageError, match="another process"):
                job.train()
            raise Stopped

    with pytest.raises(Stopped):
        job.train(listen=listen)


@pytest.mark.usefixtures("undrawn")
def test_paper_mode_promises_nothing_and_charges_nothing(job: Job) -> None:
    report = job.train(privacy={"mode": "paper"})
    assert report.guarantee is None and "paper mode" in report.reason and report.charged is None
    assert job.spent().runs == 0 and "No guarantee." in report.summary()
    card = (job.folder / "run" / "model_card.md").read_text()
    assert "without a guarantee" in card and "Treat them like the records" in card


@pytest.mark.usefixtures("undrawn")
def test_two_models_are_fused_within_one_budget(job: Job) -> None:
    models = [{"name": "scatter-linear"}, {"name": "cnn", "widths": [8], "hidden": 8}]
    plan = {**table(job.data), "model": models, "fusion": {"method": "inverse error"}}
    report = polyveil.train(plan, job.folder / "run", ledger=job.ledger)
    assert report.guarantee.epsilon <= 8 and float(job.spent().epsilon) == 8
    assert len(report.models) == 2 and report.fused is not None and report.fused.top1 > 0.4
    names = {path.name for path in (job.folder / "run").iterdir()}
    assert names == FILES - {"weights.safetensors"} | {
        "weights-1.safetensors",
        "weights-2.safetensors",
    }


@pytest.mark.usefixtures("undrawn")
def test_other_records_are_charged_unless_they_are_public(job: Job) -> None:
    other = save(job.folder / "other.npz", 100, seed=5)
    report = job.train(data={"validation": str(other)})
    assert float(job.spent(other).epsilon) == 8 and report.data.held_out == 100
    exact = job.train("exact", data={"validation": str(other), "public_validation": True})
    assert float(job.spent(other).epsilon) == 8 and exact.data.blur == (0, 0)
    assert (exact.best.top1 * 100) % 1 == pytest.approx(0, abs=1e-9)
    with pytest.raises(UsageError, match="trained on"):
        job.train("same", data={"validation": str(job.data)})


@pytest.mark.usefixtures("undrawn")
def test_without_held_out_records_nothing_is_measured(job: Job) -> None:
    report = job.train(data={"validation": 0})
    assert "Nothing was measured: no record was held out." in report.summary()
    assert report.best.top1 is None and report.data.held_out == 0
    assert "Nothing was measured" in (job.folder / "run" / "model_card.md").read_text()


@pytest.mark.usefixtures("undrawn")
def test_bad_records_make_exit_code_3_and_the_rest_is_used(job: Job) -> None:
    images, labels = pictures(300)
    floats = images / 255
    floats[:7, 0, 0] = np.nan
    np.savez(job.data, images=floats, labels=labels)
    report = job.train()
    assert report.exit_code == 3 and sum(report.refused.values()) == 7
    assert report.data.records + report.data.held_out == 293


@pytest.mark.usefixtures("undrawn")
def test_a_dry_run_says_the_cost_and_leaves_nothing(job: Job) -> None:
    report = polyveil.train(table(job.data), job.folder / "run", dry_run=True, ledger=job.ledger)
    assert report.dry_run and report.charged[0] == 8 and "Would train" in report.summary()
    assert "Each run draws anew who is held out" in report.summary()
    # Of every kind of record the same sentence: a run on voices has no pictures.
    assert "pictures" not in report.guarantee.sentence and "their size" in report.guarantee.sentence
    assert not (job.folder / "run").exists() and not job.ledger.exists()
