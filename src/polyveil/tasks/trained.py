# SPDX-License-Identifier: Apache-2.0
"""The report of a training: put together from what was planned and what came of it."""

from __future__ import annotations

import platform
import sys
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from polyveil.learn.history import Measured, count
from polyveil.learn.kept_run import KeptRun
from polyveil.learn.modalities import Multimodal
from polyveil.learn.multimodal.planned import remarks
from polyveil.learn.objective import network
from polyveil.learn.outcome import DataFacts, ModelFacts, TrainReport, counted
from polyveil.learn.plan import MULTIMODAL, RECOGNISER
from polyveil.learn.recognition import recogniser
from polyveil.learn.result_folder import weights_file
from polyveil.learn.run_folder import RunState
from polyveil.learn.work import Work
from polyveil.models.cost import cost
from polyveil.models.fusion import fuse, inverse_error_weights, variance_weights
from polyveil.report.facts import public_command
from polyveil.tasks import about
from polyveil.tasks.data_sets.layouts import named

_DECIDING = ("polyveil", "torch", "dp-accounting", "numpy")


def planned_report(work: Work, data_set: str) -> TrainReport:
    """What a run would do and cost."""
    return _report(work, data_set, run="", started=about.now(), runs=(), fused=None)


def trained_report(
    work: Work,
    runs: Sequence[KeptRun],
    state: RunState,
    data_set: str,
    fused: Measured | None,
) -> TrainReport:
    """What a run did and cost."""
    return _report(work, data_set, run=state.run, started=state.started, runs=runs, fused=fused)


def fused_figures(work: Work, runs: Sequence[KeptRun]) -> Measured | None:
    """How good both networks are together; None with one, or without held-out records."""
    if work.plan.fusion is None or work.held_out is None:
        return None
    each = np.stack([np.asarray(run.probabilities()) for run in runs])
    shares = _shares(work.plan.fusion.method, each, runs, len(work.held_out))
    together = torch.from_numpy(fuse(each, shares))
    # Probabilities rank as logits do, and their logarithms are logits of the same probabilities.
    found = count(together.clamp_min(1e-38).log(), work.held_out)
    guarantee = work.guarantee()
    return work.meter.tell(
        found,
        epoch=work.plan.training.epochs,
        epsilon=None if guarantee is None else guarantee.epsilon,
        step=work.schedule.steps,
        stream="fused",
        last=True,
    )


def _shares(
    method: str, each: NDArray[Any], runs: Sequence[KeptRun], records: int
) -> NDArray[np.float64] | None:
    if method == "variance":
        return variance_weights(each)
    if method == "mean":
        return None
    # From the figures as they were told, not from the records: these cost nothing again.
    right = [run.history[-1].top1 or 0.0 for run in runs]
    return inverse_error_weights([round((1 - share) * records) for share in right], of=records)


def _report(
    work: Work,
    data_set: str,
    *,
    run: str,
    started: str,
    runs: Sequence[KeptRun],
    fused: Measured | None,
) -> TrainReport:
    guarantee = work.guarantee()
    return TrainReport(
        run=run,
        data=_data(work, data_set),
        models=_models(work, runs),
        guarantee=guarantee,
        reason=work.unsafe,
        charged=None if guarantee is None else (guarantee.epsilon, guarantee.delta),
        fused=fused,
        refused=counted([one.reason for one in work.refused]),
        settings=work.plan.public(),
        remarks=_remarks(work),
        seconds=sum(one.seconds for one in runs),
        started=started,
        command=_command(),
        versions={"python": platform.python_version(), **{n: version(n) for n in _DECIDING}},
        dry_run=not runs,
    )


def _remarks(work: Work) -> tuple[str, ...]:
    """What the kind of network asks to be told, and the layout of the data."""
    plan, layout = work.plan.models[0], work.plan.data.layout
    if plan.name == MULTIMODAL:
        return (*remarks(work.plan), *(() if layout is None else named(layout).held_out))
    if plan.name == RECOGNISER:
        return recogniser(plan, work.train).config.remarks
    return ()


def _data(work: Work, data_set: str) -> DataFacts:
    held_out = 0 if work.held_out is None else len(work.held_out)
    return DataFacts(
        token=data_set,
        records=len(work.train),
        held_out=held_out,
        shape=() if isinstance(work.train, Multimodal) else work.train.shape,
        classes=work.train.classes,
        measured=_how_measured(work, held_out),
        blur=work.meter.blur(held_out) if held_out else (0.0, 0.0),
        inputs=work.train.shapes if isinstance(work.train, Multimodal) else {},
    )


def _how_measured(work: Work, held_out: int) -> str:
    if not held_out:
        return "Nothing was measured: no record was held out."
    way, end = work.meter.blur(held_out)
    on_the_way = f" and {1.96 * way:.1%} on the way" if way else ""
    if work.is_noised:
        return (
            f"Measured on {held_out:,} held-out records, which were not trained on. The figures "
            "carry noise, and the guarantee covers them: held-out records pay for the figures, "
            "the others for the weights. In 95 of 100 cases the noise moves a share by at most "
            f"{1.96 * end:.1%} at the end{on_the_way}."
        )
    if work.plan.data.public_validation:
        return (
            f"Measured on {held_out:,} other records, which the plan says are public. "
            "The figures are exact."
        )
    return (
        f"Measured on {held_out:,} held-out records, which were not trained on. The figures are "
        "exact and not protected."
    )


def _models(work: Work, runs: Sequence[KeptRun]) -> tuple[ModelFacts, ...]:
    facts = []
    for at, plan in enumerate(work.plan.models):
        made = runs[at].model if runs else network(plan, work.train)
        train = work.train
        price = cost(made, train.shapes if isinstance(train, Multimodal) else train.shape)
        facts.append(
            ModelFacts(
                name=plan.name,
                options=dict(plan.options),
                parameters=price.parameters,
                flops=price.flops,
                file=weights_file(at + 1, len(work.plan.models)),
                noise_multiplier=work.schedule.noise_multiplier,
                rate=work.schedule.rate,
                steps=work.noised_sums // len(work.plan.models),
                history=runs[at].history if runs else (),
            )
        )
    return tuple(facts)


def _command() -> str:
    ran_here = sys.argv and sys.argv[0].rpartition("/")[2] in {"polyveil", "main.py"}
    return public_command(["polyveil", *sys.argv[1:]]) if ran_here else "polyveil.train(...)"
