# SPDX-License-Identifier: Apache-2.0
"""RMIA: does the target favour this record over its references more than it favours others?

r(x) = p_target(x) / p(x) says how much likelier the record's label is under the target than under
an average model; the score is the share of population records z with r(x) / r(z) >= gamma. With a
fixed population it rises with r(x) alone, in as many steps as there are z: 300 of them cannot show
a false-alarm rate of 0.1 %. So equal shares are ordered by r(x) itself.

p(x) averages models with and without x. Offline only the latter exist, and
p(x) = ((1 + a) mean p_out(x) + (1 - a)) / 2 puts the former in; `a` is tuned by attacking a shadow
model whose training set is known, never the target.

Source: Zarifzadeh, Liu & Shokri, ICML 2024, https://arxiv.org/abs/2312.03262, equations 2 to 4 and
appendix B.2.2 (a).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from polyveil import _validate
from polyveil.assess.measure import Measure
from polyveil.attack.membership.answers import Answers, Bools, View
from polyveil.attack.membership.attacker import MembershipAttack
from polyveil.attack.membership.lira import THREAT
from polyveil.attack.membership.signal import Floats, logsumexp
from polyveil.attack.roc import area_under, midranks
from polyveil.attack.threat import Threat

DEFAULT_A = 0.3
"""The authors' for picture classifiers; used with fewer than 4 shadow models, too few to tune."""
_TRIED = tuple(round(0.1 * step, 1) for step in range(11))


@dataclass(frozen=True)
class Rmia(MembershipAttack):
    """RMIA, offline, on a study's candidates.

    Attributes:
      gamma: how much likelier than the population a member must be; the authors use 1 or 2.
      a: in [0, 1]; None to tune it.
    """

    threat: ClassVar[Threat] = THREAT

    gamma: float = 1.0
    a: float | None = None

    def __post_init__(self) -> None:
        _validate.positive(gamma=self.gamma)
        if self.a is not None:
            _validate.probability(a=self.a)

    @property
    def name(self) -> str:
        return f"RMIA, offline, {len(self.study.keep)} shadow models"

    def scores(self, view: View) -> Floats:
        return dominance(*self._ratios(view, self._tuned(view)), gamma=self.gamma)

    def own_measures(self, answers: Answers) -> tuple[Measure, ...]:
        note = "weight of models without the record; tuned on a shadow model played as target"
        return (Measure("RMIA's a", self._tuned(answers.view), unit="", note=note),)

    def _tuned(self, view: View) -> float:
        if self.a is not None:
            return self.a
        if view.models < 4:
            return DEFAULT_A
        # The last pair: the first one plays the controls.
        played = view.models - 2
        practice = view.without((played, played + 1), played)
        known = view.keep[played]

        def worth(a: float) -> float:
            ratios = self._ratios(practice, a)
            return area_under(ratios[0], known).area.estimate

        return max(_TRIED, key=worth)

    def _ratios(self, view: View, a: float) -> tuple[Floats, Floats]:
        """log r of the records and of the population."""
        shadows = view.needed_shadows("RMIA")
        population = view.needed_population("RMIA")
        theirs = view.population_shadows
        if theirs is None:
            raise ValueError("RMIA: expected the shadow models' answers on the population.")
        out_of_all = np.ones_like(theirs.likelihood, dtype=np.bool_)
        return (
            view.target.likelihood - log_average(shadows.likelihood, ~view.keep, a),
            population.likelihood - log_average(theirs.likelihood, out_of_all, a),
        )


def log_average(log_p: Floats, out: Bools, a: float) -> Floats:
    """log p(x) (n,) from models without x.

    Args:
      log_p: (models, n) log-probabilities of the label.
      out: bool (models, n): the model was trained without the record; at least one for each.
      a: in [0, 1].
    """
    held = np.where(out, log_p, -np.inf).T
    mean = logsumexp(held) - np.log(out.sum(0))
    with np.errstate(divide="ignore"):
        both = np.stack([np.log((1 + a) / 2) + mean, np.full_like(mean, np.log((1 - a) / 2))])
    return logsumexp(both.T)


def dominance(ratios: Floats, references: Floats, *, gamma: float) -> Floats:
    """Share of references z with r(x) / r(z) >= gamma, plus less than one step for r(x)'s rank.

    Args:
      ratios: (n,) log r(x).
      references: (z,) log r(z).
    """
    ordered = np.sort(references)
    # The small addend: a ratio equal to gamma counts, however its logarithms were rounded.
    counts = np.searchsorted(ordered, ratios - np.log(gamma) + 1e-12, side="right")
    shares: Floats = (counts + midranks(ratios) / (len(ratios) + 1)) / len(ordered)
    return shares
