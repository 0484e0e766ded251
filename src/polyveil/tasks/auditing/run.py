# SPDX-License-Identifier: Apache-2.0
"""The result of a training as a target, on pictures or on several modalities."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from polyveil.attack.audited_model import FEWEST, AuditedModel
from polyveil.attack.examples import Examples
from polyveil.attack.plain_training import PlainTraining
from polyveil.errors import UsageError
from polyveil.learn.modalities import Data, Multimodal
from polyveil.learn.objective import network
from polyveil.learn.plan import MULTIMODAL, RECOGNISER, Plan
from polyveil.report.audit import System, Untested
from polyveil.tasks.auditing.as_examples import as_examples, incomplete
from polyveil.tasks.auditing.battery import Step
from polyveil.tasks.auditing.claimed_epsilon import claimed_epsilon_step
from polyveil.tasks.auditing.model import facts, prepared
from polyveil.tasks.auditing.people import people_steps, strangers
from polyveil.tasks.auditing.prepared import Prepared
from polyveil.tasks.auditing.recipes import AsTheTarget
from polyveil.tasks.auditing.trained_run import TrainedRun, read_run
from polyveil.tasks.data_sets.layouts import named

_EPOCHS = 20
"""Of plain trainings that stand beside a private one."""
_FUSION = (
    "Fusion by calibrated uncertainty: the network's own answer of all modalities together was "
    "attacked, not what else may be made of its answers by modality."
)
_OTHER_PEOPLE = (
    "Members are compared with the records that were held out: where those are of other people, "
    "they differ without the model too, and a check of the attack says how much."
)


def prepare_run(folder: Path, plan: Plan, *, seed: int) -> Prepared:
    """The result of a training, with the whole plan that made it.

    Raises:
      UsageError: not the run's plan, data or key, or nobody was held out.
    """
    run = read_run(folder, plan)
    model = _audited(run)
    system = System(
        kind="result folder of polyveil train",
        description=model.description,
        data_subjects=model.data_subjects,
        release_form="weights, model card, curves",
        facts={**facts(model), **_facts(run)},
        hashes=run.hashes,
    )
    steps = _claim(run, seed=seed)
    untested: tuple[Untested, ...] = ()
    if _is_recogniser(run):
        more, untested = people_steps(model, _strangers(run), seed=seed)
        steps = (*steps, *more)
    return prepared(
        model,
        system,
        steps,
        (),
        seed=seed,
        untested=untested,
        warnings=_warnings(run),
        not_tested=_not_tested(run),
    )


def _audited(run: TrainedRun) -> AuditedModel:
    work, classifier = run.work, run.classifier
    if work.held_out is None:
        raise UsageError(
            "plan: the run held no record out, so that members cannot be compared with others. "
            "Train with some held out ([data] validation), or audit a model of your own."
        )
    if len(work.held_out) < FEWEST:
        raise UsageError(
            f"plan: {len(work.held_out):,} records were held out; members are compared with "
            f"{FEWEST} others at least. Train with more held out ([data] validation), or audit a "
            "model of your own."
        )

    def build() -> nn.Module:
        return network(work.plan.models[0], work.train)

    # Where nothing protects, the run's own recipe is the one that an attack must catch.
    plain = PlainTraining(build, epochs=_EPOCHS, calling=classifier.calling)
    flags = incomplete((work.train, work.held_out)) > 0
    return AuditedModel(
        classifier,
        members=as_examples(work.train, flags=flags),
        others=as_examples(work.held_out, flags=flags),
        recipe=AsTheTarget(work),
        unprotected=None if work.plan.privacy.mode == "none" else plain,
        build=build,
        description=_description(run),
        data_subjects=f"the people behind {len(work.train):,} {_kind_of(work.train)}",
        claim=run.report.guarantee,
    )


def _description(run: TrainedRun) -> str:
    model, classes = run.work.plan.models[0], len(run.report.data.classes)
    if not isinstance(run.work.train, Multimodal):
        return f"{model.name}: tells {classes} classes of pictures apart."
    what = "people" if model.name == RECOGNISER else "classes"
    how = f" ({model.options.get('method', 'alternating')})" if model.name == MULTIMODAL else ""
    by = _named(run.work.train)
    return f"{model.name}{how}: tells {classes} {what} apart by {by}."


def _kind_of(data: Data) -> str:
    return f"records of {_named(data)}" if isinstance(data, Multimodal) else "pictures"


def _named(data: Multimodal) -> str:
    *others, last = data.inputs
    return f"{', '.join(others)} and {last}" if others else last


def _facts(run: TrainedRun) -> dict[str, str | int]:
    """Beside those that every model has."""
    work = run.work
    found: dict[str, str | int] = {"run": run.report.run, "data set": run.report.data.token}
    lacking = incomplete(one for one in (work.train, work.held_out) if one is not None)
    return {**found, "records that lack a modality": lacking} if lacking else found


def _claim(run: TrainedRun, *, seed: int) -> tuple[Step, ...]:
    """What speaks to the run's promise; nothing where it made none."""
    guarantee = run.report.guarantee
    return () if guarantee is None else (claimed_epsilon_step(run, guarantee, seed=seed),)


def _strangers(run: TrainedRun) -> Examples | None:
    train = run.work.train
    return strangers(run.work.plan, train) if isinstance(train, Multimodal) else None


def _is_recogniser(run: TrainedRun) -> bool:
    return run.work.plan.models[0].name == RECOGNISER


def _warnings(run: TrainedRun) -> tuple[str, ...]:
    found = [
        "This report tells of the records themselves (how many were recognised as members): it is "
        "covered by no guarantee. Handle it like a finding, and do not publish its arrays."
    ]
    if len(run.report.models) > 1:
        found.append(
            "The first of two networks was attacked, the second and their fusion were not."
        )
    layout = run.work.plan.data.layout
    found += () if layout is None else (*named(layout).held_out, _OTHER_PEOPLE)
    if run.report.guarantee is None:
        found.append(f"The run promises nothing. {run.report.reason}")
    return tuple(found)


def _not_tested(run: TrainedRun) -> tuple[str, ...]:
    data = run.work.train
    if not isinstance(data, Multimodal) or len(data.inputs) < 2:
        return ()
    return () if _is_recogniser(run) else (_FUSION,)
