# SPDX-License-Identifier: Apache-2.0
"""Searches that may find nobody: detection-and-identification rate at a false-alarm rate.

Each probe is searched twice: once with its person enrolled (a hit is its own template first and
above the threshold), once with its person taken out (anything above the threshold is a false
alarm). All templates of the evaluation people make the gallery.

Source: ISO/IEC 19795-1:2021; Phillips, Grother & Micheals, Handbook of Face Recognition (2011),
chapter 21.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from polyveil.errors import UsageError
from polyveil.interval import Interval
from polyveil.recognize.curves import never_seen
from polyveil.recognize.estimate import TooFew, over_probes, supports
from polyveil.recognize.scheme import Floats
from polyveil.recognize.threshold import Threshold
from polyveil.recognize.trials import Ids, Trials


@dataclass(frozen=True, slots=True)
class OpenSet:
    """What an identification threshold does to people it has never seen.

    Attributes:
      dir: own template first and above the threshold, among mated searches.
      fpir: anybody above the threshold, among searches of people who are not enrolled.
      gallery: templates in a search.
      threshold: chosen on development people.
    """

    dir: Interval
    fpir: Interval
    gallery: int
    threshold: Threshold


def identification_rate(
    trials: Trials, scores: Floats, *, fpir: float, seed: int
) -> Interval | TooFew:
    """DIR at the laxest threshold whose FPIR is at most `fpir`; interval over searched people.

    Raises:
      UsageError: development trials, or searches with a person missing or enrolled twice.
    """
    found = _Searches.of(trials, scores)
    refusal = supports(fpir, len(found.own))
    if refusal is not None:
        return refusal
    order = np.argsort(-found.others, kind="stable")

    def figure(weights: Floats) -> float:
        return found.hits(_threshold(found.others[order], weights[order], fpir), weights)

    return over_probes(found.people, figure, seed=seed)


def open_set_at(trials: Trials, scores: Floats, threshold: Threshold, *, seed: int) -> OpenSet:
    """DIR and FPIR at a frozen threshold.

    Raises:
      UsageError: as `identification_rate`; somebody whom the threshold was chosen on is in these
        trials; or the gallery is larger than the threshold is for.
    """
    never_seen(trials, threshold)
    found = _Searches.of(trials, scores)
    if found.gallery > threshold.gallery:
        raise UsageError(
            f"open set: the threshold is for {threshold.gallery} templates, a search here has "
            f"{found.gallery}. Choose it with gallery = {found.gallery}."
        )
    alarms = found.others > threshold.value
    return OpenSet(
        over_probes(found.people, lambda weights: found.hits(threshold.value, weights), seed=seed),
        over_probes(
            found.people, lambda weights: float(np.average(alarms, weights=weights)), seed=seed
        ),
        found.gallery,
        threshold,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Searches:
    """One row a search: whose probe, its own template's score, the best of all others."""

    people: Ids
    own: Floats
    others: Floats
    gallery: int

    @classmethod
    def of(cls, trials: Trials, scores: Floats) -> _Searches:
        trials.must_be("evaluation", "open set")
        if scores.shape != trials.probes.shape:
            raise UsageError(
                f"open set: expected one score a trial, got {scores.shape} for "
                f"{len(trials.probes)} trials."
            )
        names, search, sizes = np.unique(trials.searches, return_inverse=True, return_counts=True)
        genuine, count = trials.genuine, len(names)
        if (np.bincount(search[genuine], minlength=count) != 1).any() or (sizes < 2).any():
            raise UsageError(
                "open set: expected every search to hold its own person once and somebody else."
            )
        usable = np.where(np.isnan(scores), -np.inf, scores)
        own, others = np.full(count, -np.inf), np.full(count, -np.inf)
        own[search[genuine]] = usable[genuine]
        np.maximum.at(others, search[~genuine], usable[~genuine])
        people = np.empty(count, dtype=trials.probes.dtype)
        people[search] = trials.probes
        return cls(people, own, others, int(sizes.max()))

    def hits(self, threshold: float, weights: Floats) -> float:
        found = (self.own > threshold) & (self.own > self.others)
        return float(np.average(found, weights=weights))


def _threshold(descending: Floats, weights: Floats, rate: float) -> float:
    """The smallest of the scores above which at most this share of the weight lies."""
    ends = np.flatnonzero(np.append(descending[1:] != descending[:-1], True))
    above = np.concatenate([[0.0], np.cumsum(weights)[ends]]) / weights.sum()
    last = int(np.searchsorted(above, rate * (1 + 1e-12), side="right")) - 1
    return float(descending[ends[last]]) if last < len(ends) else float("-inf")
