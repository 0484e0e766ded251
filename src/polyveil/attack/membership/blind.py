# SPDX-License-Identifier: Apache-2.0
"""The attacker who sees records but no model: what he finds is a difference of the two samples.

Members collected in spring and non-members in autumn differ without any model. An attack's figure
on such samples is no leak, and nothing in the model's answers says so.

Source: Das, Zhang & Tramèr, 2024, https://arxiv.org/abs/2406.16201; Meeus et al., 2024,
https://arxiv.org/abs/2406.17975.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from polyveil._optional import require
from polyveil.attack.examples import Examples
from polyveil.attack.membership.signal import Floats
from polyveil.attack.roc import midranks

FOLDS = 5
_DIRECTIONS = 16
_CLASSES = 20
"""More classes than that are not told apart one by one: too few records of each."""
_MOST_VALUES = 4096
"""Of a record; every so-manieth beyond."""
_QUANTILES = (0.1, 0.5, 0.9)


def blind_scores(records: Examples, is_member: NDArray[np.bool_], *, seed: int = 0) -> Floats:
    """Scores in (0, 1) of a cross-validated logistic regression on plain features and the label.

    No record is scored by a regression that was fitted on it. Ranks within each fold, so that
    folds of different scale join into one list.

    Args:
      records: members and non-members.
      is_member: bool (n,), at least one record of each kind in every fold.
      seed: of folds and random directions.
    """
    linear = require("sklearn.linear_model", extra="train", purpose="the blind attacker")
    features = _scaled(_features(records, np.random.default_rng(seed)))
    folds = _folds(is_member, np.random.default_rng(seed + 1))
    scores = np.full(len(is_member), 0.5)
    for fold in range(FOLDS):
        held = folds == fold
        if not held.any() or len(np.unique(is_member[~held])) < 2:
            continue
        model = linear.LogisticRegression(C=0.1, max_iter=300)
        model.fit(features[~held], is_member[~held])
        found = midranks(np.asarray(model.decision_function(features[held])))
        scores[held] = found / (len(found) + 1)
    return scores


def _features(records: Examples, draw: np.random.Generator) -> Floats:
    """What one sees without knowing what the records are about: level, spread, shape, texture."""
    columns = [_of_modality(values, draw) for _, values in sorted(records.inputs.items())]
    labels = records.labels.cpu().numpy()
    classes = np.unique(labels)
    if len(classes) <= _CLASSES:
        columns.append((labels[:, None] == classes).astype(np.float64))
    return np.concatenate(columns, axis=1)


def _of_modality(values: Tensor, draw: np.random.Generator) -> Floats:
    flat = values.detach().reshape(len(values), -1)
    rows = flat[:, :: -(-flat.shape[1] // _MOST_VALUES)].cpu().double().numpy()
    plain = [rows.mean(1), rows.std(1), rows.min(1), rows.max(1), (rows == 0).mean(1)]
    plain += list(np.quantile(rows, _QUANTILES, axis=1))
    if rows.shape[1] > 1:
        plain.append(np.abs(np.diff(rows, axis=1)).mean(1))
    few = min(_DIRECTIONS, rows.shape[1])
    directions = draw.standard_normal((rows.shape[1], few)) / np.sqrt(rows.shape[1])
    return np.concatenate([np.stack(plain, axis=1), rows @ directions], axis=1)


def _scaled(features: Floats) -> Floats:
    """Mean 0, spread 1, and the squares: a difference in spread shows too."""
    spread = features.std(0)
    centred = (features - features.mean(0)) / np.where(spread > 0, spread, 1.0)
    both: Floats = np.concatenate([centred, np.clip(centred**2, 0, 9) - 1], axis=1)
    return both


def _folds(is_member: NDArray[np.bool_], draw: np.random.Generator) -> NDArray[np.int64]:
    folds = np.zeros(len(is_member), dtype=np.int64)
    for group in (True, False):
        rows = draw.permutation(np.flatnonzero(is_member == group))
        folds[rows] = np.arange(len(rows)) % FOLDS
    return folds
