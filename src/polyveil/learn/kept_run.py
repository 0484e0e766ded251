# SPDX-License-Identifier: Apache-2.0
"""A network on its way: its state on the disk, what was measured, and the weights it ends with.

Its state is kept every `_KEEP_EVERY` seconds and with every measurement. What was not kept is done
again as it was: everything random in a step follows from the job and the step.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

from polyveil.errors import UsageError
from polyveil.learn.averaging import WeightAverage
from polyveil.learn.checkpoint import read_checkpoint, write_checkpoint
from polyveil.learn.history import Measured, count, even_steps
from polyveil.learn.job import Job
from polyveil.learn.progress import Listener, Told

_KEEP_EVERY = 20.0
"""Seconds of work that a kill may cost."""


class KeptRun(ABC):
    """What all trainings have that go on after a kill.

    Attributes:
      model: the network, with the weights of the last step.

    Raises:
      UsageError: the checkpoint is not readable, or not of this job.
    """

    def __init__(self, job: Job, model: nn.Module) -> None:
        """Call it last: it brings the parts to where they stood."""
        self._job, self.model = job, model
        self._average = WeightAverage(model, job.plan.training.averaging)
        self._history: list[Measured] = []
        self._seconds = 0.0
        self._resumed = self._kept = time.monotonic()
        self._told_at = even_steps(job.schedule.steps, job.plan.training.epochs)
        self._of = job.name()
        self._load()

    @property
    @abstractmethod
    def steps_done(self) -> int:
        """Noised steps so far, those of earlier processes included."""

    @abstractmethod
    def finish(self, on_progress: Listener) -> None:
        """All steps that are left; the state is kept on the way."""

    @abstractmethod
    def _logits(self) -> Tensor:
        """Of the held-out records by the weights as they are, [records, classes]."""

    @abstractmethod
    def _epsilon(self) -> float | None:
        """What the steps so far spend; None without a promise."""

    @abstractmethod
    def _state(self) -> Mapping[str, Any]:
        """Of the parts."""

    @abstractmethod
    def _restore(self, state: Mapping[str, Any]) -> None:
        """The parts as they were."""

    @property
    def history(self) -> tuple[Measured, ...]:
        """What was measured so far."""
        return tuple(self._history)

    @property
    def seconds(self) -> float:
        """Of training, those of earlier processes included."""
        return self._seconds + time.monotonic() - self._resumed

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
        """Of the held-out records' classes by what is released, float32 [records, classes]."""
        with self.as_released():
            return self._logits().softmax(1)

    def _stepped(self, on_progress: Listener) -> None:
        """After every step: averages, and measures or keeps where it is time to."""
        self._average.update()
        if self.steps_done in self._told_at:
            self._measure(on_progress)
        elif time.monotonic() - self._kept > _KEEP_EVERY:
            self._keep()

    def _measure(self, on_progress: Listener) -> None:
        """Kept before it is told: what was told once is never told again with other noise."""
        job, step = self._job, self.steps_done
        epoch, epsilon = round(step * job.schedule.rate, 2), self._epsilon()
        if job.held_out is None or step not in job.measured_at:
            told = Measured(epoch, epsilon)
        else:
            with self.as_released():
                found = count(self._logits(), job.held_out)
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

    def _keep(self) -> None:
        write_checkpoint(
            self._job.checkpoint,
            {
                "of": self._of,
                **self._state(),
                "average": self._average.state_dict(),
                "history": [one.to_json() for one in self._history],
                "seconds": self.seconds,
            },
        )
        self._kept = time.monotonic()

    def _load(self) -> None:
        state = read_checkpoint(self._job.checkpoint)
        if state is None:
            return
        if state.get("of") != self._of:
            raise UsageError(
                "checkpoint: not of this training; expected one of the same plan, records and "
                "version. Nothing was spent twice. Go on with those that it was begun with, or "
                "start a new run in another folder."
            )
        self._restore(state)
        self._average.load_state_dict(state["average"])
        self._history = [Measured(**one) for one in state["history"]]
        self._seconds = state["seconds"]
