# SPDX-License-Identifier: Apache-2.0
"""A training from plan to result: read, reserve, train, measure, write, commit.

The order is the point. The secret that batches and noise follow from is on the disk, and what the
run may spend is in the ledger, before the first noisy step; figures are on the disk before they
are told; the ledger hears what was spent when the result is complete. A kill at any moment leaves
a run that the same call finishes for the same charge. What stops before anything was kept has
released nothing: its reservation is given back.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import torch
from torch import Tensor

from polyveil.errors import UsageError
from polyveil.learn.job import Job
from polyveil.learn.kept_run import KeptRun
from polyveil.learn.multimodal.run import MethodRun
from polyveil.learn.outcome import TrainReport
from polyveil.learn.plan import MULTIMODAL, Plan
from polyveil.learn.progress import Listener, Said
from polyveil.learn.result_folder import read_result, write_result
from polyveil.learn.run import Run
from polyveil.learn.run_folder import RunFolder, check_place, is_open, opened
from polyveil.learn.work import Work
from polyveil.models.recognition.system import MultimodalRecogniser
from polyveil.privacy.ledger import Ledger, Reservation
from polyveil.tasks import about
from polyveil.tasks.run_data import Sources, keyed, records
from polyveil.tasks.trained import fused_figures, planned_report, trained_report

_UNLIMITED = (
    "No budget was granted for this data set: what is spent is recorded, not limited. "
    "'polyveil ledger grant' sets one."
)
_NOTHING = "nothing was released: it stopped before anything was kept"


@dataclass(frozen=True, slots=True)
class Settings:
    """Where to write, what to leave, and who listens."""

    out: Path
    dry_run: bool
    ledger: str | Path | None
    on_progress: Listener


def carry_out(plan: Plan, settings: Settings) -> TrainReport:
    """See `polyveil.tasks.train.train`."""
    sources = Sources.of(plan)
    if settings.dry_run:
        return _dry_run(plan, sources)
    job = keyed("training job", plan.fingerprint(sources.data, str(sources.other)))
    check_place(settings.out, plan.data.path)
    if (report := read_result(settings.out, job)) is not None and not is_open(settings.out):
        return report
    with opened(
        settings.out,
        job,
        threads=torch.get_num_threads(),
        torch=version("torch"),
        started=about.now(),
    ) as folder:
        # Read again: the process that held the folder may just have finished the run.
        report = read_result(settings.out, job)
        if report is None:
            with _threads(folder.state.threads):
                report = _trained(plan, sources, folder, job, settings)
        _settle(report, plan, sources, folder, settings)
    return report


def _dry_run(plan: Plan, sources: Sources) -> TrainReport:
    secret = secrets.token_bytes(32)
    train, held_out = records(plan, "dry run")
    return planned_report(Work.of(plan, train, held_out, secret), sources.token)


def _trained(
    plan: Plan, sources: Sources, folder: RunFolder, job: str, settings: Settings
) -> TrainReport:
    """Trains and writes the result; charges are reserved before and still to be committed."""
    with _nothing_kept_nothing_left(folder):
        settings.on_progress(Said("Reading the records."))
        train, held_out = records(plan, folder.state.run, settings.on_progress)
        work = Work.of(plan, train, held_out, folder.secret)
        planned = planned_report(work, sources.token)
        settings.on_progress(Said(f"Training {planned.intent}. {planned.budget}"))
        with _reserved(work, sources, folder, settings):
            runs: list[KeptRun] = []
            for number in range(1, len(plan.models) + 1):
                runs.append(begun(work.job(number, folder.checkpoint(number))))
                runs[-1].finish(settings.on_progress)
            report = trained_report(
                work, runs, folder.state, sources.token, fused_figures(work, runs)
            )
            files = [facts.file for facts in report.models]
            weights = {file: run.weights() for file, run in zip(files, runs, strict=True)}
            _check_finite(weights)
            write_result(folder, report, weights, job, _others(work, runs[0], folder.state.run))
    return report


def _check_finite(weights: Mapping[str, Mapping[str, Tensor]]) -> None:
    """No result is better than one that answers NaN under a promise."""
    values = [one for state in weights.values() for one in state.values()]
    if not all(bool(one.isfinite().all()) for one in values):
        raise UsageError(
            "weights: NaN or infinite; the training went astray. No result was written, and what "
            "was charged stays charged. Train again in another folder with a smaller [training] "
            "learning_rate."
        )


def begun(job: Job) -> KeptRun:
    """The run of a job, as far as it came."""
    return MethodRun(job) if job.model.name == MULTIMODAL else Run(job)


def _others(work: Work, run: KeptRun, name: str) -> dict[str, bytes]:
    """What a network of several modalities leaves beside its weights; nothing for others."""
    if work.plan.data.inputs is None:
        return {}
    from polyveil.tasks.classifier_files import classifier_files
    from polyveil.tasks.fitted_fusion import fitted_fusion
    from polyveil.tasks.modalities import front_ends
    from polyveil.tasks.recogniser_files import recogniser_files

    if isinstance(run, MethodRun):
        fitted = fitted_fusion(work, run)
        return classifier_files(run.model, front_ends(work.plan.data), fitted)
    if not isinstance(run.model, MultimodalRecogniser):
        raise TypeError(f"{type(run.model).__name__}: expected a network of several modalities.")
    with run.as_released():
        return recogniser_files(run.model, front_ends(work.plan.data), work.train.classes, name)


@contextmanager
def _nothing_kept_nothing_left(folder: RunFolder) -> Iterator[None]:
    """A run that stops before anything was kept leaves no trace: a mended plan fits again."""
    try:
        yield
    except BaseException:
        if not folder.has_steps:
            folder.close_for_good()
        raise


@contextmanager
def _reserved(
    work: Work, sources: Sources, folder: RunFolder, settings: Settings
) -> Iterator[None]:
    """Inside, the budget is set aside; given back if it stops before anything was kept."""
    if work.unsafe:
        yield
        return
    charges = sources.charges(work.plan)
    held: list[Reservation] = []
    try:
        # Closed again before the training: that may take days, a database connection may not.
        with Ledger.open(settings.ledger) as ledger:
            for data_set, purpose in charges.items():
                held.append(_reserve(ledger, data_set, purpose, work, folder))
        if not all(reservation.budget_set for reservation in held):
            settings.on_progress(Said(_UNLIMITED))
        yield
    except BaseException:
        if held and not folder.has_steps:
            with Ledger.open(settings.ledger) as ledger:
                for reservation in held:
                    # What an earlier process of this run has paid for stays paid.
                    if reservation.state == "open":
                        ledger.release(reservation, _NOTHING)
        raise


def _reserve(
    ledger: Ledger, data_set: str, purpose: str, work: Work, folder: RunFolder
) -> Reservation:
    return ledger.reserve(
        data_set,
        epsilon=work.plan.privacy.budget,
        delta=work.delta,
        run=folder.state.run,
        purpose=purpose,
    )


def _settle(
    report: TrainReport, plan: Plan, sources: Sources, folder: RunFolder, settings: Settings
) -> None:
    """Tells the ledger what was really spent, then forgets the secret."""
    if report.charged is not None:
        epsilon, delta = report.charged
        with Ledger.open(settings.ledger) as ledger:
            for data_set, purpose in sources.charges(plan).items():
                if report.run not in ledger.spent(data_set).open_runs:
                    continue  # an earlier process got as far as this
                reservation = ledger.reserve(
                    data_set,
                    epsilon=plan.privacy.budget,
                    delta=delta,
                    run=report.run,
                    purpose=purpose,
                )
                ledger.commit(reservation, epsilon=min(epsilon, plan.privacy.budget), delta=delta)
    folder.close_for_good()


@contextmanager
def _threads(number: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)
