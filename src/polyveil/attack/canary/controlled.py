# SPDX-License-Identifier: Apache-2.0
"""One training with canaries and its controls, within the time that there is.

Two short controls come first: the same training without noise, which an attacker who sees anything
must see through, and one without canaries, where he must guess like a coin. They also tell what a
step costs. Where time is short fewer real records take part, then fewer steps are made; both is
said. Marks do not depend on what else is learned, so a full number of steps on fewer records tests
the whole claim.
"""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from polyveil.attack.canary.claim import ClaimCheck, TrainingFacts
from polyveil.attack.canary.design import Canaries
from polyveil.attack.canary.evidence import OneRunEvidence
from polyveil.attack.canary.one_run import (
    OneRunAudit,
    Procedure,
    enough_canaries,
)
from polyveil.attack.result import AttackResult

_TWIN_LOOKS, _NULL_LOOKS = 8, 2
"""How often a control looks at each record, in expectation. A canary that is in and never sampled
is taken for one that is out, which e^-looks of them are: few enough to see through ε = 8."""
_FEW = 256
"""Real records in a control: it is about the attacker's eyes, not about what is learned."""
_CONTROL = 0.2
"""Share of the time that is left which a control may take at least."""
_USED = 0.8
"""Share of the time that is left which is planned for."""

Role: TypeAlias = Literal["audit", "twin", "null"]
"""The training that is audited, the same without noise, the same without canaries."""


@dataclass(frozen=True, slots=True)
class Watched:
    """One network's training, watched: its noised releases, in order.

    Attributes:
      scores, differences: [releases, m].
      sampled: int [releases, m], how often each canary was in each sample.
      seconds, watching: of the training, and the part of it that watching took.
    """

    scores: NDArray[np.float32] = field(repr=False)
    differences: NDArray[np.float32] = field(repr=False)
    sampled: NDArray[np.int64] = field(repr=False)
    seconds: float
    watching: float


class Opened(Protocol):
    """One network, its rows ready; trained anew by every call."""

    def watch(self, made: Canaries, role: Role, releases: int, until: float) -> Watched:
        """The first releases, fewer if time is up; at least one.

        Args:
          made: whose coins say who is in.
          until: on the monotonic clock.
        """
        ...


class Auditable(Procedure, Protocol):
    """A training that can be carried out with canaries among its records, network by network."""

    @property
    def facts(self) -> TrainingFacts:
        """Of all its networks together."""
        ...

    @property
    def records(self) -> int:
        """Real ones."""
        ...

    @property
    def networks(self) -> int:
        """How many, trained one after the other."""
        ...

    def canaries(self, count: int, seed: int) -> Canaries:
        """So many, like its records."""
        ...

    def opened(self, number: int, made: Canaries, records: int) -> Opened:
        """The number-th network (from 1) on the first records and the canaries."""
        ...


def watch(
    training: Auditable, *, canaries: int, seed: int, seconds: float | None
) -> OneRunEvidence:
    """One run and its controls.

    Args:
      canaries: m.
      seed: of coins, canaries, batches and noise.
      seconds: about how long all may take; None for all steps.
    """
    made = training.canaries(canaries, seed)
    nobody = replace(made, included=np.zeros_like(made.included))
    end = math.inf if seconds is None else time.monotonic() + seconds
    started = time.monotonic()
    few = min(_FEW, training.records)
    opened = training.opened(1, made, few)
    preparing = (time.monotonic() - started) / (few + canaries)
    looks, others = _looks(training, _TWIN_LOOKS), _looks(training, _NULL_LOOKS)
    # A run of few steps needs as many for its twin, which would else be too blind to catch it.
    share = max(_CONTROL, looks / (looks + others + training.facts.steps))
    twin = opened.watch(made, "twin", looks, _part(end, share))
    null = opened.watch(nobody, "null", others, _part(end, _CONTROL))
    a_row = twin.seconds / (len(twin.scores) * (few + int(made.included.sum())))
    records = _affordable(training, made, a_row, preparing, end - time.monotonic())
    runs, networks = [], training.networks
    for number in range(1, networks + 1):
        if (number, records) != (1, few):
            opened = training.opened(number, made, records)
        until = _part(end, 1 / (networks + 1 - number))
        runs.append(opened.watch(made, "audit", _releases(training), until))
    return replace(
        _evidence(training, runs, made),
        twin=_evidence(training, [twin], made),
        null=_evidence(training, [null], made),
        records=records,
        of_records=training.records,
    )


def audited(
    training: Auditable,
    claimed: float,
    *,
    canaries: int | None,
    seconds: float | None,
    seed: int,
) -> tuple[AttackResult, ClaimCheck]:
    """The outcome, and the claim beside it.

    Args:
      claimed: epsilon of the whole training.
      canaries: m; None for as many as the claim needs.
      seconds: about how long all may take; None for all steps. If time is up before, the claim
        that is tested is that of the steps done, and the check says so.
      seed: of coins, canaries and the audit's own noise.
    """
    facts, most = training.facts, 2 * training.records
    audit = OneRunAudit(
        claimed=claimed,
        facts=facts,
        canaries=canaries or enough_canaries(claimed, delta=facts.delta, most=most),
        seed=seed,
        seconds=seconds,
    )
    evidence = audit.attempt(training)
    return audit.analyse(evidence), audit.check(evidence)


def own_secret(seed: int, number: int, role: Role) -> bytes:
    """Of an audit's own sampling and noise; never that of the run that is audited."""
    return hashlib.sha256(f"one-run audit|{seed}|{number}|{role}".encode()).digest()


def _releases(training: Auditable) -> int:
    """Of one network."""
    return training.facts.steps // training.networks


def _affordable(
    training: Auditable, made: Canaries, a_row: float, preparing: float, seconds: float
) -> int:
    """Real records with which all steps fit into so many seconds; `_FEW` at least.

    Args:
      a_row: seconds of a release for each row that may be sampled in it.
      preparing: seconds to prepare a row.
    """
    most = training.records
    if math.isinf(seconds):
        return most
    a_record = a_row * _releases(training) + preparing
    rows = _USED * seconds / (training.networks * a_record)
    return max(min(_FEW, most), min(most, int(rows) - int(made.included.sum())))


def _evidence(training: Auditable, runs: Sequence[Watched], made: Canaries) -> OneRunEvidence:
    scores = np.concatenate([one.scores for one in runs])
    return OneRunEvidence(
        scores=scores,
        differences=np.concatenate([one.differences for one in runs]),
        included=made.included,
        rate=training.facts.rate,
        steps=len(scores),
        of_steps=training.facts.steps,
        sampled=np.concatenate([one.sampled for one in runs]),
        seconds=sum(one.seconds for one in runs),
        watching=sum(one.watching for one in runs),
    )


def _looks(training: Auditable, count: int) -> int:
    """Releases in which each record is looked at so often, in expectation; not more than there
    are."""
    return min(_releases(training), math.ceil(count / training.facts.rate))


def _part(end: float, share: float) -> float:
    """When a share of the time that is left is over."""
    now = time.monotonic()
    return end if math.isinf(end) else now + share * max(0.0, end - now)
