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

import numpy as np
import torch
from torch import nn

from polyveil.attack.examples import Examples
from polyveil.learn.labelled import Labelled
from polyveil.learn.plan import Plan
from polyveil.learn.progress import silence
from polyveil.learn.run import Run
from polyveil.learn.views import scaled
from polyveil.learn.work import Work

IMAGE = "image"


def as_examples(data: Labelled) -> Examples:
    """Records as the network takes them: pixels from -1 to 1."""
    return Examples({IMAGE: scaled(torch.from_numpy(data.images))}, torch.from_numpy(data.labels))


def as_labelled(examples: Examples, classes: tuple[str, ...]) -> Labelled:
    """Back to 8-bit pixels; exact for what `as_examples` made, rounded for anything else."""
    pixels = examples.inputs[IMAGE].add(1.0).mul(127.5).round().clamp(0, 255).to(torch.uint8)
    return Labelled(np.asarray(pixels), np.asarray(examples.labels), classes)


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
        data = as_labelled(examples, self.work.train.classes)
        secret = hashlib.sha256(f"shadow model {seed}".encode()).digest()
        work = Work.of(plan, data, None, secret)
        noise = self.work.schedule.noise_multiplier
        work = replace(work, schedule=replace(work.schedule, noise_multiplier=noise))
        with TemporaryDirectory() as folder:
            run = Run(work.job(1, Path(folder) / "shadow.checkpoint"))
            run.finish(silence)
        run.model.load_state_dict(run.weights())
        return run.model.eval()


def one_network(plan: Plan, seed: int) -> Plan:
    """The plan of its first network alone, measured on nothing."""
    return replace(
        plan,
        data=replace(plan.data, validation=0.0, public_validation=False),
        models=plan.models[:1],
        fusion=None,
        training=replace(plan.training, seed=seed),
    )
