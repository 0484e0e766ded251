# SPDX-License-Identifier: Apache-2.0
"""How an attacker trains networks the way a run did, noise and clipping included.

A shadow model shows what the target would have been with other records only if it was trained as
the target was.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from torch import nn

from polyveil.attack.examples import Examples
from polyveil.learn.multimodal.run import MethodRun
from polyveil.learn.plan import MULTIMODAL, Plan
from polyveil.learn.progress import silence
from polyveil.learn.run import Job, Run
from polyveil.learn.work import Work
from polyveil.tasks.auditing.as_examples import as_data


@dataclass(frozen=True, slots=True)
class AsTheTarget:
    """Trains by a plan with the noise of a finished run.

    Attributes:
      work: of the run.
    """

    work: Work

    def __call__(self, examples: Examples, seed: int) -> nn.Module:
        """A network in evaluation mode; the same for the same arguments."""
        plan = one_network(self.work.plan, seed)
        data = as_data(examples, like=self.work.train)
        secret = hashlib.sha256(f"shadow model {seed}".encode()).digest()
        work = Work.of(plan, data, None, secret)
        noise = self.work.schedule.noise_multiplier
        work = replace(work, schedule=replace(work.schedule, noise_multiplier=noise))
        with TemporaryDirectory() as folder:
            run = begun(work.job(1, Path(folder) / "shadow.checkpoint"))
            run.finish(silence)
        run.model.load_state_dict(run.weights())
        return run.model.eval()


def begun(job: Job) -> Run | MethodRun:
    """The training of a network, as `polyveil train` makes it."""
    return MethodRun(job) if job.model.name == MULTIMODAL else Run(job)


def one_network(plan: Plan, seed: int) -> Plan:
    """The plan of its first network alone, measured on nothing."""
    return replace(
        plan,
        data=replace(plan.data, validation=0.0, public_validation=False),
        models=plan.models[:1],
        fusion=None,
        training=replace(plan.training, seed=seed),
    )
