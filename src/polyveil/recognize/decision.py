# SPDX-License-Identifier: Apache-2.0
"""Decisions at a stated false-accept rate: verified or rejected, identified or unknown.

Everything is fitted on development people: how scores of several modalities add up, and what
strangers score for every set of modalities that may be present. A probe with the face missing is
judged by the threshold for what is left, so the stated rate holds for it too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import TypeAlias

import numpy as np

from polyveil.errors import UsageError
from polyveil.recognize.fusion import Fusion
from polyveil.recognize.scheme import Floats
from polyveil.recognize.scoring import Comparison
from polyveil.recognize.search_front import SearchFront
from polyveil.recognize.threshold import Strangers, Threshold
from polyveil.recognize.trials import Trials

Modalities: TypeAlias = tuple[str, ...]
_MOST_MODALITIES = 6


@dataclass(frozen=True, slots=True)
class Verified:
    """The probe is the claimed subject, at the threshold's rate of false accepts."""

    subject: str
    score: float
    threshold: Threshold


@dataclass(frozen=True, slots=True)
class Rejected:
    """The probe does not reach the threshold of the claimed subject."""

    subject: str
    score: float
    threshold: Threshold


@dataclass(frozen=True, slots=True)
class NotEnrolled:
    """Nothing was compared: no active template of this subject in the probe's modalities."""

    subject: str


@dataclass(frozen=True, slots=True)
class Identified:
    """The subject that the probe matches best, above the threshold.

    Attributes:
      threshold: for the subjects with these modalities; its rate is their share of `far`.
      far: chance that a stranger is identified as anybody in the whole gallery, at most.
    """

    subject: str
    score: float
    threshold: Threshold
    far: float


@dataclass(frozen=True, slots=True)
class Unknown:
    """Nobody in the gallery reaches the threshold.

    Attributes:
      score: of the subject who came nearest to the threshold; None if nobody was compared. Who
        that is is not told: it would be a guess.
      threshold: that was missed; None if nobody was compared.
      far: as in `Identified`.
    """

    score: float | None
    threshold: Threshold | None
    far: float


@dataclass(frozen=True, slots=True)
class Decider:
    """Fitted decisions. Made by `fit`.

    Attributes:
      fusion: how scores add up.
      strangers: modalities present -> what development strangers score.
    """

    fusion: Fusion
    strangers: Mapping[Modalities, Strangers]

    @classmethod
    def fit(cls, trials: Trials) -> Decider:
        """From development trials, for every set of modalities that occurs together in them.

        Raises:
          UsageError: evaluation trials, too few scores, or more than 6 modalities.
        """
        trials.must_be("development", "thresholds")
        if len(trials.modalities) > _MOST_MODALITIES:
            raise UsageError(
                f"decider: expected at most {_MOST_MODALITIES} modalities, got "
                f"{len(trials.modalities)}."
            )
        fusion = Fusion.fit(trials)
        found = (_strangers(trials, fusion, subset) for subset in _subsets(trials.modalities))
        return cls(fusion, {one.modalities: one for one in found if one is not None})

    def for_rates_up_to(self, rate: float) -> Decider:
        """The same decisions at such rates, with no more of the strangers' scores than they need.

        Raises:
          UsageError: the rate is not in (0, 1).
        """
        if not 0 < rate < 1:
            raise UsageError(f"decider: expected a rate in (0, 1), got {rate}.")
        kept = {name: one.highest(rate) for name, one in self.strangers.items()}
        return Decider(self.fusion, kept)

    def verify(
        self, comparison: Comparison, subject: str, *, far: float
    ) -> Verified | Rejected | NotEnrolled:
        """Whether a probe is the subject it claims to be.

        Args:
          comparison: of the probe with at least this subject.
          far: chance that a stranger is verified, at most.

        Raises:
          UsageError: development people cannot support this rate or these modalities.
        """
        if subject not in comparison.subjects:
            return NotEnrolled(subject)
        row = comparison.subjects.index(subject)
        present = _present(comparison, row)
        if not present:
            return NotEnrolled(subject)
        threshold = self._of(present).for_pair(far)
        score = float(self._fused(comparison)[row])
        kind = Verified if threshold.accepts(score) else Rejected
        return kind(subject, score, threshold)

    def identify(self, comparison: Comparison, *, far: float) -> Identified | Unknown:
        """Who a probe is among all compared subjects, or that it is nobody known.

        Subjects with different modalities form groups that share the rate equally.

        Args:
          comparison: of the probe with the whole gallery.
          far: chance that a stranger is identified as anybody, at most.

        Raises:
          UsageError: development people cannot support this rate for so large a gallery.
        """
        groups: dict[Modalities, list[int]] = {}
        for row in range(len(comparison.subjects)):
            groups.setdefault(_present(comparison, row), []).append(row)
        groups.pop((), None)
        if not groups:
            return Unknown(None, None, far)
        fused, share = self._fused(comparison), 1.0 / len(groups)
        nearest = []
        for present, rows in groups.items():
            chosen = self._of(present).for_search(far, gallery=len(rows), share=share)
            best = max(rows, key=lambda row: float(fused[row]))
            nearest.append((float(fused[best]) - chosen.value, best, chosen))
        _, row, threshold = max(nearest, key=lambda one: one[0])
        score = float(fused[row])
        if threshold.accepts(score):
            return Identified(comparison.subjects[row], score, threshold, far)
        return Unknown(score, threshold, far)

    def _of(self, present: Modalities) -> Strangers:
        if present not in self.strangers:
            raise UsageError(
                f"decider: never fitted for {' + '.join(present)}; expected development trials in "
                "which these modalities occur together."
            )
        return self.strangers[present]

    def _fused(self, comparison: Comparison) -> Floats:
        return self.fusion.fuse(comparison.scores)


def _subsets(modalities: Modalities) -> Iterator[Modalities]:
    for size in range(1, len(modalities) + 1):
        yield from combinations(modalities, size)


def _present(comparison: Comparison, row: int) -> Modalities:
    return tuple(name for name in sorted(comparison.scores) if _is(comparison.scores[name][row]))


def _is(score: float) -> bool:
    return not np.isnan(score)


def _strangers(trials: Trials, fusion: Fusion, subset: Modalities) -> Strangers | None:
    """What strangers score with exactly these modalities; None where they never do."""
    stacked = np.stack([trials.scores[name] for name in subset])
    together = np.asarray(~np.isnan(stacked).any(axis=0))
    impostor = together & ~trials.genuine
    if not impostor.any():
        return None
    scores = fusion.fuse({name: trials.scores[name][impostor] for name in subset})
    front = SearchFront.of(trials.searches[impostor], scores)
    return Strangers(subset, np.sort(scores), front, trials.identities, len(scores))
