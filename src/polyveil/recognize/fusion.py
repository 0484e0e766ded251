# SPDX-License-Identifier: Apache-2.0
"""One score from any subset of modalities: evidence adds up, a missing modality says nothing.

Each modality's score becomes a log-likelihood ratio, genuine against impostor, by two normal
distributions with one spread, fitted on development people. With one spread the ratio is a straight
line: it never turns round for extreme scores. Face, voice and behaviour are taken as independent
given the person, so their ratios add; what is missing adds 0, the ratio of no evidence.

Source: Brümmer & du Preez, Application-independent evaluation of speaker detection, Computer
Speech & Language 20 (2006); Nandakumar et al., Likelihood ratio-based biometric score fusion, IEEE
TPAMI 30 (2008).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike

from polyveil.errors import UsageError
from polyveil.recognize.scheme import Floats
from polyveil.recognize.trials import Trials

_FEWEST = 10


@dataclass(frozen=True, slots=True)
class Evidence:
    """How one modality's score becomes evidence, in nats: slope * (score - middle).

    Attributes:
      slope: >= 0; 0 where development genuine scores are no higher than impostor scores.
      middle: the score that speaks for neither.
    """

    slope: float
    middle: float


@dataclass(frozen=True, slots=True)
class Fusion:
    """Fitted evidence by modality. Made by `fit`.

    Attributes:
      evidence: modality -> how its score counts.
      people: development people it was fitted on.
    """

    evidence: Mapping[str, Evidence]
    people: frozenset[str] = field(repr=False)

    @classmethod
    def fit(cls, trials: Trials) -> Fusion:
        """Weights from development trials.

        Raises:
          UsageError: evaluation trials, or fewer than 10 genuine or impostor scores somewhere.
        """
        trials.must_be("development", "fusion weights")
        genuine = trials.genuine
        evidence = {
            name: _fit(name, scores[genuine], scores[~genuine])
            for name, scores in trials.scores.items()
        }
        return cls(evidence, trials.identities)

    @property
    def modalities(self) -> tuple[str, ...]:
        """In alphabetical order."""
        return tuple(sorted(self.evidence))

    def fuse(self, scores: Mapping[str, ArrayLike]) -> Floats:
        """Summed evidence in nats, one shape for all modalities; NaN where every one is missing.

        Raises:
          UsageError: a modality that was not fitted, none at all, or shapes that differ.
        """
        unknown = sorted(set(scores) - set(self.evidence))
        if unknown or not scores:
            raise UsageError(
                f"fusion: expected some of {', '.join(self.modalities)}, got "
                f"{', '.join(unknown) or 'nothing'}. Fit with development trials that have it."
            )
        columns = {name: np.asarray(column, dtype=np.float64) for name, column in scores.items()}
        if len({column.shape for column in columns.values()}) != 1:
            raise UsageError("fusion: expected scores of one shape for all modalities.")
        parts = np.stack(
            [
                self.evidence[name].slope * (column - self.evidence[name].middle)
                for name, column in sorted(columns.items())
            ]
        )
        missing = np.isnan(parts)
        total = np.where(missing, 0.0, parts).sum(axis=0)
        return np.asarray(np.where(missing.all(axis=0), np.nan, total))


def _fit(name: str, genuine: Floats, impostor: Floats) -> Evidence:
    genuine, impostor = genuine[~np.isnan(genuine)], impostor[~np.isnan(impostor)]
    if min(len(genuine), len(impostor)) < _FEWEST:
        raise UsageError(
            f"fusion, {name}: expected at least {_FEWEST} genuine and impostor scores, got "
            f"{len(genuine)} and {len(impostor)}."
        )
    high, low = float(genuine.mean()), float(impostor.mean())
    # Both groups count the same, however many more impostor trials there are.
    variance = max(0.5 * float(genuine.var() + impostor.var()), 1e-12)
    return Evidence(max((high - low) / variance, 0.0), 0.5 * (high + low))
