# SPDX-License-Identifier: Apache-2.0
"""One network trained privately from first weights to last, through kills.

Everything random follows from something that is kept: first weights and views from the plan's seed
and the step, batches and noise from the run's secret and the step. A step that is done again after
a kill is the same step, bit for bit: same records, same noise, same sum. So a resumed run releases
what an uninterrupted one would have released, and is charged once.

What could differ is rounding. Hence the number of threads is kept with the run, and ways of
computing that are usually chosen by timing are fixed.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any, Literal, cast

import torch
from torch import Tensor, nn

from polyveil.learn import choice
from polyveil.learn.job import Job
from polyveil.learn.kept_run import KeptRun
from polyveil.learn.objective import Objective, objective
from polyveil.learn.plain import PlainTraining
from polyveil.learn.plan import PrivacyPlan, TrainingPlan
from polyveil.learn.private import PrivateTraining
from polyveil.learn.progress import Listener, Stepped
from polyveil.learn.threshold import PrivateQuantile

LEARNING_RATE = {"adam": 2e-3, "sgd": 0.5}
_PINNED = ("gram", "groups", "streamed")
"""Ways of computing that are else chosen by timing; the last that an operation has is taken."""


class Run(KeptRun):
    """One network on its way. Makes no noisy step before `finish` is called.

    Raises:
      UsageError: the registry has no such network or option, or see `KeptRun`.
      NotPrivate: it cannot be trained with a guarantee.
    """

    def __init__(self, job: Job) -> None:
        training = job.plan.training
        with torch.random.fork_rng(devices=[]):
            _seed(job, -1)
            self._objective = objective(job.model, job.train, training)
        self._optimizer = optimizer(self._objective.model, training)
        self._private = _trainer(job, self._objective, self._optimizer)
        super().__init__(job, self._objective.model)

    @property
    def steps_done(self) -> int:
        """See `KeptRun`."""
        return self._private.steps_done

    def finish(self, on_progress: Listener) -> None:
        """See `KeptRun`."""
        job, piece, before = self._job, 0, self.steps_done
        with ExitStack() as stack:
            stack.enter_context(torch.random.fork_rng(devices=[]))
            for name in _PINNED:
                stack.enter_context(choice.pinned(name))
            self.model.train()
            self._begin(self.steps_done)
            for rows in self._private.batches():
                self._private.backward(self._objective.losses(*rows))
                piece += 1
                if self.steps_done == before:
                    _seed(job, before, piece)
                    continue
                before, piece = self.steps_done, 0
                in_units_of_threshold(self._private)
                self._optimizer.step()
                self._stepped(on_progress)
                on_progress(Stepped(job.model.name, before, job.schedule.steps))
                self._begin(before)
        self._private.detach()

    def _begin(self, step: int) -> None:
        _seed(self._job, step)
        self._objective.begin(step * self._job.schedule.rate)

    def _logits(self) -> Tensor:
        assert self._job.held_out is not None  # noqa: S101 - narrows the type for mypy
        training = self.model.training
        self.model.eval()
        try:
            return self._objective.scores(self._job.held_out)
        finally:
            self.model.train(training)

    def _epsilon(self) -> float | None:
        unsafe = self._private.no_guarantee
        return None if unsafe else self._job.schedule.epsilon(self.steps_done)

    def _state(self) -> Mapping[str, Any]:
        return {
            "model": self.model.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "private": self._private.state_dict(),
        }

    def _restore(self, state: Mapping[str, Any]) -> None:
        self.model.load_state_dict(state["model"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._private.load_state_dict(state["private"])


def _seed(job: Job, step: int, piece: int = 0) -> None:
    """Views and dropout of a step are the same whenever it is done."""
    address = f"{job.plan.training.seed}|{job.number}|{step}|{piece}"
    digest = hashlib.sha256(address.encode()).digest()
    torch.manual_seed(int.from_bytes(digest[:7], "big"))


def _trainer(
    job: Job, goal: Objective, adjusts: torch.optim.Optimizer
) -> PrivateTraining | PlainTraining:
    training, privacy = job.plan.training, job.plan.privacy
    if privacy.mode == "none":
        return PlainTraining(
            goal.network,
            adjusts,
            goal.rows,
            schedule=job.schedule,
            secret=job.own_secret,
        )
    return PrivateTraining(
        goal.network,
        adjusts,
        goal.rows,
        batch_size=training.batch_size or job.schedule.expected_batch,
        epochs=training.epochs,
        noise_multiplier=job.schedule.noise_multiplier,
        delta=job.schedule.delta,
        clipping=cast(Literal["per-layer", "flat"], privacy.clipping),
        thresholds=thresholds(privacy),
        mode=cast(Literal["sound", "paper"], privacy.mode),
        physical_batch=max(1, training.physical_batch // goal.views),
        views=goal.views,
        secret=job.own_secret,
    )


def in_units_of_threshold(private: PrivateTraining | PlainTraining) -> None:
    """Divides the released gradients by the norm that all thresholds together have now.

    Thresholds that follow the gradients fall as the network learns, and would take the size of a
    step along; so a learning rate means the same whatever the thresholds are. They are released
    values: dividing by them is post-processing.
    """
    joint = math.hypot(*private.thresholds.values())
    for value in private.model.parameters():
        if joint and value.grad is not None:
            value.grad.div_(joint)


def optimizer(model: nn.Module, plan: TrainingPlan) -> torch.optim.Optimizer:
    """The plan's optimizer over the model's trainable parameters."""
    rate = plan.learning_rate or LEARNING_RATE[plan.optimizer]
    trainable = [value for value in model.parameters() if value.requires_grad]
    if plan.optimizer == "sgd":
        return torch.optim.SGD(trainable, lr=rate, momentum=plan.momentum)
    return torch.optim.Adam(trainable, lr=rate)


def thresholds(plan: PrivacyPlan) -> PrivateQuantile | float:
    """What gradients are clipped at."""
    if isinstance(plan.thresholds, float):
        return plan.thresholds
    return PrivateQuantile(quantile=plan.quantile)
