# SPDX-License-Identifier: Apache-2.0
"""Probes against templates, each under the template's secret, as plain or normalised scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from polyveil.errors import UsageError
from polyveil.recognize.normalise import Cohort
from polyveil.recognize.scheme import Floats, Subspace, cells_of, directions, embeddings_of
from polyveil.recognize.template import Template


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """One probe against enrolled subjects.

    Attributes:
      subjects: pseudonymous ids.
      scores: modality -> float64 (subjects,), NaN where this subject has no such template.
    """

    subjects: tuple[str, ...]
    scores: Mapping[str, Floats]


def scores_under(
    probes: ArrayLike,
    secrets: Sequence[bytes],
    templates: Sequence[Template],
    *,
    modality: str = "",
    cohort: Cohort | None = None,
) -> Floats:
    """Every probe against every template, each under the secret of the template.

    Args:
      probes: embeddings (n, dimension). Secret; nothing of them is kept.
      secrets: one a template, in the same order.
      templates: of one scheme, at least one.
      modality: which embeddings of the cohort to take.
      cohort: None for plain similarities in [-1, 1]; else they are normalised by it.

    Returns:
      Scores (n, templates).

    Raises:
      UsageError: no template, several schemes, or a cohort without this modality.
    """
    if not templates or len(secrets) != len(templates):
        raise UsageError(
            f"templates: expected one secret each, got {len(secrets)} for {len(templates)}."
        )
    scheme = templates[0].scheme
    if any(template.scheme != scheme for template in templates):
        raise UsageError("templates: expected one scheme for all of them.")
    rows = embeddings_of(probes, scheme)
    others = None if cohort is None else embeddings_of(_background(cohort, modality), scheme)
    scores = np.empty((len(rows), len(templates)))
    for column, (secret, template) in enumerate(zip(secrets, templates, strict=True)):
        subspace = Subspace.of(secret, scheme)
        seen = directions(cells_of(rows, subspace, scheme), scheme)
        kept = directions(template.cells, scheme)
        scores[:, column] = _cosines(seen, kept)
        if cohort is not None and others is not None:
            background = directions(cells_of(others, subspace, scheme), scheme)
            asked = _cosines(background, kept)
            scores[:, column] = cohort.normalisation.apply(
                scores[:, column],
                template_cohort=np.broadcast_to(asked, (len(rows), len(others))),
                probe_cohort=_cosines(seen, background.T),
            )
    return scores


def _cosines(rows: Floats, others: Floats) -> Floats:
    return np.asarray(np.clip(rows @ others, -1.0, 1.0))


def _background(cohort: Cohort, modality: str) -> Floats:
    if modality not in cohort.embeddings:
        raise UsageError(
            f"cohort: has no {modality!r}, only {', '.join(sorted(cohort.embeddings))}."
        )
    return cohort.embeddings[modality]
