# SPDX-License-Identifier: Apache-2.0
"""A classifier of several modalities in the shape of `polyveil.learn.run.Run`, for plans.

    [model]
    name = "multimodal"
    method = "alternating"     # or "joint", "late fusion", "OGM-GE"
    projection = "mean"        # of alternating: or "subspace", "none"

Nothing is kept on the way: a run that was killed begins again, with the same secret, so that it
releases what it would have released, once. Held-out records are looked at when all rounds are done.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from polyveil.errors import UsageError
from polyveil.learn.averaging import WeightAverage
from polyveil.learn.history import Measured
from polyveil.learn.modalities import Data, Multimodal
from polyveil.learn.multimodal.alternating import Alternating
from polyveil.learn.multimodal.joint import Joint
from polyveil.learn.multimodal.late import Late
from polyveil.learn.multimodal.method import Method
from polyveil.learn.multimodal.modulation import Modulated
from polyveil.learn.multimodal.options import Budget, Options
from polyveil.learn.multimodal.prediction import predict
from polyveil.learn.multimodal.projection import MeanProjection, Projection, SubspaceProjection
from polyveil.learn.multimodal.training import fresh, train
from polyveil.learn.plan import ModelPlan, Plan, PrivacyPlan, TrainingPlan
from polyveil.learn.progress import Listener, Stepped, Told
from polyveil.learn.run import Job, count, thresholds
from polyveil.models import checks
from polyveil.models.multimodal import MultimodalClassifier

METHODS = ("alternating", "joint", "late fusion", "OGM-GE")
PROJECTIONS: Mapping[str, Projection | None] = {
    "mean": MeanProjection(),
    "subspace": SubspaceProjection(),
    "none": None,
}
_SIZES = ("width", "channels")
_OPTIONS = ("method", "projection", *_SIZES)


class MethodRun:
    """One classifier on its way. Makes no step before `finish` is called.

    Raises:
      UsageError: no such method or option, or pictures alone.
      NotPrivate: it cannot be trained with a guarantee.
    """

    def __init__(self, job: Job) -> None:
        self._job, self._data = job, multimodal(job.train)
        self._method = method(job.model)
        self._options = options(job.plan.training)
        # Said before a budget is set aside, not after the first round.
        remarks(job.plan)
        self.model = network(job.model, self._data, seed=job.plan.training.seed)
        self._average: WeightAverage | None = None
        self._history: tuple[Measured, ...] = ()
        self._seconds, self._rounds = 0.0, 0

    @property
    def steps_done(self) -> int:
        """Rounds so far."""
        return self._rounds

    @property
    def history(self) -> tuple[Measured, ...]:
        """What was measured, at the end."""
        return self._history

    @property
    def seconds(self) -> float:
        """Of training."""
        return self._seconds

    def finish(self, on_progress: Listener) -> None:
        """All rounds."""
        job, started = self._job, time.monotonic()

        def after_round(number: int, model: MultimodalClassifier) -> None:
            if self._average is None:
                self._average = WeightAverage(model, job.plan.training.averaging)
            self._average.update()
            self._rounds = number
            on_progress(Stepped(job.model.name, number, job.schedule.steps))

        made = train(
            self._method,
            self._data,
            self._options,
            budget=budget(job.plan.privacy, job.schedule.noise_multiplier, job.schedule.delta),
            network=sizes(job.model),
            secret=job.own_secret,
            after_round=after_round,
        )
        self.model, self._seconds = made.model, time.monotonic() - started
        told = self._measured(made.rounds.epsilon() if made.guarantee else None)
        self._history = (told,)
        on_progress(Told(job.model.name, told))

    def weights(self) -> dict[str, Tensor]:
        """What is released: the averaged weights."""
        with self.as_released():
            state = self.model.state_dict()
            return {name: value.detach().cpu().clone() for name, value in state.items()}

    @contextmanager
    def as_released(self) -> Iterator[None]:
        """Inside, the model has the weights that are released."""
        if self._average is None:
            yield
            return
        with self._average.applied():
            yield

    def probabilities(self) -> Tensor:
        """Of the held-out records' classes, float32 [records, classes]."""
        assert self._job.held_out is not None  # noqa: S101 - narrows the type for mypy
        with self.as_released():
            found = predict(self.model, multimodal(self._job.held_out))
        return torch.from_numpy(found.together).softmax(1)

    def _measured(self, epsilon: float | None) -> Measured:
        job = self._job
        epoch = round(job.schedule.steps * job.schedule.rate, 2)
        if job.held_out is None:
            return Measured(epoch, epsilon)
        logits = self.probabilities().clamp_min(1e-38).log()
        return job.meter.tell(
            count(logits, job.held_out),
            epoch=epoch,
            epsilon=epsilon,
            step=job.schedule.steps,
            stream=f"model {job.number}",
            last=True,
        )


def remarks(plan: Plan) -> tuple[str, ...]:
    """What has to be told with a plan's classifier.

    Raises:
      NotPrivate: it cannot be trained with a guarantee.
    """
    how = method(plan.models[0])
    return how.remarks(options(plan.training), private=plan.privacy.mode == "sound")


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


def network(plan: ModelPlan, data: Data, *, seed: int = 0) -> MultimodalClassifier:
    """A plan's classifier before training."""
    return fresh(method(plan), multimodal(data), seed, sizes(plan))


def sizes(plan: ModelPlan) -> dict[str, Any]:
    """Sizes of the network that a plan states."""
    return {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in plan.options.items()
        if name in _SIZES
    }


def budget(plan: PrivacyPlan, noise_multiplier: float, delta: float) -> Budget | None:
    """What is promised; None in mode "none".

    Raises:
      UsageError: a mode that this training does not have.
    """
    if plan.mode == "paper":
        raise UsageError('[privacy] mode: "paper" is of one network; expected "sound" or "none".')
    if plan.mode == "none":
        return None
    return Budget(noise_multiplier=noise_multiplier, delta=delta, thresholds=thresholds(plan))


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
