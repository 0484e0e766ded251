# SPDX-License-Identifier: Apache-2.0
"""A claimed epsilon beside the evidence: the accountant's own answer, and an attack's lower bound.

A claim falls in two ways. The facts of the training (noise, sampling rate, steps) cost more than
was claimed: that is arithmetic, and certain. Or an attacker guesses more than the claim allows:
that is statistics, and holds with the stated confidence. It never stands by an attack: what failed
to refute it may have been a bad attacker, an unlucky run, or too few canaries.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias

from polyveil import _validate
from polyveil.attack.canary.bound import OneRunBound

ClaimVerdict: TypeAlias = Literal["refuted", "not refuted"]

_SLACK = 1.01
"""Accountants differ by rounding and grids; what is above this much is a difference of facts."""


@dataclass(frozen=True, slots=True)
class TrainingFacts:
    """What an accountant needs to know of a training, as it was carried out; public.

    Attributes:
      noise_multiplier: noise standard deviation / L2 sensitivity; 0 for none.
      rate: chance q of each record to be in a step's sample, in (0, 1].
      steps: noised releases, >= 0.
      delta: that epsilon is stated for, in (0, 1).
    """

    noise_multiplier: float
    rate: float
    steps: int
    delta: float

    def __post_init__(self) -> None:
        _validate.not_negative(noise_multiplier=self.noise_multiplier)
        _validate.positive(rate=self.rate, delta=self.delta)
        _validate.probability(rate=self.rate, delta=self.delta)
        _validate.at_least(0, steps=self.steps)

    def epsilon(self, steps: int | None = None) -> float:
        """What the first `steps` steps (default: all) spend; infinite without noise.

        Raises:
          MissingExtra: dp-accounting is not installed.
        """
        many = self.steps if steps is None else steps
        if not many:
            return 0.0
        if not self.noise_multiplier:
            return math.inf
        from polyveil.privacy import accountant

        event = accountant.SampledGaussian(self.rate, self.noise_multiplier, many)
        return accountant.epsilon_spent([event], delta=self.delta)


@dataclass(frozen=True, slots=True)
class ClaimCheck:
    """One claim, beside everything that was found about it.

    Attributes:
      statement: the claim in words, e.g. "epsilon 3.00 at delta 1e-05 for 400 steps".
      claimed: its epsilon, in nats.
      delta: its delta.
      recomputed: epsilon by the accountant from the training's facts, those seen to be worse than
        stated taken as seen; infinite where they promise
        nothing; None where the facts were not at hand.
      bound: of the attack; None where there was none.
      verdict: "refuted" by arithmetic or by the attack; "not refuted" proves nothing.
      sentence: the outcome for a reader who is no engineer.
      steps, of_steps: watched by the attack, and of the whole training. `claimed` is that of the
        steps watched.
    """

    statement: str
    claimed: float
    delta: float
    recomputed: float | None
    bound: OneRunBound | None
    verdict: ClaimVerdict
    sentence: str
    steps: int | None = None
    of_steps: int | None = None

    @property
    def ceiling(self) -> float | None:
        """The most that the attack could have shown; None where there was none."""
        return None if self.bound is None else self.bound.ceiling

    @property
    def refuted_by(self) -> tuple[str, ...]:
        """Which of "accountant" and "attack" contradict the claim."""
        by_accountant = exceeds(self.recomputed, self.claimed)
        by_attack = self.bound is not None and self.bound.contradicts(self.claimed)
        found = (("accountant", by_accountant), ("attack", by_attack))
        return tuple(name for name, it_does in found if it_does)

    @property
    def could_refute(self) -> bool:
        """Whether a perfect attacker could have contradicted the claim with so many guesses."""
        return self.bound is not None and self.bound.ceiling > self.claimed


def check_claim(
    claimed: float,
    *,
    delta: float,
    recomputed: float | None = None,
    bound: OneRunBound | None = None,
    steps: int | None = None,
    of_steps: int | None = None,
) -> ClaimCheck:
    """Judges a claimed epsilon.

    Args:
      claimed: epsilon, >= 0; that of `steps`, where fewer steps than claimed for were watched.
      recomputed: by the accountant, for the same steps; may be infinite.
      bound: at the same delta.

    Raises:
      ValueError: a claim that is not finite, or a bound at another delta.
    """
    _validate.not_negative(claimed=claimed)
    if bound is not None and bound.delta != delta:
        raise ValueError(f"expected a bound at delta {delta:g}, got one at {bound.delta:g}.")
    part = "" if steps is None else f" for {steps:,} steps"
    if steps is not None and of_steps is not None and steps < of_steps:
        part = f" for the first {steps:,} of {of_steps:,} steps"
    by_accountant = exceeds(recomputed, claimed)
    by_attack = bound is not None and bound.contradicts(claimed)
    return ClaimCheck(
        statement=f"epsilon {claimed:.2f} at delta {delta:g}{part}",
        claimed=claimed,
        delta=delta,
        recomputed=recomputed,
        bound=bound,
        verdict="refuted" if by_accountant or by_attack else "not refuted",
        sentence=_sentence(claimed, recomputed, bound, part),
        steps=steps,
        of_steps=of_steps,
    )


def exceeds(recomputed: float | None, claimed: float) -> bool:
    """Whether the accountant's answer is more than rounding above the claim."""
    return recomputed is not None and recomputed > _SLACK * claimed


def _sentence(
    claimed: float, recomputed: float | None, bound: OneRunBound | None, part: str
) -> str:
    said = [f"Claimed: epsilon {claimed:.2f}{part}."]
    if recomputed is not None and exceeds(recomputed, claimed):
        spent = "nothing at all is promised" if math.isinf(recomputed) else f"{recomputed:.2f}"
        said.append(
            "The claim is wrong by arithmetic: noise, rate and steps, as stated or as seen in the "
            f"training, give {spent}."
        )
    elif recomputed is not None:
        said.append(f"Recomputed from noise, rate and steps: {recomputed:.2f}.")
    if bound is None:
        said.append("No attack was carried out against it.")
        return " ".join(said)
    said.append(bound.sentence)
    if bound.contradicts(claimed):
        said.append("That is more than the claim allows: the claim is refuted.")
    elif bound.ceiling <= claimed:
        said.append(
            "Even a perfect attacker could not have refuted the claim with so few guesses: this "
            "is no evidence for it."
        )
    else:
        said.append("The attack does not refute the claim; that it is below proves nothing.")
    return " ".join(said)
