# SPDX-License-Identifier: Apache-2.0
"""The one-run audit of a recogniser of people, which learns by several losses at once.

What is promised is one record with all its modalities, so that is what a canary is. Identity,
alignment and autoencoders make one loss a record, which is differentiated and clipped once; in its
place a canary has its pull, in every layer of every modality, whichever of them a step hides. Real
records are learned from as in the run: changed as another session, modalities hidden, by its loss.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from polyveil.attack.canary.controlled import Role, Watched, own_secret
from polyveil.attack.canary.design import Canaries
from polyveil.attack.canary.marked_path import MarkedPath
from polyveil.attack.canary.work import WorkProcedure, engine, steps_watched
from polyveil.attack.examples import Examples
from polyveil.learn.modalities import Multimodal
from polyveil.learn.objective import Objective, objective
from polyveil.learn.private import PrivateTraining
from polyveil.learn.run import optimizer


@dataclass(frozen=True, slots=True)
class RecogniserProcedure(WorkProcedure):
    """A recogniser's settled run, to be carried out with canaries.

    Attributes:
      people: the records of `work`. Secret.
    """

    people: Multimodal = field(repr=False)

    def canaries(self, count: int, seed: int) -> Canaries:
        """See `Auditable`; each has every modality."""
        inputs = {name: torch.from_numpy(values) for name, values in self.people.inputs.items()}
        like = Examples(inputs, torch.from_numpy(self.people.labels))
        return Canaries.like(like, count=count, classes=len(self.people.classes), seed=seed)

    def opened(self, number: int, made: Canaries, records: int) -> OpenedRecogniser:
        """See `Auditable`."""
        return OpenedRecogniser(self, number, records)


@dataclass(frozen=True, slots=True)
class OpenedRecogniser:
    """See `polyveil.attack.canary.controlled.Opened`.

    Attributes:
      procedure: what is carried out.
      number: of the network, from 1.
      records: how many of its records take part.
    """

    procedure: RecogniserProcedure
    number: int
    records: int

    def watch(self, made: Canaries, role: Role, releases: int, until: float) -> Watched:
        """See `Opened`."""
        rate, started = self.procedure.work.schedule.rate, time.monotonic()
        with torch.random.fork_rng(devices=[]):
            goal, marked, private, used = self.training(made, role)
            watch, watching = steps_watched(
                *(private, used, marked, marked.losses, releases, until),
                begin=lambda done: goal.begin(done * rate),
            )
        spent = time.monotonic() - started
        return Watched(*watch.watched(), watch.sampled(), spent, watching)

    def training(
        self, made: Canaries, role: Role
    ) -> tuple[Objective, MarkedPath, PrivateTraining, torch.optim.Optimizer]:
        """As `polyveil.learn.run` sets it up, with canaries; draws from torch's generator."""
        work, inside = self.procedure.work, np.flatnonzero(made.included)
        plan = work.plan
        torch.manual_seed(plan.training.seed + self.number)
        goal = objective(plan.models[self.number - 1], self._joined(made, inside), plan.training)
        marked = MarkedPath(goal.network, goal.losses, len(made)).train()
        used = optimizer(marked, plan.training)
        which = torch.from_numpy(np.concatenate([np.full(self.records, -1), inside]))
        secret = own_secret(made.seed, self.number, role)
        rows = (*goal.rows, which)
        return goal, marked, engine(work, marked, used, rows, role, secret, goal.views), used

    def _joined(self, made: Canaries, inside: np.ndarray[Any, Any]) -> Multimodal:
        """The first records, then the canaries that are in."""
        people, real = self.procedure.people, self.records

        def joined(of_records: np.ndarray[Any, Any], of_canaries: Tensor) -> Any:
            return np.concatenate([of_records[:real], of_canaries.numpy()[inside]])

        inputs = {
            name: joined(values, made.examples.inputs[name])
            for name, values in people.inputs.items()
        }
        present = torch.ones(len(made), len(inputs), dtype=torch.bool)
        return replace(
            people,
            inputs=inputs,
            present=joined(people.present, present),
            labels=joined(people.labels, made.examples.labels),
        )
