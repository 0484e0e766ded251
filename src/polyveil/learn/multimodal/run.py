# SPDX-License-Identifier: Apache-2.0
"""A classifier of several modalities in the shape of `polyveil.learn.run.Run`, through kills.

Its state is kept every `_KEEP_EVERY` seconds, with every measurement, and where a listener stops
it. What was not kept is done again as it was, see `polyveil.learn.multimodal.course`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from polyveil.learn.averaging import WeightAverage
from polyveil.learn.checkpoint import write_checkpoint
from polyveil.learn.history import Measured
from polyveil.learn.multimodal.planned import (
    multimodal,
    training,
)
from polyveil.learn.multimodal.prediction import predict
from polyveil.learn.progress import Listener, Progress, Stepped, Told
from polyveil.learn.run import Job, count, even_steps, kept

_KEEP_EVERY = 20.0
"""Seconds of work that a kill may cost."""


class MethodRun:
    """One classifier on its way. Makes no step before `finish` is called.

    Raises:
      UsageError: no such method or option, pictures alone, or a checkpoint that is not of this run.
      NotPrivate: it cannot be trained with a guarantee.
    """

    def __init__(self, job: Job) -> None:
        self._job = job
        self._training = training(job.plan, job.train, job.schedule, job.own_secret)
        self.model = self._training.model
        self._average = WeightAverage(self.model, job.plan.training.averaging)
        self._history: list[Measured] = []
        self._seconds, self._resumed = 0.0, time.monotonic()
        self._of = job.name()
        self._load()

    @property
    def steps_done(self) -> int:
        """Rounds so far, those of earlier processes included."""
        return self._training.done

    @property
    def history(self) -> tuple[Measured, ...]:
        """What was measured so far."""
        return tuple(self._history)

    @property
    def seconds(self) -> float:
        """Of training, those of earlier processes included."""
        return self._seconds + time.monotonic() - self._resumed

    def finish(self, on_progress: Listener) -> None:
        """All rounds that are left; the state is kept on the way."""
        job, rounds = self._job, self._job.schedule.steps
        told_at = even_steps(rounds, job.plan.training.epochs)
        if self.steps_done:
            on_progress(Stepped(job.model.name, self.steps_done, rounds))
        kept = time.monotonic()
        for done in self._training:
            self._average.update()
            if done in told_at:
                self._measure(on_progress)
                kept = time.monotonic()
            elif time.monotonic() - kept > _KEEP_EVERY:
                self._keep()
                kept = time.monotonic()
            self._tell(on_progress, Stepped(job.model.name, done, rounds))

    def weights(self) -> dict[str, Tensor]:
        """What is released: the averaged weights."""
        with self.as_released():
            state = self.model.state_dict()
            return {name: value.detach().cpu().clone() for name, value in state.items()}

    @contextmanager
    def as_released(self) -> Iterator[None]:
        """Inside, the model has the weights that are released."""
        with self._average.applied():
            yield

    def probabilities(self) -> Tensor:
        """Of the held-out records' classes, float32 [records, classes]."""
        assert self._job.held_out is not None  # noqa: S101 - narrows the type for mypy
        with self.as_released():
            found = predict(self.model, multimodal(self._job.held_out))
        return torch.from_numpy(found.together).softmax(1)

    def _measure(self, on_progress: Listener) -> None:
        """Kept before it is told: what was told once is never told again with other noise."""
        job, step = self._job, self.steps_done
        made = self._training
        epsilon = None if made.budget is None else made.rounds.epsilon(step)
        epoch = round(step * job.schedule.rate, 2)
        if job.held_out is None or step not in job.measured_at:
            told = Measured(epoch, epsilon)
        else:
            told = job.meter.tell(
                count(self.probabilities().clamp_min(1e-38).log(), job.held_out),
                epoch=epoch,
                epsilon=epsilon,
                step=step,
                stream=f"model {job.number}",
                last=step == job.schedule.steps,
            )
        self._history.append(told)
        self._keep()
        on_progress(Told(job.model.name, told))

    def _tell(self, on_progress: Listener, event: Progress) -> None:
        """Whoever stops a run by what they hear stops it between two rounds: nothing is lost."""
        try:
            on_progress(event)
        except BaseException:
            self._keep()
            raise

    def _keep(self) -> None:
        write_checkpoint(
            self._job.checkpoint,
            {
                "of": self._of,
                "training": self._training.state_dict(),
                "average": self._average.state_dict(),
                "history": [one.to_json() for one in self._history],
                "seconds": self.seconds,
            },
        )

    def _load(self) -> None:
        state = kept(self._job.checkpoint, self._of)
        if state is None:
            return
        self._training.load_state_dict(state["training"])
        self._average.load_state_dict(state["average"])
        self._history = [Measured(**one) for one in state["history"]]
        self._seconds = state["seconds"]
