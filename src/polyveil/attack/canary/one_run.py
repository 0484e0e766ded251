# SPDX-License-Identifier: Apache-2.0
"""The one-run audit: one training with canaries, guesses, and what they say about its epsilon.

Two scores are tried, each at half the significance: of the released gradients, which shows noise
that is missing, too small or beside missing clipping, and of their differences, which shows noise
that was used twice. How many guesses are made follows from public facts before a score is seen.

    audit = OneRunAudit(claimed=3.0, facts=TrainingFacts(1.1, 0.05, 400, 1e-5))
    canaries = Canaries.like(data, count=audit.canaries, classes=10, seed=1)
    ...                                     # train, as `Marked` shows
    evidence = watched(watch, canaries.included, rate=0.05, of_steps=400, sampled=watch.sampled())
    audit.analyse(evidence), audit.check(evidence)

Source: Steinke, Nasr & Jagielski, NeurIPS 2023, https://arxiv.org/abs/2305.08846.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from polyveil import _validate
from polyveil.assess.measure import Measure
from polyveil.attack.canary.bound import OneRunBound, default_guesses, one_run_bound, p_value
from polyveil.attack.canary.claim import ClaimCheck, TrainingFacts, check_claim, exceeds
from polyveil.attack.canary.evidence import OneRunEvidence
from polyveil.attack.canary.score import right_guesses
from polyveil.attack.guard import Guard
from polyveil.attack.multiplicity import all_trials
from polyveil.attack.result import AttackResult, Effort
from polyveil.attack.threat import Threat
from polyveil.interval import clopper_pearson

Floats: TypeAlias = NDArray[np.floating]

THREAT = Threat(
    id="one-run audit",
    attacker="someone who follows the training and knows all records but whether one is in it",
    access="every released gradient, and the weights that it was made at",
    knowledge="the canaries, the procedure, its noise and its sampling rate",
    kind="privacy",
    risk="singling out",
)

SCORES = ("released gradients", "differences of successive releases")
_BY_CHANCE = 1e-3
"""Controls fail by mere chance this often."""
NOT_TO_BE_USED = "The audited model has seen made-up records; it is not to be used."
_LEAST = 1e-3
"""Few steps may claim nothing at all; guesses are then chosen as for this epsilon."""


class Procedure(Protocol):
    """A training that can be carried out with canaries, as often as one likes."""

    def watch(self, *, canaries: int, seed: int, seconds: float | None) -> OneRunEvidence:
        """One run with so many canaries, and its controls, within about so many seconds."""
        ...


@dataclass(frozen=True, slots=True)
class OneRunAudit:
    """Puts a claimed epsilon to the test.

    Attributes:
      claimed: epsilon of the whole training, > 0.
      facts: of the whole training, as it is carried out; its delta is the claim's.
      canaries: m; see `enough_canaries`.
      seed: of coins and canaries.
      seconds: about how long the training and its controls may take; None for all steps.
      confidence: of the bound.
    """

    claimed: float
    facts: TrainingFacts
    canaries: int = 1000
    seed: int = 0
    seconds: float | None = None
    confidence: float = 0.95

    def __post_init__(self) -> None:
        _validate.positive(claimed=self.claimed)
        _validate.at_least(2, canaries=self.canaries)

    @property
    def name(self) -> str:
        return f"one-run audit, {self.canaries:,} canaries"

    def attempt(self, target: Procedure) -> OneRunEvidence:
        """Trains with canaries and watches."""
        return target.watch(canaries=self.canaries, seed=self.seed, seconds=self.seconds)

    def analyse(self, evidence: OneRunEvidence) -> AttackResult:
        """How many guesses were right, beside how many the claim allows."""
        claim, bounds = self.claim_for(evidence), self.bounds(evidence)
        best = max(bounds, key=lambda one: one.correct)
        allowed = 1 / (1 + math.exp(-claim))
        p = p_value(
            best.canaries, best.guesses, best.correct, epsilon=claim, delta=self.facts.delta
        )
        odds = evidence.memberships()
        return AttackResult(
            attack=self.name,
            threat=THREAT,
            headline=Measure(
                "right guesses about canaries",
                clopper_pearson(best.correct, best.guesses, confidence=self.confidence),
                better="lower",
                baseline={"chance": allowed, "a coin": 0.5},
                attacker=f"sees {SCORES[bounds.index(best)]}",
                note='"Chance" is the most that the claimed epsilon allows.',
            ),
            sentence=self.check(evidence).sentence,
            guards=self.guards(evidence),
            p_value=all_trials(p, len(SCORES)),
            measures=self._measures(evidence, bounds, claim),
            effort=Effort(seconds=evidence.seconds, models=_runs(evidence), trials=len(SCORES)),
            not_tested=(
                "attackers who see the final model only (they can do no more than this one)",
                "faults that only records with gradients of a certain kind bring to light",
            ),
            notes=_notes(evidence),
            arrays={
                "included": evidence.included,
                "ln odds, released gradients": odds[0],
                "ln odds, differences": odds[1],
            },
        )

    def check(self, evidence: OneRunEvidence) -> ClaimCheck:
        """The claim beside the accountant's answer and the attack's."""
        facts, seen = self.facts_seen(evidence), evidence.measured()
        watched = evidence.steps if seen is None else seen.samples(evidence.steps)
        best = max(self.bounds(evidence), key=lambda one: one.epsilon)
        return check_claim(
            self.claim_for(evidence),
            delta=self.facts.delta,
            recomputed=facts.epsilon(watched) if self._is_part(evidence) else facts.epsilon(),
            bound=best,
            steps=evidence.steps,
            of_steps=evidence.of_steps,
        )

    def claim_for(self, evidence: OneRunEvidence) -> float:
        """What is claimed for the steps that were watched: less, where they are fewer."""
        if not self._is_part(evidence):
            return self.claimed
        return min(self.claimed, self.facts.epsilon(evidence.steps))

    def _is_part(self, evidence: OneRunEvidence) -> bool:
        """Whether a part of the claim is tested. One that its own facts contradict is taken as it
        was made: what a part of the steps has shown, all of them have."""
        fewer = evidence.steps < evidence.of_steps
        return fewer and not exceeds(self.facts.epsilon(), self.claimed)

    def facts_seen(self, evidence: OneRunEvidence) -> TrainingFacts:
        """The stated facts, but for what was seen to be worse: see `measured`."""
        seen = evidence.measured()
        return self.facts if seen is None else seen.facts(self.facts)

    def bounds(self, evidence: OneRunEvidence) -> tuple[OneRunBound, OneRunBound]:
        """What each of the two scores shows, the other one paid for."""
        ins, outs = self.guesses(evidence)
        first, second = (
            one_run_bound(
                len(evidence.included),
                ins + outs,
                right_guesses(odds, evidence.included, ins=ins, outs=outs),
                delta=self.facts.delta,
                confidence=self.confidence,
                trials=len(SCORES),
            )
            for odds in evidence.memberships()
        )
        return first, second

    def guesses(self, evidence: OneRunEvidence) -> tuple[int, int]:
        """(k+, k-), from public facts alone: claim, steps, number of canaries."""
        return default_guesses(
            len(evidence.included),
            max(self.claim_for(evidence), _LEAST),
            delta=self.facts.delta,
            confidence=self.confidence,
            trials=len(SCORES),
        )

    def guards(self, evidence: OneRunEvidence) -> tuple[Guard, ...]:
        """Health of this audit."""
        found = [_fair(evidence.included)]
        if evidence.sampled is not None:
            found.append(_sampled(evidence))
        if evidence.null is not None:
            found.append(self._null(evidence.null, self.guesses(evidence)))
        if evidence.twin is not None:
            found.append(self._positive(evidence))
        return tuple(found)

    def _positive(self, evidence: OneRunEvidence) -> Guard:
        assert evidence.twin is not None  # noqa: S101 - narrows the type for mypy
        ins, outs = self.guesses(evidence)
        odds, _ = evidence.twin.memberships()
        right = right_guesses(odds, evidence.twin.included, ins=ins, outs=outs)
        shown = one_run_bound(
            len(evidence.twin.included), ins + outs, right, delta=self.facts.delta, trials=2
        )
        return Guard(
            "positive control",
            "false comfort",
            shown.contradicts(self.claim_for(evidence)),
            f"without noise {right} of {ins + outs} guesses were right: epsilon at least "
            f"{shown.epsilon:.2f}, of {shown.ceiling:.2f} that could be shown",
        )

    def _null(self, null: OneRunEvidence, guesses: tuple[int, int]) -> Guard:
        ins, outs = guesses
        right = [
            right_guesses(odds, null.included, ins=ins, outs=outs) for odds in null.memberships()
        ]
        chance = min(all_trials(_two_sided(one, ins + outs), len(right)) for one in right)
        return Guard(
            "null control",
            "false alarm",
            chance >= _BY_CHANCE,
            f"with no canary in the training {right[0]} and {right[1]} of {ins + outs} guesses "
            f"were right; a coin gives {(ins + outs) / 2:g}",
        )

    def _measures(
        self, evidence: OneRunEvidence, bounds: tuple[OneRunBound, OneRunBound], claim: float
    ) -> tuple[Measure, ...]:
        best = max(bounds, key=lambda one: one.epsilon)
        compared = {"claimed": claim, "the most that could be shown": best.ceiling}
        shown = [
            Measure(
                f"epsilon is at least, by {name}", one.epsilon, "nats", "lower", baseline=compared
            )
            for name, one in zip(SCORES, bounds, strict=True)
        ]
        seen = evidence.measured()
        if seen is not None:
            stated = {"stated": self.facts.rate}
            shown.append(Measure("sampling rate, as seen", seen.rate, "", baseline=stated))
            apart = {"stated": 1.0}
            shown.append(
                Measure("releases made of one sample, at most", seen.sharing, "", baseline=apart)
            )
            shown.append(
                Measure("releases under one noise, at most", seen.same_noise, "", baseline=apart)
            )
        if seen is not None and seen.noise_multiplier is not None:
            stated = {"stated": self.facts.noise_multiplier}
            shown.append(
                Measure("noise multiplier, as seen", seen.noise_multiplier, "", baseline=stated)
            )
        share = evidence.watching / evidence.seconds if evidence.seconds else 0.0
        return (*shown, Measure("part of the training's time that watching took", share))


def enough_canaries(claimed: float, *, delta: float, most: int) -> int:
    """Canaries with which a perfect attacker could refute a claim with room to spare; at least
    500, at most `most`."""
    for count in (500, 1000, 2000, 5000, 10000):
        if count >= most:
            break
        if one_run_bound(count, count // 4, count // 4, delta=delta).ceiling > claimed + 0.7:
            return count
    return max(2, min(most, 10000))


def _fair(included: NDArray[np.bool_]) -> Guard:
    heads = int(included.sum())
    return Guard(
        "fair coins",
        "false alarm",
        _two_sided(heads, len(included)) >= _BY_CHANCE,
        f"{heads} of {len(included)} canaries are in, by coins drawn before the training",
    )


def _sampled(evidence: OneRunEvidence) -> Guard:
    assert evidence.sampled is not None  # noqa: S101 - narrows the type for mypy
    seen = evidence.sampled.sum(0)
    inside, outside = seen[evidence.included], seen[~evidence.included]
    expected = evidence.steps * evidence.rate * len(inside)
    met = int(inside.sum())
    # Too many is no less a finding, but one about the stated rate: see `facts_seen`.
    passed = not outside.any() and met >= expected - 5 * math.sqrt(expected) - 1
    return Guard(
        "canaries took part",
        "false comfort",
        passed,
        f"those that are in were sampled {met:,} times, {expected:,.0f} expected; those that are "
        f"out {int(outside.sum())} times",
    )


def _two_sided(hits: int, tries: int) -> float:
    from scipy.stats import binomtest

    return float(binomtest(hits, tries).pvalue)


def _notes(evidence: OneRunEvidence) -> tuple[str, ...]:
    said = (
        "A bound below the claim proves nothing; a bound above it refutes the claim.",
        NOT_TO_BE_USED,
    )
    if evidence.records == evidence.of_records:
        return said
    fewer = (
        f"To save time {evidence.records:,} of the {evidence.of_records:,} records took part; "
        "noise, sampling rate, clipping and engine are those of the run."
    )
    return (*said, fewer)


def _runs(evidence: OneRunEvidence) -> int:
    return 1 + (evidence.twin is not None) + (evidence.null is not None)
