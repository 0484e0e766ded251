# SPDX-License-Identifier: Apache-2.0
"""What a run is about to do, settled before its first noisy step: no default is left open.

Defaults ask nothing of the records but how many they are, which is taken to be public, so that
nobody has to try settings on private data, where every trial is a release.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path

from polyveil.errors import UsageError
from polyveil.learn import paper, plain
from polyveil.learn.history import Meter, even_steps
from polyveil.learn.job import Job
from polyveil.learn.modalities import Data, Multimodal
from polyveil.learn.plan import MULTIMODAL, Plan
from polyveil.learn.recognition import with_alignment
from polyveil.learn.run import LEARNING_RATE
from polyveil.learn.schedule import Schedule, schedule
from polyveil.privacy import accountant
from polyveil.privacy.guarantee import Guarantee
from polyveil.records.record import Refused

_COVERS = ("the weights", "the clipping thresholds")
_FIGURES = "the held-out figures"
_JOINT = "record with all its modalities"
_NOT_COVERED = (
    "how many records there are and how many were refused",
    "their size",
    "the names of the classes",
    "settings that were chosen by trying them on the same records",
)
_A_STEP = 20
"""One record in so many is in a step, if the plan does not say: large batches need few steps."""

_BLUR = 0.02
"""Largest standard deviation of a share at which a figure on the way is worth its budget."""


@dataclass(frozen=True, slots=True)
class Work:
    """A run, settled.

    Attributes:
      plan: completed: delta, batch size and learning rate are stated.
      train, held_out: records; held_out None where nothing is measured.
      schedule: of each network; the noise is calibrated for all of them together.
      measured_at: steps of each network after which held-out records are looked at.
      meter: tells held-out figures.
      secret: of the run.
    """

    plan: Plan
    train: Data
    held_out: Data | None
    schedule: Schedule
    measured_at: frozenset[int]
    meter: Meter
    secret: bytes

    @staticmethod
    def of(plan: Plan, train: Data, held_out: Data | None, secret: bytes) -> Work:
        """Completes the plan for these records.

        Raises:
          UsageError: too few records.
          NotPrivate: the budget cannot be met.
        """
        if len(train) < 2:
            raise UsageError(f"[data] path: {len(train)} records to train on; expected many.")
        full = with_alignment(completed(plan, len(train)))
        held_out = held_out if held_out is not None and len(held_out) else None
        settled = _schedule(full, train)
        at, meter = _meter(full, settled, train, held_out, secret)
        return Work(full, train, held_out, settled, at, meter, secret)

    @property
    def unsafe(self) -> str:
        """Why there will be no guarantee; "" where there will be one."""
        reasons = {"paper": paper.NO_GUARANTEE, "none": plain.NO_GUARANTEE}
        reason = reasons.get(self.plan.privacy.mode)
        return "" if reason is None else f"{reason}."

    @property
    def refused(self) -> tuple[Refused, ...]:
        """Records that could not be used, of all that were read."""
        held_out = () if self.held_out is None else self.held_out.refused
        # Of one source, both parts carry the same refusals.
        same = held_out == self.train.refused
        return self.train.refused if same else (*self.train.refused, *held_out)

    @property
    def delta(self) -> float:
        """Of the whole run."""
        return self.schedule.delta

    @property
    def is_noised(self) -> bool:
        """Whether figures of held-out records are noised, and covered by the guarantee."""
        return self.held_out is not None and self.meter.deviations[1] > 0

    @property
    def noised_sums(self) -> int:
        """How many sums of clipped gradients are released in all, by every network's every step."""
        return self.schedule.steps * _releases(self.plan, self.train)

    def job(self, number: int, checkpoint: Path) -> Job:
        """The number-th network's part."""
        return Job(
            number=number,
            plan=self.plan,
            model=self.plan.models[number - 1],
            schedule=self.schedule,
            train=self.train,
            held_out=self.held_out,
            measured_at=self.measured_at,
            meter=self.meter,
            secret=self.secret,
            checkpoint=checkpoint,
        )

    def guarantee(self) -> Guarantee | None:
        """What is proven once every step is done; None in a mode that proves nothing."""
        if self.unsafe:
            return None
        event = accountant.SampledGaussian(
            self.schedule.rate, self.schedule.noise_multiplier, self.noised_sums
        )
        epsilon = accountant.epsilon_spent([event], delta=self.delta)
        # Held-out records pay for the figures, others for the weights: the larger holds for all.
        epsilon = max(epsilon, self.plan.privacy.budget) if self.is_noised else epsilon
        covers = (*_COVERS, _FIGURES) if self.is_noised else _COVERS
        unit = _JOINT if isinstance(self.train, Multimodal) else "record"
        return Guarantee(epsilon, self.delta, unit, covers=covers, not_covered=_NOT_COVERED)


def completed(plan: Plan, records: int) -> Plan:
    """The plan with every default stated, for so many records to train on."""
    training, privacy = plan.training, plan.privacy
    size = min(max(round(records / _A_STEP), 32), 4096)
    training = replace(
        training,
        batch_size=min(training.batch_size or size, records),
        learning_rate=training.learning_rate or LEARNING_RATE[training.optimizer],
    )
    delta = privacy.delta or min(1e-5, rounded_down(0.1 / records))
    return replace(plan, training=training, privacy=replace(privacy, delta=delta))


def rounded_down(value: float) -> float:
    """To one digit: 6.17e-06 gives 6e-06."""
    power = math.floor(math.log10(value))
    return float(f"{math.floor(value / 10**power * (1 + 1e-12))}e{power}")


def _releases(plan: Plan, train: Data) -> int:
    """Noised sums in which one step of every network takes part.

    A record that is looked at once for each of its modalities is in as many sums.
    """
    if plan.models[0].name != MULTIMODAL:
        return len(plan.models)
    from polyveil.learn.multimodal.planned import method, multimodal

    return method(plan.models[0]).releases(len(multimodal(train).inputs))


def _schedule(plan: Plan, train: Data) -> Schedule:
    """The least noise under which all networks together meet the budget."""
    training, privacy, records = plan.training, plan.privacy, len(train)
    noise: dict[str, float] = (
        {"noise_multiplier": 0.0} if privacy.mode == "none" else {"epsilon": privacy.budget}
    )
    return schedule(
        records,
        batch_size=float(training.batch_size or 1),
        epochs=training.epochs,
        delta=privacy.delta,
        releases=_releases(plan, train),
        **noise,
    )


def _meter(
    plan: Plan, settled: Schedule, train: Data, held_out: Data | None, secret: bytes
) -> tuple[frozenset[int], Meter]:
    """When held-out records are looked at, and what tells of them.

    All their figures together get the same budget as the weights. Few records allow few figures:
    on the way, only as many as the noise leaves readable.
    """
    models, steps = len(plan.models), settled.steps
    exact = plan.data.public_validation or plan.privacy.mode != "sound"
    told_at = sorted(even_steps(steps, plan.training.epochs))
    on_the_way = len(told_at) - 1
    while True:
        meter = Meter(
            secret,
            on_the_way=on_the_way * models,
            last=models if plan.fusion is None else models + 1,
            classes=len(train.classes),
            budget=None if exact else (plan.privacy.budget, settled.delta),
        )
        if not on_the_way or meter.blur(0 if held_out is None else len(held_out))[0] <= _BLUR:
            chosen = even_steps(len(told_at), on_the_way + 1)
            return frozenset(told_at[at - 1] for at in chosen), meter
        on_the_way //= 2
