# SPDX-License-Identifier: Apache-2.0
"""One network trained privately from first weights to last, through kills.

Everything random follows from something that is kept: first weights and views from the plan's seed
and the step, batches and noise from the run's secret and the step. A step that is done again after
a kill is the same step, bit for bit: same records, same noise, same sum. So a resumed run releases
what an uninterrupted one would have released, and is charged once.

What could differ is rounding. Hence the number of threads is kept with the run, and ways of
computing that are usually chosen by timing are fixed.

A state fits the very same records alone. A picture that was moved to the folder of another class
meanwhile is the same picture for the ledger, but who is held out may be others: a record would
have paid for weights, and then for figures.
"""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from polyveil.errors import UsageError
from polyveil.learn import choice
from polyveil.learn.averaging import WeightAverage
from polyveil.learn.checkpoint import read_checkpoint, write_checkpoint
from polyveil.learn.history import Counted, Measured, Meter, loss_cap
from polyveil.learn.modalities import Data, Multimodal
from polyveil.learn.objective import Objective, objective
from polyveil.learn.plain import PlainTraining
from polyveil.learn.plan import ModelPlan, Plan, PrivacyPlan, TrainingPlan
from polyveil.learn.private import PrivateTraining
from polyveil.learn.progress import Listener, Stepped, Told
from polyveil.learn.schedule import Schedule
from polyveil.learn.threshold import PrivateQuantile
from polyveil.models.accuracy import accuracy

MEASUREMENTS = 20
"""At most so many times are held-out records looked at: all figures share one budget."""

LEARNING_RATE = {"adam": 2e-3, "sgd": 0.5}
_PINNED = ("gram", "groups", "streamed")
"""Ways of computing that are else chosen by timing; the last that an operation has is taken."""
_KEEP_EVERY = 20.0
"""Seconds of work that a kill may cost."""


@dataclass(frozen=True, slots=True)
class Job:
    """One network and everything that its training follows from.

    Attributes:
      number: 1 or 2, of the network in its run.
      plan, model, schedule: public facts.
      train, held_out: records; held_out None where nothing is measured.
      measured_at: steps after which held-out records are looked at.
      meter: tells held-out figures.
      secret: of the run; this network's own is derived from it.
      checkpoint: where its state is kept.
    """

    number: int
    plan: Plan
    model: ModelPlan
    schedule: Schedule
    train: Data
    held_out: Data | None
    measured_at: frozenset[int]
    meter: Meter
    secret: bytes
    checkpoint: Path

    @property
    def own_secret(self) -> bytes:
        """No two networks may share samples or noise."""
        name = f"model {self.number}".encode()
        return hashlib.blake2b(name, key=self.secret, digest_size=32).digest()

    def name(self) -> bytes:
        """Of everything that a step and a figure follow from, records and all; takes a moment."""
        told = self.number, sorted(self.measured_at), self.meter.deviations
        facts = repr((self.plan, self.model, self.schedule, told))
        digest = hashlib.blake2b(facts.encode(), key=self.own_secret, digest_size=32)
        for part in (self.train, self.held_out):
            digest.update(b"none" if part is None else content(part))
        return digest.digest()


class Run:
    """One network on its way. Makes no noisy step before `finish` is called.

    Raises:
      UsageError: the registry has no such network or option, or the checkpoint is not readable.
      NotPrivate: it cannot be trained with a guarantee.
    """

    def __init__(self, job: Job) -> None:
        training = job.plan.training
        self._job = job
        with torch.random.fork_rng(devices=[]):
            self._seed(-1)
            self._objective = objective(job.model, job.train, training)
        self.model = self._objective.model
        self._optimizer = optimizer(self.model, training)
        self._private = _trainer(job, self._objective, self._optimizer)
        self._average = WeightAverage(self.model, training.averaging)
        self._history: list[Measured] = []
        self._seconds, self._resumed = 0.0, time.monotonic()
        self._of = job.name()
        self._load()

    @property
    def steps_done(self) -> int:
        """Noised steps so far, those of earlier processes included."""
        return self._private.steps_done

    @property
    def history(self) -> tuple[Measured, ...]:
        """What was measured so far."""
        return tuple(self._history)

    @property
    def seconds(self) -> float:
        """Of training, those of earlier processes included."""
        return self._seconds + time.monotonic() - self._resumed

    def finish(self, on_progress: Listener) -> None:
        """All steps that are left; the state is kept on the way."""
        job, steps = self._job, self._job.schedule.steps
        told_at = even_steps(steps, job.plan.training.epochs)
        kept, piece, before = time.monotonic(), 0, self.steps_done
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
                    self._seed(before, piece)
                    continue
                before, piece = self.steps_done, 0
                in_units_of_threshold(self._private)
                self._optimizer.step()
                self._average.update()
                if before in told_at:
                    self._measure(on_progress)
                    kept = time.monotonic()
                elif time.monotonic() - kept > _KEEP_EVERY:
                    self._keep()
                    kept = time.monotonic()
                on_progress(Stepped(job.model.name, before, steps))
                self._begin(before)
        self._private.detach()

    def weights(self) -> dict[str, Tensor]:
        """What is released: the averaged weights, and buffers."""
        with self.as_released():
            state = self.model.state_dict()
            return {name: value.detach().cpu().clone() for name, value in state.items()}

    @contextmanager
    def as_released(self) -> Iterator[None]:
        """Inside, the model has the weights that are released."""
        with self._average.applied():
            yield

    def probabilities(self) -> Tensor:
        """Of the held-out records' classes by the averaged weights, float32 [records, classes]."""
        with self._average.applied():
            return self._scores().softmax(1)

    def _begin(self, step: int) -> None:
        self._seed(step, 0)
        self._objective.begin(step * self._job.schedule.rate)

    def _measure(self, on_progress: Listener) -> None:
        """Kept before it is told: what was told once is never told again with other noise."""
        job, step = self._job, self.steps_done
        epsilon = None if self._private.no_guarantee else job.schedule.epsilon(step)
        epoch = round(step * job.schedule.rate, 2)
        if job.held_out is None or step not in job.measured_at:
            told = Measured(epoch, epsilon)
        else:
            with self._average.applied():
                found = count(self._scores(), job.held_out)
            told = job.meter.tell(
                found,
                epoch=epoch,
                epsilon=epsilon,
                step=step,
                stream=f"model {job.number}",
                last=step == job.schedule.steps,
            )
        self._history.append(told)
        self._keep()
        on_progress(Told(job.model.name, told))

    def _scores(self) -> Tensor:
        """Logits of the held-out records by the weights as they are."""
        assert self._job.held_out is not None  # noqa: S101 - narrows the type for mypy
        training = self.model.training
        self.model.eval()
        try:
            return self._objective.scores(self._job.held_out)
        finally:
            self.model.train(training)

    def _seed(self, step: int, piece: int = 0) -> None:
        """Views and dropout of a step are the same whenever it is done."""
        address = f"{self._job.plan.training.seed}|{self._job.number}|{step}|{piece}"
        digest = hashlib.sha256(address.encode()).digest()
        torch.manual_seed(int.from_bytes(digest[:7], "big"))

    def _keep(self) -> None:
        write_checkpoint(
            self._job.checkpoint,
            {
                "of": self._of,
                "model": self.model.state_dict(),
                "optimizer": self._optimizer.state_dict(),
                "average": self._average.state_dict(),
                "private": self._private.state_dict(),
                "history": [one.to_json() for one in self._history],
                "seconds": self.seconds,
            },
        )

    def _load(self) -> None:
        state = kept(self._job.checkpoint, self._of)
        if state is None:
            return
        self.model.load_state_dict(state["model"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._average.load_state_dict(state["average"])
        self._private.load_state_dict(state["private"])
        self._history = [Measured(**one) for one in state["history"]]
        self._seconds = state["seconds"]


def kept(path: Path, of: bytes) -> dict[str, Any] | None:
    """The state of the job of this name; None where there is no file.

    Raises:
      UsageError: it is not readable, or of another job: another plan, other records.
    """
    state = read_checkpoint(path)
    if state is not None and state.get("of") != of:
        raise UsageError(
            "checkpoint: not of this training; expected one of the same plan, records and version. "
            "Nothing was spent twice. Go on with those that it was begun with, or start a new run "
            "in another folder."
        )
    return state


def content(data: Data) -> bytes:
    """Of all records in their order."""
    digest = hashlib.sha256(repr(data.classes).encode())
    if isinstance(data, Multimodal):
        arrays = {**data.inputs, "present": data.present, "labels": data.labels}
    else:
        arrays = {"images": data.images, "labels": data.labels}
    for name, values in arrays.items():
        digest.update(f"|{name}|{values.dtype}|{values.shape}|".encode())
        digest.update(np.ascontiguousarray(values).reshape(-1).view(np.uint8).data)
    return digest.digest()


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


def even_steps(steps: int, epochs: int) -> frozenset[int]:
    """Steps after which something is told: once an epoch, at most MEASUREMENTS, the last always."""
    count = min(epochs, MEASUREMENTS, steps)
    return frozenset(round(steps * at / count) for at in range(1, count + 1))


def count(logits: Tensor, data: Data) -> Counted:
    """Exact sums over held-out records; zero of them give zeros."""
    if not len(data):
        return Counted(0.0, 0.0, 0.0, 0)
    found = accuracy(np.asarray(logits), data.labels)
    losses = functional.cross_entropy(logits, torch.from_numpy(data.labels), reduction="none")
    cap = loss_cap(len(data.classes))
    capped = losses.double().nan_to_num(nan=cap).clamp(0.0, cap)
    total = float(capped.sum())
    return Counted(found.top1 * len(data), found.top5 * len(data), total, len(data))
