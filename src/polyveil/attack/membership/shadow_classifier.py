# SPDX-License-Identifier: Apache-2.0
"""The shadow classifier: learn from models of one's own what an answer about a member looks like.

The first membership attack. A classifier is trained on the answers of shadow models to records
that they saw and did not see, and then judges the target's answers. It knows what kind of answer
gives a member away, and nothing about how hard a single record is.

Source: Shokri et al., IEEE S&P 2017, https://arxiv.org/abs/1610.05820; answers cut to the top three
posteriors: Salem et al., NDSS 2019, https://arxiv.org/abs/1806.01246.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from polyveil import _validate
from polyveil._optional import require
from polyveil.attack.membership.answers import View
from polyveil.attack.membership.attacker import MembershipAttack
from polyveil.attack.membership.lira import THREAT
from polyveil.attack.membership.signal import Floats, Labels, Signals
from polyveil.attack.threat import Threat

_FURTHEST = 1e6
"""Log-probabilities are cut there: trees need numbers, and nothing lies between it and -inf."""


@dataclass(frozen=True)
class ShadowClassifier(MembershipAttack):
    """The shadow classifier on a study's candidates.

    Attributes:
      rows: answers that the classifier is trained on, at most, drawn from all shadow models.
      seed: of that draw.
    """

    threat: ClassVar[Threat] = THREAT

    rows: int = 20_000
    seed: int = 0

    def __post_init__(self) -> None:
        _validate.at_least(100, rows=self.rows)

    @property
    def name(self) -> str:
        return f"shadow classifier, {len(self.study.keep)} shadow models"

    def scores(self, view: View) -> Floats:
        ensemble = require("sklearn.ensemble", extra="train", purpose="the shadow classifier")
        shadows = view.needed_shadows("shadow classifier")
        labels = np.tile(view.labels, view.models)
        known = _features(shadows, labels)
        draw = np.random.default_rng(self.seed)
        chosen = draw.permutation(len(known))[: self.rows]
        model = ensemble.HistGradientBoostingClassifier(
            max_iter=60, min_samples_leaf=50, early_stopping=False, random_state=self.seed
        )
        model.fit(known[chosen], view.keep.ravel()[chosen])
        found: Floats = np.asarray(model.decision_function(_features(view.target, view.labels)))
        return found


def _features(answers: Signals, labels: Labels) -> Floats:
    """(records, 7): signals and label, of all models one after the other."""
    values = answers.features()
    flat = np.concatenate([values.reshape(len(labels), -1), labels[:, None]], axis=1)
    cut: Floats = np.clip(flat, -_FURTHEST, _FURTHEST)
    return cut
