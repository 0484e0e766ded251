# SPDX-License-Identifier: Apache-2.0
"""A classifier of several modalities on its way, through kills.

What was not kept is done again as it was, see `polyveil.learn.multimodal.course`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from polyveil.learn.job import Job
from polyveil.learn.kept_run import KeptRun
from polyveil.learn.multimodal.planned import multimodal, training
from polyveil.learn.multimodal.prediction import predict
from polyveil.learn.progress import Listener, Progress, Stepped
from polyveil.models.multimodal import MultimodalClassifier


class MethodRun(KeptRun):
    """One classifier on its way. Makes no step before `finish` is called.

    Raises:
      UsageError: no such method or option, pictures alone, or see `KeptRun`.
      NotPrivate: it cannot be trained with a guarantee.
    """

    model: MultimodalClassifier

    def __init__(self, job: Job) -> None:
        self._training = training(job.plan, job.train, job.schedule, job.own_secret)
        super().__init__(job, self._training.model)

    @property
    def steps_done(self) -> int:
        """Rounds so far, those of earlier processes included."""
        return self._training.done

    def finish(self, on_progress: Listener) -> None:
        """All rounds that are left; the state is kept on the way."""
        name, rounds = self._job.model.name, self._job.schedule.steps
        if self.steps_done:
            on_progress(Stepped(name, self.steps_done, rounds))
        for done in self._training:
            self._stepped(on_progress)
            self._tell(on_progress, Stepped(name, done, rounds))

    def _tell(self, on_progress: Listener, event: Progress) -> None:
        """Whoever stops a run by what they hear stops it between two rounds: nothing is lost."""
        try:
            on_progress(event)
        except BaseException:
            self._keep()
            raise

    def _logits(self) -> Tensor:
        assert self._job.held_out is not None  # noqa: S101 - narrows the type for mypy
        found = predict(self.model, multimodal(self._job.held_out))
        return torch.from_numpy(found.together)

    def _epsilon(self) -> float | None:
        made = self._training
        return None if made.budget is None else made.rounds.epsilon(self.steps_done)

    def _state(self) -> Mapping[str, Any]:
        return {"training": self._training.state_dict()}

    def _restore(self, state: Mapping[str, Any]) -> None:
        self._training.load_state_dict(state["training"])
