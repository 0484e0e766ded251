# SPDX-License-Identifier: Apache-2.0
"""Evasion as one attack: noise, searches, smallest radii, health, in that order.

The attacker changes a record within budgets of its modalities until the model errs. A model that
answers at random is noticed, its gradients averaged, its errors judged by many answers.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from polyveil import _validate
from polyveil.attack.classifier import Classifier
from polyveil.attack.evasion.analysis import analysed
from polyveil.attack.evasion.budget import Budgets, check
from polyveil.attack.evasion.ensemble import STANDARD, Worst, worst_of
from polyveil.attack.evasion.evidence import EvasionEvidence, MemberOutcome
from polyveil.attack.evasion.health import examined
from polyveil.attack.evasion.judge import is_random, judged, under_noise
from polyveil.attack.evasion.pgd import PGD
from polyveil.attack.evasion.radius import smallest_radius
from polyveil.attack.evasion.search import BATCH, Search
from polyveil.attack.examples import Examples
from polyveil.attack.missing import modalities
from polyveil.attack.result import AttackResult

AVERAGED = 20
"""Passes in each gradient of a random model; more change little (see the guard on effort)."""
ANSWERS = 15
"""Answers by which a record is judged under a random model; odd, so that there are no ties."""

_RADIUS_PASSES = 45


@dataclass(frozen=True, slots=True)
class Evasion:
    """An evasion attack with all that the attacker has.

    Attributes:
      examples: labelled records that the model was not trained on.
      budgets: modality -> what he may change; others stay untouched.
      members: searches, see `ensemble`; the first one of many steps sees every record.
      averaging: passes in each gradient; None for 1, or 20 where the model is random.
      passes: answers a record is judged by; None for 1, or 15 where the model is random.
      draws: random changes of full strength that stand for an attacker without the model.
      checks: at most so many records for each costly check of health.
      radii: also look for the smallest change that works, which draws accuracy by strength.
      keep: keep adversarial inputs among the arrays.
      batch: records at once.
      seed: of starts, noise and the model's own randomness.
    """

    examples: Examples = field(repr=False)
    budgets: Budgets
    members: tuple[Search, ...] = STANDARD
    averaging: int | None = None
    passes: int | None = None
    draws: int = 10
    checks: int = 100
    radii: bool = True
    keep: bool = False
    batch: int = BATCH
    seed: int = 0

    def __post_init__(self) -> None:
        check(self.budgets, self.examples.inputs)
        _validate.at_least(
            1, members=len(self.members), draws=self.draws, checks=self.checks, batch=self.batch
        )
        for name in ("averaging", "passes"):
            value = getattr(self, name)
            if value is not None:
                _validate.at_least(1, **{name: value})

    @property
    def name(self) -> str:
        """E.g. "evasion by image and sound, 6 searches"."""
        many = f"{len(self.members)} search{'es' if len(self.members) > 1 else ''}"
        return f"evasion by {' and '.join(self.budgets)}, {many}"

    @property
    def cost(self) -> int:
        """Passes of one record over the model, gradient or not, that all of it takes at most; a
        random model takes `averaging` times as many. Records that fall early take few."""
        searches = sum(one.passes * one.rounds for one in self.members)
        record = searches + self.draws + (_RADIUS_PASSES if self.radii else 0) + 1
        checks = min(self.checks, len(self.examples)) * 3 * searches
        return len(self.examples) * record + checks

    def attempt(self, target: Classifier) -> EvasionEvidence:
        """Runs noise, searches and checks; changes nothing about the model.

        Raises:
          UsageError: the model does not give logits, or one that is not finite.
        """
        before = target.queries
        random = is_random(target, self.examples, seed=self.seed)
        averaging = self.averaging or (AVERAGED if random else 1)
        passes = self.passes or (ANSWERS if random else 1)
        whole, labels = self.examples, self.examples.labels
        clean = judged(target, whole.inputs, labels, passes=passes, seed=self.seed)
        rows = torch.nonzero(~clean.wrong).squeeze(1)
        right = whole.at(rows)
        noisy = under_noise(
            target, right, self.budgets, draws=self.draws, passes=passes, seed=self.seed
        )
        worst = worst_of(
            self.members,
            target,
            right,
            self.budgets,
            averaging=averaging,
            passes=passes,
            seed=self.seed,
            batch=self.batch,
        )
        health = examined(
            self.members,
            target,
            right,
            worst,
            self.budgets,
            random=random,
            averaging=averaging,
            passes=passes,
            records=self.checks,
            seed=self.seed,
        )
        radius = self._radius(target, right, worst, averaging, passes)
        error = clean.share.clone()
        error[rows] = worst.share
        return EvasionEvidence(
            labels=_array(labels),
            right=_array(~clean.wrong),
            broken=_spread(worst.broken, rows, len(whole)),
            noisy=_spread(noisy, rows, len(whole)),
            error=_array(error),
            clean_error=_array(clean.share),
            radius=_spread(radius, rows, len(whole), torch.nan),
            members=tuple(
                MemberOutcome(
                    one.name,
                    one.loss,
                    one.single_step,
                    _spread(one.tried, rows, len(whole)),
                    _spread(one.broken, rows, len(whole)),
                )
                for one in worst.trials
            ),
            passes=passes,
            draws=self.draws,
            health=health,
            budgets=self.budgets,
            untouched=tuple(one for one in modalities(whole.inputs) if one not in self.budgets),
            incomplete=len(modalities(whole.inputs)) < len(whole.inputs),
            classes=int(target.logits(whole.at(slice(0, 1)).inputs).shape[1]),
            queries=target.queries - before,
            adversarial=self._adversarial(worst, rows),
        )

    def analyse(self, evidence: EvasionEvidence) -> AttackResult:
        """Shares, intervals, noise beside them, guards."""
        return analysed(evidence, self.name)

    def _radius(
        self, target: Classifier, right: Examples, worst: Worst, averaging: int, passes: int
    ) -> Tensor:
        if not self.radii:
            return torch.full_like(worst.share, torch.nan)
        return smallest_radius(
            PGD(10, "margin"),
            target,
            right,
            self.budgets,
            worst.inputs,
            worst.broken,
            averaging=averaging,
            passes=passes,
            seed=self.seed,
        )

    def _adversarial(self, worst: Worst, rows: Tensor) -> dict[str, NDArray[Any]]:
        if not self.keep:
            return {}
        found = {}
        for name in self.budgets:
            whole = self.examples.inputs[name].clone()
            whole[rows] = worst.inputs[name]
            found[name] = _array(whole)
        return found


def _array(values: Tensor) -> NDArray[Any]:
    found: NDArray[Any] = values.detach().cpu().numpy()
    return found


def _spread(values: Tensor, rows: Tensor, count: int, other: float = 0) -> NDArray[Any]:
    """Values of some rows as an array of all of them."""
    whole = torch.full((count,), other, dtype=values.dtype, device=values.device)
    whole[rows] = values
    return _array(whole)
