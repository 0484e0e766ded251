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
from polyveil.learn.plan import Plan
from polyveil.learn.progress import silence
from polyveil.learn.schedule import Schedule, schedule
from polyveil.learn.work import Work, completed
from polyveil.tasks.auditing.as_examples import as_data
from polyveil.tasks.training import begun


@dataclass(frozen=True, slots=True)
class AsTheTarget:
    """Trains by a plan with the noise of a finished run.

    Attributes:
      work: of the run.
    """

    work: Work

    def __call__(self, examples: Examples, seed: int) -> nn.Module:
        """A network in evaluation mode; the same for the same arguments."""
        data = as_data(examples, like=self.work.train)
        plan = completed(one_network(self.work.plan, seed), len(data))
        work = replace(
            self.work,
            plan=plan,
            train=data,
            held_out=None,
            schedule=self._schedule(plan, len(data)),
            measured_at=frozenset(),
            secret=hashlib.sha256(f"shadow model {seed}".encode()).digest(),
        )
        with TemporaryDirectory() as folder:
            run = begun(work.job(1, Path(folder) / "shadow.checkpoint"))
            run.finish(silence)
        run.model.load_state_dict(run.weights())
        return run.model.eval()

    def _schedule(self, plan: Plan, records: int) -> Schedule:
        """Of so many records, with the target's noise: to find noise anew for what the budget would
        allow these would take longer, and give another training."""
        return schedule(
            records,
            batch_size=float(plan.training.batch_size or 1),
            epochs=plan.training.epochs,
            delta=self.work.schedule.delta,
            noise_multiplier=self.work.schedule.noise_multiplier,
        )


def one_network(plan: Plan, seed: int) -> Plan:
    """The plan of its first network alone, measured on nothing."""
    return replace(
        plan,
        data=replace(plan.data, validation=0.0, public_validation=False),
        models=plan.models[:1],
        fusion=None,
        training=replace(plan.training, seed=seed),
    )
