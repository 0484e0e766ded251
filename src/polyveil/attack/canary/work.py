# SPDX-License-Identifier: Apache-2.0
"""The one-run audit of a training that polyveil carries out: a plan, its data, and its engine.

The same network is trained on the same records by the same engine: same noise multiplier, sampling
rate, steps, clipping, views and physical batches. What differs: canaries are among the records,
each layer has their marks, weights are not averaged, and nothing is measured on the way or kept.
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
from torch.nn import functional

from polyveil.attack.canary.claim import ClaimCheck, TrainingFacts
from polyveil.attack.canary.design import Canaries
from polyveil.attack.canary.marks import Marked, MarkObserver
from polyveil.attack.canary.one_run import OneRunAudit, OneRunEvidence, enough_canaries
from polyveil.attack.examples import Examples
from polyveil.attack.result import AttackResult
from polyveil.learn.labelled import Labelled
from polyveil.learn.private import PrivateTraining
from polyveil.learn.rows import Rows, rows_for
from polyveil.learn.run import in_units_of_threshold, network, optimizer, thresholds
from polyveil.learn.views import views
from polyveil.learn.work import Work

_TWIN_LOOKS, _NULL_LOOKS = 4, 2
"""How often a control looks at each record, in expectation."""

Role: TypeAlias = Literal["audit", "twin", "null"]
"""The training that is audited, the same without noise, the same without canaries."""


@dataclass(frozen=True, slots=True)
class _Run:
    """One network's training, watched."""

    scores: NDArray[np.float32]
    differences: NDArray[np.float32]
    seen: NDArray[np.int64]
    seconds: float
    watching: float


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
        """One run and its controls. What is not done when time is up stays undone, and said."""
        train = self.work.train
        data = Examples({"image": torch.from_numpy(train.images)}, torch.from_numpy(train.labels))
        made = Canaries.like(data, count=canaries, classes=len(train.classes), seed=seed)
        nobody = replace(made, included=np.zeros_like(made.included))
        end = math.inf if seconds is None else time.monotonic() + seconds
        twin = self._once(1, made, "twin", _looks(self.work, _TWIN_LOOKS), _part(end, 5))
        null = self._once(1, nobody, "null", _looks(self.work, _NULL_LOOKS), _part(end, 5))
        networks, runs = len(self.work.plan.models), []
        for number in range(1, networks + 1):
            until = _part(end, networks + 1 - number)
            runs.append(self._once(number, made, "audit", self.work.schedule.steps, until))
        return replace(
            self._evidence(runs, made),
            twin=self._evidence([twin], made),
            null=self._evidence([null], made),
        )

    def _evidence(self, runs: list[_Run], made: Canaries) -> OneRunEvidence:
        scores = np.concatenate([one.scores for one in runs])
        return OneRunEvidence(
            scores=scores,
            differences=np.concatenate([one.differences for one in runs]),
            included=made.included,
            rate=self.work.schedule.rate,
            steps=len(scores),
            of_steps=self.facts.steps,
            seen=np.sum([one.seen for one in runs], axis=0),
            seconds=sum(one.seconds for one in runs),
            watching=sum(one.watching for one in runs),
        )

    def _once(self, number: int, made: Canaries, role: Role, steps: int, until: float) -> _Run:
        """The first `steps` steps of one network, fewer if time is up; at least one."""
        plan, started, watching = self.work.plan.training, time.monotonic(), 0.0
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(plan.seed + number)
            private, marked, rows, used = self._training(number, made, role)
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
        seen = marked.seen // plan.augment
        return _Run(*watch.watched(), seen, time.monotonic() - started, watching)

    def _training(
        self, number: int, made: Canaries, role: Role
    ) -> tuple[PrivateTraining, Marked, Rows, torch.optim.Optimizer]:
        """As `polyveil.learn.run` sets it up, with canaries."""
        plan, settled = self.work.plan, self.work.schedule
        train, which = _with_canaries(self.work.train, made)
        model = network(plan.models[number - 1], train)
        rows = rows_for(model, train, views=plan.training.augment)
        marked = Marked(rows.network, made.examples)
        used = optimizer(marked, plan.training)
        private = PrivateTraining(
            marked,
            used,
            (rows.values, torch.from_numpy(train.labels), which),
            batch_size=min(settled.rate * len(train), len(train)),
            epochs=settled.rate * settled.steps,
            noise_multiplier=0.0 if role == "twin" else settled.noise_multiplier,
            delta=settled.delta,
            clipping=cast(Literal["per-layer", "flat"], plan.privacy.clipping),
            thresholds=thresholds(plan.privacy),
            mode=cast(Literal["sound", "paper"], plan.privacy.mode),
            physical_batch=max(1, plan.training.physical_batch // plan.training.augment),
            views=plan.training.augment,
            secret=_secret(made.seed, number, role),
        )
        return private, marked, rows, used


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
    claim = work.plan.privacy.epsilon if claimed is None else claimed
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


def _with_canaries(train: Labelled, made: Canaries) -> tuple[Labelled, torch.Tensor]:
    """The records with the canaries that are in, and which canary each is, -1 for none."""
    members, inside = made.members, np.flatnonzero(made.included)
    joined = Labelled(
        np.concatenate([train.images, members.inputs["image"].numpy()]),
        np.concatenate([train.labels, members.labels.numpy()]),
        train.classes,
    )
    which = np.concatenate([np.full(len(train), -1, np.int64), inside.astype(np.int64)])
    return joined, torch.from_numpy(which)


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
