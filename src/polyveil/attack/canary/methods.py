# SPDX-License-Identifier: Apache-2.0
"""The one-run audit of learning from several modalities: by turns, together, or apart.

    result, check = audit_method(Alternating(), data, options, budget)

The same method trains the same network with canaries among the records. A canary has every
modality, so it is in every modality's sample with the chance that each release gives it; every
release of every modality is a step that the attacker sees. Charging a round once would claim less
than what he finds.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from polyveil.attack.canary import controlled
from polyveil.attack.canary.claim import ClaimCheck, TrainingFacts
from polyveil.attack.canary.controlled import Role, Watched, own_secret
from polyveil.attack.canary.design import Canaries
from polyveil.attack.canary.evidence import OneRunEvidence
from polyveil.attack.canary.mark_observer import MarkObserver
from polyveil.attack.canary.marked_path import MarkedPath
from polyveil.attack.examples import Examples
from polyveil.attack.result import AttackResult
from polyveil.learn.modalities import Multimodal
from polyveil.learn.multimodal import Budget, Method, Options, Rounds
from polyveil.learn.multimodal.accounting import plan_rounds
from polyveil.learn.multimodal.method import Setting
from polyveil.learn.multimodal.steps import Steps
from polyveil.learn.multimodal.training import fresh


@dataclass(frozen=True, slots=True)
class MethodProcedure:
    """A method on its records, to be carried out with canaries.

    Attributes:
      method, options, budget: as `polyveil.learn.multimodal.train` gets them.
      data: records. Secret.
      rounds: of the training that makes the claim; noise and rate are taken from it.
      network: sizes of `MultimodalConfig`, where they shall be others.
    """

    method: Method
    data: Multimodal = field(repr=False)
    options: Options
    budget: Budget
    rounds: Rounds
    network: Mapping[str, Any] = field(default_factory=dict)

    networks = 1

    @property
    def facts(self) -> TrainingFacts:
        """See `Auditable`."""
        settled = self.rounds
        releases = settled.rounds * settled.releases
        return TrainingFacts(settled.noise_multiplier, settled.rate, releases, settled.delta)

    @property
    def records(self) -> int:
        """See `Auditable`."""
        return len(self.data)

    def canaries(self, count: int, seed: int) -> Canaries:
        """See `Auditable`; each has every modality."""
        inputs = {name: torch.from_numpy(values) for name, values in self.data.inputs.items()}
        like = Examples(inputs, torch.from_numpy(self.data.labels))
        return Canaries.like(like, count=count, classes=len(self.data.classes), seed=seed)

    def opened(self, number: int, made: Canaries, records: int) -> OpenedMethod:
        """See `Auditable`."""
        return OpenedMethod(self, records)

    def watch(self, *, canaries: int, seed: int, seconds: float | None) -> OneRunEvidence:
        """One run and its controls."""
        return controlled.watch(self, canaries=canaries, seed=seed, seconds=seconds)


@dataclass(frozen=True, slots=True)
class OpenedMethod:
    """See `polyveil.attack.canary.controlled.Opened`.

    Attributes:
      procedure: what is carried out.
      records: how many of its records take part.
    """

    procedure: MethodProcedure
    records: int

    def watch(self, made: Canaries, role: Role, releases: int, until: float) -> Watched:
        """See `Opened`; whole rounds."""
        method, started = self.procedure.method, time.monotonic()
        setting = self._setting(made, role)
        wanted = math.ceil(releases / setting.rounds.releases)
        with torch.random.fork_rng(devices=[]):
            for done, _ in enumerate(method.rounds(setting), start=1):
                if done == wanted or time.monotonic() > until:
                    break
        return setting.seen.watched(time.monotonic() - started)

    def _setting(self, made: Canaries, role: Role) -> MarkedSetting:
        whole, settled = self.procedure, self.procedure.rounds
        inside = torch.from_numpy(np.flatnonzero(made.included))
        real = self.records

        def joined(of_records: np.ndarray[Any, Any], of_canaries: Tensor) -> Tensor:
            return torch.cat([torch.from_numpy(of_records[:real]), of_canaries[inside]])

        inputs = {
            name: joined(values, made.examples.inputs[name])
            for name, values in whole.data.inputs.items()
        }
        present = torch.ones(len(made), len(inputs), dtype=torch.bool)
        rows = real + len(inside)
        noise = 0.0 if role == "twin" else settled.noise_multiplier
        return MarkedSetting(
            model=fresh(whole.method, whole.data, whole.options.seed, whole.network),
            inputs=inputs,
            present=joined(whole.data.present, present),
            labels=joined(whole.data.labels, made.examples.labels),
            options=whole.options,
            budget=whole.budget,
            rounds=replace(settled, records=rows, noise_multiplier=noise),
            secret=own_secret(made.seed, 1, role),
            watch=lambda step: None,
            which=torch.cat([torch.full((real,), -1), inside]),
            seen=Releases(len(made)),
        )


class Releases:
    """What was seen of a training's releases, whichever path they came from. Args: canaries: m."""

    def __init__(self, canaries: int) -> None:
        self.canaries = canaries
        self._watching = 0.0
        self._observers: list[MarkObserver] = []

    def observer(self, path: MarkedPath) -> Callable[[], None]:
        """What is to be called after every release of a path."""
        own = MarkObserver(path)
        self._observers.append(own)

        def observe() -> None:
            before = time.monotonic()
            own.observe()
            self._watching += time.monotonic() - before

        return observe

    def watched(self, seconds: float) -> Watched:
        """All of it, path by path."""
        both = [one.watched() for one in self._observers]
        return Watched(
            np.concatenate([scores for scores, _ in both]),
            np.concatenate([differences for _, differences in both]),
            np.concatenate([one.sampled() for one in self._observers]),
            seconds,
            self._watching,
        )


@dataclass(frozen=True, slots=True)
class MarkedSetting(Setting):
    """A setting with canaries among its records.

    Attributes:
      which: int64 [records], place of each canary, -1 for others.
      seen: gets every release.
    """

    which: Tensor = field(repr=False)
    seen: Releases = field(repr=False)

    def steps(
        self, name: str, path: nn.Module, rows: tuple[Tensor, ...], losses: Callable[..., Tensor]
    ) -> Steps:
        """As of the path alone; its canaries pull at their marks, and every release is seen."""
        marked = MarkedPath(path, losses, self.seen.canaries)
        steps = Setting.steps(self, name, marked, (*rows, self.which), marked.losses)
        steps.listener = self.seen.observer(marked)
        return steps


def audit_method(
    method: Method,
    data: Multimodal,
    options: Options,
    budget: Budget,
    *,
    network: Mapping[str, Any] | None = None,
    claimed: float | None = None,
    canaries: int | None = None,
    seconds: float | None = None,
    seed: int = 0,
) -> tuple[AttackResult, ClaimCheck]:
    """Puts the epsilon of a training of several modalities to the test.

    Args:
      method, data, options, budget, network: as of `polyveil.learn.multimodal.train`.
      claimed: epsilon that was stated for it; None for what its own accounting says.
      canaries, seconds, seed: see `polyveil.attack.canary.work.audit_work`.

    Raises:
      NotPrivate: it cannot be trained with a guarantee.
    """
    method.remarks(options, private=True)
    rounds = plan_rounds(
        len(data),
        batch_size=options.batch_size,
        epochs=options.epochs,
        releases=method.releases(len(data.inputs)),
        epsilon=budget.epsilon,
        noise_multiplier=budget.noise_multiplier,
        delta=budget.delta,
    )
    procedure = MethodProcedure(method, data, options, budget, rounds, network or {})
    claim = rounds.epsilon() if claimed is None else claimed
    return controlled.audited(procedure, claim, canaries=canaries, seconds=seconds, seed=seed)
