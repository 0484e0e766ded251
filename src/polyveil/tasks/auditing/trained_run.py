# SPDX-License-Identifier: Apache-2.0
"""A result folder of `polyveil train` as a target: its network, who was in it, what it claims.

The result names neither its data nor who was held out. The plan says where the data are, the
project key who was held out; both must be those of the run, which its fingerprint shows.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from polyveil.attack.classifier import Classifier, call
from polyveil.errors import UsageError
from polyveil.learn.modalities import Multimodal
from polyveil.learn.objective import network
from polyveil.learn.outcome import TrainReport
from polyveil.learn.plan import Plan
from polyveil.learn.result_folder import load_weights, read_result
from polyveil.learn.run_folder import RESULT, is_open
from polyveil.learn.work import Work
from polyveil.tasks.auditing.as_examples import ByModality
from polyveil.tasks.run_data import Sources, keyed, records

_UNUSED_SECRET = b"\0" * 32
"""Nothing is released by an audit's own trainings; their noise needs no secrecy."""


@dataclass(frozen=True, slots=True)
class TrainedRun:
    """A finished run and all that its owner knows of it.

    Attributes:
      report: what it says of itself.
      work: what it did, settled again from plan and data.
      classifier: its first network.
      hashes: weight file -> SHA-256.
    """

    report: TrainReport
    work: Work
    classifier: Classifier
    hashes: dict[str, str]


def read_run(folder: Path, plan: Plan) -> TrainedRun:
    """The run in a folder.

    Raises:
      UsageError: no finished run, or the plan, its data or the project key are not those of it.
      WeightsError: the weights do not fit the network.
    """
    report = _report(folder, plan)
    train, held_out = records(plan, report.run)
    work = Work.of(plan, train, held_out, _UNUSED_SECRET)
    if len(train) != report.data.records:
        raise UsageError(
            f"plan: {len(train):,} records to train on, the run had {report.data.records:,}; "
            "expected the project key of the account that trained it."
        )
    file = folder / report.models[0].file
    model = load_weights(network(work.plan.models[0], train), file)
    hashes = {
        one.file: hashlib.sha256((folder / one.file).read_bytes()).hexdigest()
        for one in report.models
    }
    calling = ByModality(tuple(train.inputs)) if isinstance(train, Multimodal) else call
    return TrainedRun(report, work, Classifier(model, calling=calling), hashes)


def _report(folder: Path, plan: Plan) -> TrainReport:
    sources = Sources.of(plan)
    job = keyed("training job", plan.fingerprint(sources.data, str(sources.other)))
    try:
        report = read_result(folder, job)
    except UsageError as error:
        raise UsageError(
            "plan: not the plan, the data or the project key of this run, or its result.json was "
            "changed; expected those that trained it. Nothing was attacked."
        ) from error
    if report is None or is_open(folder):
        raise UsageError(f"{folder.name}: no finished run; expected a folder with {RESULT}.")
    return report
