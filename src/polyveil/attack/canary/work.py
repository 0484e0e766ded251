# SPDX-License-Identifier: Apache-2.0
"""The one-run audit of a training that polyveil carries out: a plan, its data, and its engine.

The same network is trained on the same records by the same engine: same noise multiplier, sampling
rate, steps, clipping, views and physical batches. What differs: canaries are among the records,
each layer has their marks, weights are not averaged, and nothing is measured on the way or kept.
Its batches and noise follow from the audit's seed, never from the run's own secret.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Literal, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from polyveil.attack.canary import controlled
from polyveil.attack.canary.claim import ClaimCheck, TrainingFacts
from polyveil.attack.canary.controlled import Auditable, Opened, Role, Watched, own_secret
from polyveil.attack.canary.design import Canaries
from polyveil.attack.canary.evidence import OneRunEvidence
from polyveil.attack.canary.mark_observer import MarkObserver, Pulling
from polyveil.attack.canary.marks import Marked
from polyveil.attack.canary.methods import MethodProcedure
from polyveil.attack.examples import Examples
from polyveil.attack.result import AttackResult
from polyveil.errors import NotPrivate
from polyveil.learn.labelled import Labelled
from polyveil.learn.modalities import Multimodal
from polyveil.learn.objective import network, pictures
from polyveil.learn.plan import MULTIMODAL, RECOGNISER
from polyveil.learn.private import PrivateTraining
from polyveil.learn.rows import Rows, rows_for
from polyveil.learn.run import in_units_of_threshold, optimizer, thresholds
from polyveil.learn.views import views
from polyveil.learn.work import Work

_NO_CLAIM = "it was trained without noise: there is no claim to be put to the test."


@dataclass(frozen=True, slots=True)
class WorkProcedure:
    """A settled run on pictures, to be carried out with canaries.

    Attributes:
      work: plan, data and schedule.
    """

    work: Work

    @property
    def facts(self) -> TrainingFacts:
        """Of all its networks together."""
        settled, releases = self.work.schedule, self.work.noised_sums
        return TrainingFacts(settled.noise_multiplier, settled.rate, releases, settled.delta)

    @property
    def records(self) -> int:
        """See `Auditable`."""
        return len(self.work.train)

    @property
    def networks(self) -> int:
        """See `Auditable`."""
        return len(self.work.plan.models)

    def canaries(self, count: int, seed: int) -> Canaries:
        """See `Auditable`."""
        train = pictures(self.work.train)
        data = Examples({"image": torch.from_numpy(train.images)}, torch.from_numpy(train.labels))
        return Canaries.like(data, count=count, classes=len(train.classes), seed=seed)

    def opened(self, number: int, made: Canaries, records: int) -> Opened:
        """See `Auditable`."""
        work = self.work
        data = _joined(pictures(work.train), made, records)
        with torch.random.fork_rng(devices=[]):
            values = rows_for(_network(work, number), data, views=work.plan.training.augment).values
        return OpenedNetwork(work, number, records, values, torch.from_numpy(data.labels))

    def watch(self, *, canaries: int, seed: int, seconds: float | None) -> OneRunEvidence:
        """One run and its controls."""
        return controlled.watch(self, canaries=canaries, seed=seed, seconds=seconds)


@dataclass(frozen=True, slots=True)
class OpenedNetwork:
    """Rows of the records, then of all canaries, for one network; see `controlled.Opened`."""

    work: Work
    number: int
    records: int
    values: Tensor = field(repr=False)
    labels: Tensor = field(repr=False)

    def watch(self, made: Canaries, role: Role, releases: int, until: float) -> Watched:
        """See `Opened`."""
        plan, started = self.work.plan.training, time.monotonic()
        with torch.random.fork_rng(devices=[]):
            private, marked, rows, used = self._training(made, role)

            def losses(values: Tensor, labels: Tensor, which: Tensor) -> Tensor:
                inputs = views(rows.as_input(values), plan.augment, flip=plan.flip)
                places, answers = (one.repeat_interleave(plan.augment) for one in (which, labels))
                logits = marked(inputs, which=places)
                return functional.cross_entropy(logits, answers, reduction="none")

            watch, watching = steps_watched(private, used, marked, losses, releases, until)
        sampled = watch.sampled() // plan.augment
        return Watched(*watch.watched(), sampled, time.monotonic() - started, watching)

    def _training(
        self, made: Canaries, role: Role
    ) -> tuple[PrivateTraining, Marked, Rows, torch.optim.Optimizer]:
        """As `polyveil.learn.run` sets it up, with canaries."""
        plan, train = self.work.plan, self.work.train
        inside = np.flatnonzero(made.included)
        real = self.records
        chosen = torch.from_numpy(np.concatenate([np.arange(real), real + inside]))
        which = torch.from_numpy(np.concatenate([np.full(real, -1), inside]))
        model = _network(self.work, self.number)
        first = _first(pictures(train))
        rows = replace(rows_for(model, first, views=plan.training.augment), values=self.values)
        marked = Marked(rows.network, made.examples)
        used = optimizer(marked, plan.training)
        own = (self.values[chosen], self.labels[chosen], which)
        secret = own_secret(made.seed, self.number, role)
        private = engine(self.work, marked, used, own, role, secret, plan.training.augment)
        return private, marked, rows, used


def engine(
    work: Work,
    network: nn.Module,
    adjusts: torch.optim.Optimizer,
    rows: tuple[Tensor, ...],
    role: Role,
    secret: bytes,
    views: int,
) -> PrivateTraining:
    """A settled run's engine on rows of records and canaries: its noise, rate, steps and clipping.

    Args:
      network: with marks; `adjusts` is over its parameters.
      rows: tensors with one row a record.
      secret: of the audit's own batches and noise.
      views: rows that a record has in a batch of losses.
    """
    plan, settled, count = work.plan, work.schedule, len(rows[0])
    return PrivateTraining(
        network,
        adjusts,
        rows,
        batch_size=min(settled.rate * count, count),
        epochs=settled.rate * settled.steps,
        noise_multiplier=0.0 if role == "twin" else settled.noise_multiplier,
        delta=settled.delta,
        clipping=cast(Literal["per-layer", "flat"], plan.privacy.clipping),
        thresholds=thresholds(plan.privacy),
        mode=cast(Literal["sound", "paper"], plan.privacy.mode),
        physical_batch=max(1, plan.training.physical_batch // views),
        views=views,
        secret=secret,
    )


def steps_watched(
    private: PrivateTraining,
    used: torch.optim.Optimizer,
    marked: Pulling,
    losses: Callable[..., Tensor],
    releases: int,
    until: float,
    begin: Callable[[int], None] = lambda done: None,
) -> tuple[MarkObserver, float]:
    """Carries out a training as `polyveil.learn.run` does, every release seen by the attacker.

    Args:
      losses: of the rows of a batch.
      until: on the monotonic clock; one step is done even if it is over.
      begin: called before each step with how many are done.

    Returns:
      What was seen, and the seconds that seeing took.
    """
    watch, watching = MarkObserver(marked), 0.0
    begin(0)
    for rows in private.batches(releases):
        private.backward(losses(*rows))
        if private.steps_done == watch.steps:
            continue
        before = time.monotonic()
        watch.observe()
        watching += time.monotonic() - before
        in_units_of_threshold(private)
        used.step()
        if time.monotonic() > until:
            break
        begin(private.steps_done)
    private.detach()
    return watch, watching


def audit_work(
    work: Work,
    *,
    claimed: float | None = None,
    canaries: int | None = None,
    seconds: float | None = None,
    seed: int = 0,
) -> tuple[AttackResult, ClaimCheck]:
    """Audits a settled run on pictures, or of a classifier or recogniser of several modalities.

    Args:
      work: as `polyveil train` would carry it out.
      claimed: epsilon that was stated for it; None for the plan's.
      canaries, seconds, seed: see `polyveil.attack.canary.controlled.audited`.

    Raises:
      NotPrivate: it cannot be trained with a guarantee.
    """
    claim = work.plan.privacy.budget if claimed is None else claimed
    procedure = procedure_of(work)
    return controlled.audited(procedure, claim, canaries=canaries, seconds=seconds, seed=seed)


def procedure_of(work: Work) -> Auditable:
    """How a settled run is carried out with canaries."""
    plan, settled = work.plan.models[0], work.schedule
    if plan.name == RECOGNISER and isinstance(work.train, Multimodal):
        from polyveil.attack.canary.recogniser import RecogniserProcedure

        if not settled.noise_multiplier:
            raise NotPrivate(_NO_CLAIM)
        return RecogniserProcedure(work, work.train)
    if plan.name != MULTIMODAL:
        return WorkProcedure(work)
    from polyveil.learn.multimodal import planned
    from polyveil.learn.multimodal.accounting import Rounds

    method, data = planned.method(plan), planned.multimodal(work.train)
    budget = planned.budget(work.plan.privacy, settled.noise_multiplier, settled.delta)
    if budget is None:
        raise NotPrivate(_NO_CLAIM)
    releases = method.releases(len(data.inputs))
    rounds = Rounds(
        len(data), settled.rate, settled.steps, releases, settled.noise_multiplier, settled.delta
    )
    options = planned.options(work.plan.training)
    return MethodProcedure(method, data, options, budget, rounds, planned.sizes(plan))


def _network(work: Work, number: int) -> nn.Module:
    """With its first weights; leaves torch's generator where every run of it starts."""
    torch.manual_seed(work.plan.training.seed + number)
    return network(work.plan.models[number - 1], work.train)


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
