# SPDX-License-Identifier: Apache-2.0
"""What a plan says of a classifier of several modalities, in the terms of its training.

[model]
name = "multimodal"
method = "alternating"     # or "joint", "late fusion", "OGM-GE"
projection = "mean"        # of alternating: or "subspace", "none"
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, cast

from polyveil.errors import UsageError
from polyveil.learn.modalities import Data, Multimodal
from polyveil.learn.multimodal.alternating import Alternating
from polyveil.learn.multimodal.joint import Joint
from polyveil.learn.multimodal.late import Late
from polyveil.learn.multimodal.method import Method
from polyveil.learn.multimodal.modulation import Modulated
from polyveil.learn.multimodal.options import Budget, Options
from polyveil.learn.multimodal.projection import MeanProjection, Projection
from polyveil.learn.multimodal.subspace import SubspaceProjection
from polyveil.learn.multimodal.training import Training, fresh
from polyveil.learn.plan import ModelPlan, Plan, PrivacyPlan, TrainingPlan
from polyveil.learn.run import thresholds
from polyveil.learn.schedule import Schedule
from polyveil.models import checks
from polyveil.models.multimodal import MultimodalClassifier

METHODS = ("alternating", "joint", "late fusion", "OGM-GE")
PROJECTIONS: Mapping[str, Projection | None] = {
    "mean": MeanProjection(),
    "subspace": SubspaceProjection(),
    "none": None,
}
_SIZES = ("width", "channels", "vectors")
_OPTIONS = ("method", "projection", *_SIZES)


def remarks(plan: Plan) -> tuple[str, ...]:
    """What has to be told with a plan's classifier.

    Raises:
      NotPrivate: it cannot be trained with a guarantee.
      UsageError: the plan asks for what this training does not have.
    """
    if plan.privacy.mode == "paper":
        raise UsageError('[privacy] mode: "paper" is of one network; expected "sound" or "none".')
    if plan.training.augment > 1 or plan.training.flip:
        raise UsageError(
            "[training] augment, flip: shifted and mirrored views are of pictures alone; expected "
            "neither with a multimodal model."
        )
    how = method(plan.models[0])
    return how.remarks(options(plan.training), private=plan.privacy.mode == "sound")


def training(plan: Plan, data: Data, schedule: Schedule, secret: bytes) -> Training:
    """A plan's classifier, before its first round.

    Raises:
      NotPrivate, UsageError: see `remarks`.
    """
    remarks(plan)
    model = plan.models[0]
    return Training(
        method(model),
        multimodal(data),
        options(plan.training),
        budget=budget(
            plan.privacy,
            schedule.noise_multiplier,
            schedule.delta,
            physical_batch=plan.training.physical_batch,
        ),
        network=sizes(model),
        secret=secret,
    )


def options(training: TrainingPlan) -> Options:
    """How long and in what steps, as the plan says."""
    return Options(
        epochs=float(training.epochs),
        batch_size=training.batch_size or 1,  # stated by then, see `polyveil.learn.work.completed`
        optimizer=training.optimizer,
        learning_rate=training.learning_rate,
        momentum=training.momentum,
        seed=training.seed,
    )


def method(plan: ModelPlan) -> Method:
    """How a plan's classifier is trained.

    Raises:
      UsageError: no such method, projection or option.
    """
    unknown = sorted(set(plan.options) - set(_OPTIONS))
    if unknown:
        raise UsageError(
            f"[model] multimodal: unknown option {', '.join(unknown)}; it has "
            f"{', '.join(_OPTIONS)}."
        )
    name = str(plan.options.get("method", METHODS[0]))
    checks.one_of("[model] method", name, METHODS)
    if name != "alternating":
        if "projection" in plan.options:
            raise UsageError(f"[model] projection: {name} has none; expected none to be named.")
        others: dict[str, Method] = {"joint": Joint(), "late fusion": Late(), "OGM-GE": Modulated()}
        return others[name]
    rule = str(plan.options.get("projection", "mean"))
    checks.one_of("[model] projection", rule, tuple(PROJECTIONS))
    return Alternating(projection=PROJECTIONS[rule])


def network(plan: ModelPlan, data: Data) -> MultimodalClassifier:
    """A plan's classifier as it may be before training: for its sizes, not for its weights."""
    return fresh(method(plan), multimodal(data), 0, sizes(plan))


def sizes(plan: ModelPlan) -> dict[str, Any]:
    """Sizes of the network that a plan states."""
    return {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in plan.options.items()
        if name in _SIZES
    }


def budget(
    plan: PrivacyPlan, noise_multiplier: float, delta: float, *, physical_batch: int = 256
) -> Budget | None:
    """What is promised; None in mode "none"."""
    if plan.mode == "none":
        return None
    return Budget(
        noise_multiplier=noise_multiplier,
        delta=delta,
        thresholds=thresholds(plan),
        clipping=cast(Literal["per-layer", "flat"], plan.clipping),
        physical_batch=physical_batch,
    )


def multimodal(data: Data) -> Multimodal:
    """The data, where they hold several modalities.

    Raises:
      UsageError: pictures alone.
    """
    if not isinstance(data, Multimodal):
        raise UsageError(
            '[model] name: "multimodal" reads modalities; expected [data] inputs, e.g. ["image", '
            '"voice"].'
        )
    return data
