# SPDX-License-Identifier: Apache-2.0
"""Imputation: what an attacker guesses of a hidden value without the model under attack.

The stronger the imputation, the less is put down to the model. So two learners are tried on the
attacker's own records, the better one by cross-validation is kept, and two guards watch that it is
neither weaker than naming the most common value nor still growing with more records.

Source: Jayaraman & Evans, CCS 2022, https://arxiv.org/abs/2209.01292.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polyveil import _optional
from polyveil.attack.duel import mcnemar
from polyveil.attack.guard import Guard
from polyveil.errors import UsageError

Rows = NDArray[np.float64]
FOLDS = 3
_COMPONENTS = 50


@dataclass(frozen=True, slots=True)
class Imputation:
    """Probabilities of the candidates without the model, for the attacker's own, members, others.

    Attributes:
      log_probability: three of (n, candidates); of the attacker's own records out of fold.
      half: the members' again, by a learner that saw half of the attacker's records.
      common: the candidate that is most common among the attacker's records.
      learner: which one was kept.
    """

    log_probability: tuple[Rows, Rows, Rows] = field(repr=False)
    half: Rows = field(repr=False)
    common: int
    learner: str

    def guess(self, at: int) -> NDArray[np.intp]:
        """The likeliest candidate of the own records (0), the members (1), the others (2)."""
        likeliest: NDArray[np.intp] = self.log_probability[at].argmax(1)
        return likeliest

    def learned(
        self, mixed: Sequence[Rows], truth: NDArray[np.intp], *, seed: int
    ) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Guesses on members and others by a learner of these features of the own records."""
        model = _logistic(seed).fit(mixed[0], truth)
        return model.predict(mixed[1]).astype(np.intp), model.predict(mixed[2]).astype(np.intp)

    def guards(self, truth: NDArray[np.intp], tolerance: float) -> tuple[Guard, ...]:
        """Whether the baseline is as strong as it claims, on the members' true values."""
        whole = float((self.guess(1) == truth).mean())
        half = float((self.half.argmax(1) == truth).mean())
        right, usual = self.guess(1) == truth, truth == self.common
        weaker = mcnemar(int((usual & ~right).sum()), int((right & ~usual).sum()))
        return (
            Guard(
                "imputation against the most common value",
                "false alarm",
                weaker > 0.01,
                f"imputation ({self.learner}) guesses {whole:.1%}, the most common value "
                f"{float(usual.mean()):.1%}",
            ),
            Guard(
                "imputation converged",
                "false alarm",
                # Twice the records may help a little; what still grows fast would grow further.
                whole - half <= max(tolerance, 2.0 * float(np.sqrt(0.25 / len(truth)))),
                f"imputation from half of the attacker's records guesses {half:.1%}, from all "
                f"{whole:.1%}",
            ),
        )


def impute(
    known: Sequence[Rows], truth: NDArray[np.intp], candidates: int, *, seed: int
) -> Imputation:
    """Learns the hidden value from what is known of the attacker's own records.

    Args:
      known: features of the attacker's own records, the members, the others, (n, features).
      truth: candidates of the attacker's own records, (n,).

    Raises:
      UsageError: a candidate has fewer than `FOLDS` of the attacker's records, or all have one.
    """
    counts = np.bincount(truth, minlength=candidates)
    if (counts > 0).sum() < 2 or counts[counts > 0].min() < FOLDS:
        raise UsageError(
            f"attribute: the attacker's records per candidate are {counts.tolist()}; expected "
            f"{FOLDS} or more of each, and of two candidates at least."
        )
    selection = _optional.require(
        "sklearn.model_selection", extra="train", purpose="Attribute inference"
    )
    own, members, others = _reduced(known)
    folds = selection.StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    tried = {
        name: selection.cross_val_predict(model, own, truth, cv=folds, method="predict_proba")
        for name, model in (("logistic", _logistic(seed)), ("boosted trees", _boosted(seed)))
    }
    present = np.unique(truth)
    learner = max(tried, key=lambda n: float((present[tried[n].argmax(1)] == truth).mean()))
    make = _logistic if learner == "logistic" else _boosted
    model = make(seed).fit(own, truth)
    part = _half(truth, seed)
    half = make(seed).fit(own[part], truth[part])
    logs = (
        _logs(tried[learner], present, candidates),
        *(_logs(model.predict_proba(x), present, candidates) for x in (members, others)),
    )
    halved = _logs(half.predict_proba(members), half.classes_, candidates)
    return Imputation((logs[0], logs[1], logs[2]), halved, int(counts.argmax()), learner)


def _logs(probability: Rows, present: NDArray[np.intp], candidates: int) -> Rows:
    found = np.full((len(probability), candidates), 1e-9)
    found[:, present] = np.maximum(probability, 1e-9)
    logs: Rows = np.log(found)
    return logs


def _half(truth: NDArray[np.intp], seed: int) -> NDArray[np.intp]:
    # Of each candidate half, so that none is lost.
    draw = np.random.default_rng([seed, 12])
    parts = [draw.permutation(np.flatnonzero(truth == value)) for value in np.unique(truth)]
    return np.concatenate([part[: -(-len(part) // 2)] for part in parts])


def _reduced(known: Sequence[Rows]) -> list[Rows]:
    """Standardised; many features as their first principal components on the own records."""
    middle, scale = known[0].mean(0), known[0].std(0)
    rows = [(one - middle) / np.where(scale > 0, scale, 1.0) for one in known]
    if rows[0].shape[1] <= 2 * _COMPONENTS:
        return rows
    axes = np.linalg.svd(rows[0], full_matrices=False)[2][:_COMPONENTS]
    return [one @ axes.T for one in rows]


def _logistic(seed: int) -> Any:
    pipeline = _optional.require("sklearn.pipeline", extra="train", purpose="Attribute inference")
    scaler = _optional.require(
        "sklearn.preprocessing", extra="train", purpose="Attribute inference"
    ).StandardScaler()
    linear = _optional.require(
        "sklearn.linear_model", extra="train", purpose="Attribute inference"
    ).LogisticRegression(max_iter=500, random_state=seed)
    return pipeline.make_pipeline(scaler, linear)


def _boosted(seed: int) -> Any:
    ensemble = _optional.require("sklearn.ensemble", extra="train", purpose="Attribute inference")
    return ensemble.HistGradientBoostingClassifier(
        max_iter=60, early_stopping=False, random_state=seed
    )
