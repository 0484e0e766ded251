# SPDX-License-Identifier: Apache-2.0
"""The one-run audit of a training that polyveil carries out: a plan, its data, and its engine.

The same network is trained on the same records by the same engine: same noise multiplier, sampling
rate, steps, clipping, views and physical batches. What differs: canaries are among the records,
each layer has their marks, weights are not averaged, and nothing is measured on the way or kept.
Its batches and noise follow from the audit's seed, never from the run's own secret.
"""

from __future__ import annotations

import hashlib
import math
import time
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from polyveil.attack.canary.claim import ClaimCheck, TrainingFacts
from polyveil.attack.canary.design import Canaries
from polyveil.attack.canary.marks import Marked, MarkObserver
from polyveil.attack.canary.one_run import OneRunAudit, OneRunEvidence, enough_canaries
from polyveil.attack.examples import Examples
from polyveil.attack.result import AttackResult
from polyveil.learn.labelled import Labelled
from polyveil.learn.objective import network, pictures
from polyveil.learn.private import PrivateTraining
from polyveil.learn.rows import Rows, rows_for
from polyveil.learn.run import in_units_of_threshold, optimizer, thresholds
from polyveil.learn.views import views
from polyveil.learn.work import Work

_TWIN_LOOKS, _NULL_LOOKS = 4, 2
"""How often a control looks at each record, in expectation."""
_FEW = 256
"""Real records in a control: it is about the attacker's eyes, not about what is learned."""
_USED = 0.8
"""Share of the time that is left which is planned for."""

Role: TypeAlias = Literal["audit", "twin", "null"]
"""The training that is audited, the same without noise, the same without canaries."""


@dataclass(frozen=True, slots=True)
class _Run:
    """One network's training, watched."""

    scores: NDArray[np.float32]
    differences: NDArray[np.float32]
    sampled: NDArray[np.int64]
    seconds: float
    watching: float


@dataclass(frozen=True, slots=True)
class _Prepared:
    """Rows of the records, then of all canaries, for one network."""

    number: int
    records: int
    values: Tensor
    labels: Tensor


@dataclass(frozen=True, slots=True)
class WorkProcedure:
    """A settled run, to be carried out with canaries.

    Attributes:
      work: plan, data and schedule.
    """

    work: Work

    @property
    def facts(self) -> TrainingFacts:
        """Of all its networks together."""
        settled = self.work.schedule
        steps = settled.steps * len(self.work.plan.models)
        return TrainingFacts(settled.noise_multiplier, settled.rate, steps, settled.delta)

    def watch(self, *, canaries: int, seed: int, seconds: float | None) -> OneRunEvidence:
        """One run and its controls.

        Where time is short fewer real records take part, then fewer steps are made; both is said.
        Marks do not depend on what else is learned, so a full number of steps on fewer records
        tests the whole claim.
        """
        made = self._canaries(canaries, seed)
        nobody = replace(made, included=np.zeros_like(made.included))
        end = math.inf if seconds is None else time.monotonic() + seconds
        started = time.monotonic()
        few = min(_FEW, len(self.work.train))
        prepared = self._prepared(1, made, few)
        preparing = (time.monotonic() - started) / (few + canaries)
        looks = _looks(self.work, _TWIN_LOOKS)
        twin = self._once(prepared, made, "twin", looks, _part(end, 5))
        looks = _looks(self.work, _NULL_LOOKS)
        null = self._once(prepared, nobody, "null", looks, _part(end, 5))
        networks, runs = len(self.work.plan.models), []
        a_row = twin.seconds / (len(twin.scores) * (few + int(made.included.sum())))
        records = self._affordable(made, a_row, preparing, end - time.monotonic())
        for number in range(1, networks + 1):
            if (number, records) != (1, few):
                prepared = self._prepared(number, made, records)
            until, steps = _part(end, networks + 1 - number), self.work.schedule.steps
            runs.append(self._once(prepared, made, "audit", steps, until))
        return replace(
            self._evidence(runs, made),
            twin=self._evidence([twin], made),
            null=self._evidence([null], made),
            records=records,
            of_records=len(self.work.train),
        )

    def _affordable(self, made: Canaries, a_row: float, preparing: float, seconds: float) -> int:
        """Real records with which all steps fit into so many seconds; `_FEW` at least.

        Args:
          a_row: seconds of a step for each row that may be sampled in it.
          preparing: seconds to prepare a row.
        """
        most = len(self.work.train)
        if math.isinf(seconds):
            return most
        a_record = a_row * self.work.schedule.steps + preparing
        rows = _USED * seconds / (len(self.work.plan.models) * a_record)
        return max(min(_FEW, most), min(most, int(rows) - int(made.included.sum())))

    def _canaries(self, count: int, seed: int) -> Canaries:
        train = pictures(self.work.train)
        data = Examples({"image": torch.from_numpy(train.images)}, torch.from_numpy(train.labels))
        return Canaries.like(data, count=count, classes=len(train.classes), seed=seed)

    def _evidence(self, runs: list[_Run], made: Canaries) -> OneRunEvidence:
        scores = np.concatenate([one.scores for one in runs])
        return OneRunEvidence(
            scores=scores,
            differences=np.concatenate([one.differences for one in runs]),
            included=made.included,
            rate=self.work.schedule.rate,
            steps=len(scores),
            of_steps=self.facts.steps,
            sampled=np.concatenate([one.sampled for one in runs]),
            seconds=sum(one.seconds for one in runs),
            watching=sum(one.watching for one in runs),
        )

    def _prepared(self, number: int, made: Canaries, records: int) -> _Prepared:
        """Rows of the first records and of all canaries: the same for every run of a network."""
        data = _joined(pictures(self.work.train), made, records)
        with torch.random.fork_rng(devices=[]):
            values = rows_for(self._network(number), data, views=self._views).values
        return _Prepared(number, records, values, torch.from_numpy(data.labels))

    def _once(
        self, prepared: _Prepared, made: Canaries, role: Role, steps: int, until: float
    ) -> _Run:
        """The first `steps` steps of one network, fewer if time is up; at least one."""
        plan, started, watching = self.work.plan.training, time.monotonic(), 0.0
        with torch.random.fork_rng(devices=[]):
            private, marked, rows, used = self._training(prepared, made, role)
            watch = MarkObserver(marked)
            for values, labels, which in private.batches(steps):
                inputs = views(rows.as_input(values), plan.augment, flip=plan.flip)
                places, answers = (one.repeat_interleave(plan.augment) for one in (which, labels))
                logits = marked(inputs, which=places)
                private.backward(functional.cross_entropy(logits, answers, reduction="none"))
                if private.steps_done == watch.steps:
                    continue
                before = time.monotonic()
                watch.observe()
                watching += time.monotonic() - before
                in_units_of_threshold(private)
                used.step()
                if time.monotonic() > until:
                    break
            private.detach()
        sampled = watch.sampled() // plan.augment
        return _Run(*watch.watched(), sampled, time.monotonic() - started, watching)

    def _training(
        self, prepared: _Prepared, made: Canaries, role: Role
    ) -> tuple[PrivateTraining, Marked, Rows, torch.optim.Optimizer]:
        """As `polyveil.learn.run` sets it up, with canaries."""
        plan, settled, train = self.work.plan, self.work.schedule, self.work.train
        inside = np.flatnonzero(made.included)
        real = prepared.records
        chosen = torch.from_numpy(np.concatenate([np.arange(real), real + inside]))
        which = torch.from_numpy(np.concatenate([np.full(real, -1), inside]))
        model = self._network(prepared.number)
        first = _first(pictures(train))
        rows = replace(rows_for(model, first, views=self._views), values=prepared.values)
        marked = Marked(rows.network, made.examples)
        used = optimizer(marked, plan.training)
        private = PrivateTraining(
            marked,
            used,
            (prepared.values[chosen], prepared.labels[chosen], which),
            batch_size=min(settled.rate * len(chosen), len(chosen)),
            epochs=settled.rate * settled.steps,
            noise_multiplier=0.0 if role == "twin" else settled.noise_multiplier,
            delta=settled.delta,
            clipping=cast(Literal["per-layer", "flat"], plan.privacy.clipping),
            thresholds=thresholds(plan.privacy),
            mode=cast(Literal["sound", "paper"], plan.privacy.mode),
            physical_batch=max(1, plan.training.physical_batch // plan.training.augment),
            views=plan.training.augment,
            secret=_secret(made.seed, prepared.number, role),
        )
        return private, marked, rows, used

    @property
    def _views(self) -> int:
        return self.work.plan.training.augment

    def _network(self, number: int) -> nn.Module:
        """With its first weights; leaves torch's generator where every run of it starts."""
        torch.manual_seed(self.work.plan.training.seed + number)
        return network(self.work.plan.models[number - 1], self.work.train)


def audit_work(
    work: Work,
    *,
    claimed: float | None = None,
    canaries: int | None = None,
    seconds: float | None = None,
    seed: int = 0,
) -> tuple[AttackResult, ClaimCheck]:
    """Audits a settled run.

    Args:
      work: as `polyveil train` would carry it out.
      claimed: epsilon that was stated for it; None for the plan's.
      canaries: m; None for as many as the claim needs.
      seconds: about how long all may take; None for all steps. If time is up before, the claim
        that is tested is that of the steps done, and the check says so.
      seed: of coins, canaries and the audit's own noise.

    Raises:
      NotPrivate: it cannot be trained with a guarantee.
    """
    procedure = WorkProcedure(work)
    claim = work.plan.privacy.budget if claimed is None else claimed
    audit = OneRunAudit(
        claimed=claim,
        facts=procedure.facts,
        canaries=canaries
        or enough_canaries(claim, delta=work.schedule.delta, most=2 * len(work.train)),
        seed=seed,
        seconds=seconds,
    )
    evidence = audit.attempt(procedure)
    return audit.analyse(evidence), audit.check(evidence)


def _joined(train: Labelled, made: Canaries, records: int) -> Labelled:
    """The first records, then all canaries."""
    return Labelled(
        np.concatenate([train.images[:records], made.examples.inputs["image"].numpy()]),
        np.concatenate([train.labels[:records], made.examples.labels.numpy()]),
        train.classes,
    )


def _first(train: Labelled) -> Labelled:
    """One record, where only the shape matters."""
    return Labelled(train.images[:1], train.labels[:1], train.classes)


def _looks(work: Work, count: int) -> int:
    """Steps in which each record is looked at so often, in expectation; not more than there are."""
    return min(work.schedule.steps, math.ceil(count / work.schedule.rate))


def _part(end: float, parts: int) -> float:
    """When one of so many equal parts of the time that is left is over."""
    now = time.monotonic()
    return end if math.isinf(end) else now + max(0.0, end - now) / parts


def _secret(seed: int, number: int, role: Role) -> bytes:
    """Of the audit's own sampling and noise; never that of the run that is audited."""
    return hashlib.sha256(f"one-run audit|{seed}|{number}|{role}".encode()).digest()
