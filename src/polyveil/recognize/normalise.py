# SPDX-License-Identifier: Apache-2.0
"""Scores made comparable between templates and between probes, by a background cohort.

Some templates look like everybody, some probes do. A cohort of background people, who are in no
development or evaluation group, says how much: z-norm asks how the cohort scores against the
template, t-norm how the probe scores against the cohort, s-norm takes the mean of both, and the
adaptive form asks only the nearest of the cohort, who are the ones that might be confused.

Under protected templates all three scores are taken under the secret of the template.

Source: Auckenthaler, Carey & Lloyd-Thomas, Digital Signal Processing 10 (2000); Matejka et al.,
Analysis of score normalization in multilingual speaker recognition, Interspeech 2017.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import numpy as np

from polyveil.errors import UsageError
from polyveil.recognize.scheme import Floats

Kind: TypeAlias = Literal["z", "t", "s"]
_FEWEST = 10
_FLOOR = 1e-9


@dataclass(frozen=True, slots=True)
class Normalisation:
    """Which normalisation.

    Attributes:
      kind: "z", "t" or "s".
      nearest: how many of the cohort count; None for all of it.
    """

    kind: Kind = "s"
    nearest: int | None = None

    def __post_init__(self) -> None:
        if self.kind not in ("z", "t", "s"):
            raise UsageError(f"normalisation: expected z, t or s, got {self.kind!r}.")
        if self.nearest is not None and self.nearest < _FEWEST:
            raise UsageError(f"normalisation: expected nearest >= {_FEWEST}, got {self.nearest}.")

    def apply(self, scores: Floats, *, template_cohort: Floats, probe_cohort: Floats) -> Floats:
        """Normalised scores.

        Args:
          scores: (...,), one a trial.
          template_cohort: (..., cohort), the cohort against the trial's template.
          probe_cohort: (..., cohort), the trial's probe against the cohort.

        Raises:
          UsageError: shapes that do not fit, or a cohort of fewer than 10.
        """
        z = self._standard(scores, template_cohort) if self.kind in "zs" else scores
        t = self._standard(scores, probe_cohort) if self.kind in "ts" else scores
        return np.asarray({"z": z, "t": t, "s": 0.5 * (z + t)}[self.kind])

    def _standard(self, scores: Floats, cohort: Floats) -> Floats:
        if cohort.shape[:-1] != scores.shape or cohort.shape[-1] < _FEWEST:
            raise UsageError(
                f"normalisation: expected cohort scores {(*scores.shape, f'>= {_FEWEST}')}, got "
                f"{cohort.shape}."
            )
        near = cohort
        if self.nearest is not None and self.nearest < cohort.shape[-1]:
            near = np.partition(cohort, -self.nearest, axis=-1)[..., -self.nearest :]
        spread = np.maximum(near.std(axis=-1), _FLOOR)
        return np.asarray((scores - near.mean(axis=-1)) / spread)


@dataclass(frozen=True, slots=True, eq=False)
class Cohort:
    """Background people whom nobody wants to recognise. Secret, like every embedding.

    Attributes:
      people: who they are; disjoint from development and evaluation people.
      embeddings: modality -> (cohort, dimension), at least 10 rows.
      normalisation: what they are used for.
    """

    people: frozenset[str] = field(repr=False)
    embeddings: Mapping[str, Floats] = field(repr=False)
    normalisation: Normalisation = Normalisation()

    def __post_init__(self) -> None:
        for name, rows in self.embeddings.items():
            if np.ndim(rows) != 2 or len(rows) < _FEWEST:
                raise UsageError(
                    f"cohort, {name}: expected at least {_FEWEST} embeddings (cohort, dimension), "
                    f"got shape {np.shape(rows)}."
                )
