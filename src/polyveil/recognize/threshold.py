# SPDX-License-Identifier: Apache-2.0
"""Thresholds from development people, for a stated false-accept rate and any gallery size.

Of n development scores of strangers, the k-th largest with k = floor(rate * (n + 1)) is exceeded by
a fresh stranger with chance at most rate, whatever the distribution, if he is like the development
people. Where k is 0 the development set cannot support the rate, and the answer is a refusal.

A search accepts a stranger if any of N templates does. Development searches have M others in them:
for N up to M, what strangers reach among N of them is known (`search_front`); more templates are at
most ceil(N / M) such searches, so each may use that share of the rate.

Source: Vovk, Gammerman & Shafer, Algorithmic Learning in a Random World (2005), chapter 2.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from polyveil.errors import UsageError
from polyveil.recognize.scheme import Floats
from polyveil.recognize.search_front import SearchFront


@dataclass(frozen=True, slots=True)
class Threshold:
    """When to accept: a score is accepted if it is greater than `value`.

    Attributes:
      value: fused score, in nats of evidence.
      far: chance that a stranger is accepted, at most: of one comparison where `gallery` is 1, of
        a search through that many templates otherwise.
      upper: 95 % upper bound of that chance given these development scores, taken as independent;
        people who take part in many scores make it somewhat larger.
      modalities: that this threshold is for.
      gallery: templates that a search compares with.
      scores: development scores of strangers that it rests on.
      development: the people it was chosen on; a figure taken at it refuses them.
    """

    value: float
    far: float
    upper: float
    modalities: tuple[str, ...]
    gallery: int
    scores: int
    development: frozenset[str] = field(repr=False)

    def accepts(self, score: float) -> bool:
        """Whether a score is greater than the threshold; NaN never is."""
        return score > self.value


@dataclass(frozen=True, slots=True, eq=False)
class Strangers:
    """What development strangers score, for one set of modalities.

    Attributes:
      modalities: present in these scores.
      pairs: ascending, one stranger against one template: all of them, or the largest.
      searches: the best of each stranger among so many templates.
      people: development people.
      compared: how many pairs there were in all.
    """

    modalities: tuple[str, ...]
    pairs: Floats = field(repr=False)
    searches: SearchFront = field(repr=False)
    people: frozenset[str] = field(repr=False)
    compared: int

    def highest(self, rate: float) -> Strangers:
        """The same for rates up to `rate`, without the pairs that only larger rates look at."""
        return replace(self, pairs=self.pairs[len(self.pairs) - _allowed(rate, self.compared) :])

    def for_pair(self, far: float) -> Threshold:
        """For verification, one probe against one template.

        Raises:
          UsageError: too few development scores for this rate.
        """
        return self._choose(self.pairs, self.compared, far, parts=1, gallery=1)

    def for_search(self, far: float, *, gallery: int, share: float = 1.0) -> Threshold:
        """For identification among `gallery` templates.

        Args:
          share: of the rate that these templates may use, where a gallery has several kinds.

        Raises:
          UsageError: too few development searches for this rate and gallery.
        """
        if gallery < 1 or not 0 < share <= 1:
            raise UsageError(f"expected gallery >= 1 and a share in (0, 1], got {gallery}, {share}")
        return self._choose(
            self.searches.best(gallery),
            self.searches.count,
            far * share,
            parts=-(-gallery // self.searches.others),
            gallery=gallery,
        )

    def _choose(
        self, scores: Floats, count: int, far: float, *, parts: int, gallery: int
    ) -> Threshold:
        if not 0 < far < 1:
            raise UsageError(f"expected a false-accept rate in (0, 1), got {far}.")
        allowed = _allowed(far / parts, count)
        if allowed < 1:
            what = (
                "comparisons"
                if gallery == 1
                else f"searches through {self.searches.others} templates"
            )
            raise UsageError(
                f"threshold for {' + '.join(self.modalities)}: {count} development {what} by "
                f"strangers cannot support a rate of {far:g} for a gallery of {gallery}; expected "
                f"at least {int(np.ceil(parts / far)) - 1}. Bring more development people or probes"
                ", or allow a larger rate."
            )
        if allowed > len(scores):
            raise UsageError(
                f"threshold for {' + '.join(self.modalities)}: only the highest {len(scores)} of "
                f"{count} development scores were kept, too few for a rate of {far:g}. Ask for a "
                "smaller rate."
            )
        from scipy.special import betaincinv

        upper = min(1.0, parts * float(betaincinv(allowed, count + 1 - allowed, 0.95)))
        value = float(scores[len(scores) - allowed])
        return Threshold(value, far, upper, self.modalities, gallery, count, self.people)


def _allowed(rate: float, count: int) -> int:
    """How many of `count` scores may lie at or above the threshold."""
    return int(rate * (count + 1) * (1 + 1e-12))
