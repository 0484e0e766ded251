# SPDX-License-Identifier: Apache-2.0
"""Comparisons with known truth, kept apart by people: background, development, evaluation.

Whoever sets a threshold on the people it is judged on reports a figure that no stranger will see.
So trials know their part: thresholds and weights are only fitted on development trials, figures are
only taken on evaluation trials, and a figure at a threshold refuses people the threshold has seen.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from polyveil.errors import UsageError
from polyveil.privacy.key import ProjectKey
from polyveil.recognize.normalise import Cohort
from polyveil.recognize.scheme import Floats, Scheme
from polyveil.recognize.scoring import scores_under
from polyveil.recognize.template import new_enrolment, protect, template_secret

Part: TypeAlias = Literal["development", "evaluation"]
Ids: TypeAlias = NDArray[np.str_]
Bools: TypeAlias = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Trials:
    """Probes compared with templates of people whose identity is known. Made by `Split.trials`.

    Attributes:
      part: which people these are.
      searches: (n,) id of the probe; all trials of one probe make one search.
      probes, templates: (n,) identity of the probe and of the template.
      scores: modality -> float64 (n,), larger is more alike, NaN where the modality is missing.
    """

    part: Part
    searches: Ids
    probes: Ids
    templates: Ids
    scores: Mapping[str, Floats]

    def __post_init__(self) -> None:
        if not self.scores or len(self.probes) == 0:
            raise UsageError("trials: expected at least one trial and one modality.")
        columns = [self.searches, self.probes, self.templates, *self.scores.values()]
        if any(column.shape != (len(self.probes),) for column in columns):
            raise UsageError(
                f"trials: expected one search, probe, template and score for each of "
                f"{len(self.probes)} trials, got shapes {[column.shape for column in columns]}."
            )
        if any(np.isinf(column).any() for column in self.scores.values()):
            raise UsageError("trials: expected finite scores, NaN where a modality is missing.")

    @property
    def genuine(self) -> Bools:
        """Where probe and template are of one person."""
        return np.asarray(self.probes == self.templates)

    @property
    def identities(self) -> frozenset[str]:
        """Everybody in these trials."""
        return frozenset(self.probes.tolist()) | frozenset(self.templates.tolist())

    @property
    def modalities(self) -> tuple[str, ...]:
        """In alphabetical order."""
        return tuple(sorted(self.scores))

    def must_be(self, part: Part, what: str) -> None:
        """Raises UsageError unless these are trials of that part."""
        if self.part != part:
            raise UsageError(
                f"{what}: expected {part} trials, got {self.part} trials. Thresholds and weights "
                "come from development people, figures from evaluation people."
            )


@dataclass(frozen=True, slots=True)
class Split:
    """Three disjoint groups of people.

    Attributes:
      background: for encoders and cohorts.
      development: for weights and thresholds.
      evaluation: for figures.
    """

    background: frozenset[str] = field(repr=False)
    development: frozenset[str] = field(repr=False)
    evaluation: frozenset[str] = field(repr=False)

    def __post_init__(self) -> None:
        groups = (self.background, self.development, self.evaluation)
        if len(frozenset().union(*groups)) != sum(map(len, groups)):
            raise UsageError("split: somebody is in two groups; expected disjoint people.")
        if not self.development or not self.evaluation:
            raise UsageError("split: expected people for development and for evaluation.")

    @classmethod
    def draw(
        cls,
        identities: Iterable[str],
        *,
        seed: int,
        background: float = 0.4,
        development: float = 0.3,
    ) -> Split:
        """People divided at random by the given shares; the rest is for evaluation."""
        if not (background >= 0 and development > 0 and background + development < 1):
            raise UsageError(
                f"split: expected shares background >= 0, development > 0 and a sum below 1, got "
                f"{background} and {development}."
            )
        people = sorted(frozenset(identities))
        order = np.random.default_rng(seed).permutation(len(people))
        first = round(background * len(people))
        second = first + round(development * len(people))
        parts = np.split(order, [first, second])
        return cls(*(frozenset(people[index] for index in part) for part in parts))

    def trials(
        self,
        part: Part,
        *,
        searches: Sequence[str] | Ids,
        probes: Sequence[str] | Ids,
        templates: Sequence[str] | Ids,
        scores: Mapping[str, ArrayLike],
    ) -> Trials:
        """Trials of one part; see `Trials`.

        Raises:
          UsageError: somebody is not of that part, or the columns do not fit together.
        """
        made = Trials(
            part,
            np.asarray(searches, dtype=np.str_),
            np.asarray(probes, dtype=np.str_),
            np.asarray(templates, dtype=np.str_),
            {name: np.asarray(column, dtype=np.float64) for name, column in scores.items()},
        )
        own = self.development if part == "development" else self.evaluation
        strangers = len(made.identities - own)
        if strangers:
            raise UsageError(
                f"{part} trials: {strangers} people are not of the {part} group of this split."
            )
        return made

    def protected_trials(
        self,
        part: Part,
        enrolled: Mapping[str, Mapping[str, ArrayLike]],
        probes: Mapping[str, Sequence[Mapping[str, ArrayLike]]],
        *,
        key: ProjectKey,
        schemes: Mapping[str, Scheme],
        cohort: Cohort | None = None,
    ) -> Trials:
        """Every probe against every template, protected as a gallery does it.

        An impostor's probe is transformed under the victim's secret.

        Args:
          enrolled: identity -> modality -> samples (dimension,) or (n, dimension).
          probes: identity -> probes, each modality -> embedding (dimension,). A modality missing
            on either side gives NaN.
          schemes: modality -> scheme.
          cohort: background people, to normalise the scores by.

        Raises:
          UsageError: somebody is not of that part, or a cohort person not of the background.
        """
        if cohort is not None and not cohort.people <= self.background:
            raise UsageError("cohort: expected people of the background group of this split alone.")
        people = sorted(enrolled)
        rows = [(name, probe) for name in sorted(probes) for probe in probes[name]]
        scores = {
            modality: _protected(
                modality, people, enrolled, [row for _, row in rows], key, scheme, cohort
            )
            for modality, scheme in schemes.items()
        }
        return self.trials(
            part,
            searches=np.repeat([str(index) for index in range(len(rows))], len(people)),
            probes=np.repeat([name for name, _ in rows], len(people)),
            templates=np.tile(people, len(rows)),
            scores=scores,
        )


def _protected(
    modality: str,
    people: Sequence[str],
    enrolled: Mapping[str, Mapping[str, ArrayLike]],
    probes: Sequence[Mapping[str, ArrayLike]],
    key: ProjectKey,
    scheme: Scheme,
    cohort: Cohort | None,
) -> Floats:
    """Scores of one modality, probe by probe: float64 (probes * people,)."""
    table = np.full((len(probes), len(people)), np.nan)
    columns = [index for index, name in enumerate(people) if modality in enrolled[name]]
    present = [index for index, probe in enumerate(probes) if modality in probe]
    if not columns or not present:
        return table.ravel()
    secrets = [
        template_secret(key, subject=people[index], modality=modality, enrolment=new_enrolment())
        for index in columns
    ]
    templates = [
        protect(enrolled[people[index]][modality], secret, scheme)
        for index, secret in zip(columns, secrets, strict=True)
    ]
    vectors = np.stack([np.asarray(probes[index][modality]) for index in present])
    table[np.ix_(present, columns)] = scores_under(
        vectors, secrets, templates, modality=modality, cohort=cohort
    )
    return table.ravel()
