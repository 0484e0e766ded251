# SPDX-License-Identifier: Apache-2.0
"""Attacks that ask whether a record was in a model's training, and how far to believe them."""

from polyveil.attack.membership.answers import Answers, View
from polyveil.attack.membership.candidates import Candidates
from polyveil.attack.membership.evidence import Evidence
from polyveil.attack.membership.lira import Lira
from polyveil.attack.membership.population import Population
from polyveil.attack.membership.reference import Reference
from polyveil.attack.membership.rmia import Rmia
from polyveil.attack.membership.shadow_classifier import ShadowClassifier
from polyveil.attack.membership.shadow_models import (
    Shadows,
    Twin,
    train_shadows,
    train_twin,
)
from polyveil.attack.membership.study import Study, prepare

__all__ = [
    "Answers",
    "Candidates",
    "Evidence",
    "Lira",
    "Population",
    "Reference",
    "Rmia",
    "ShadowClassifier",
    "Shadows",
    "Study",
    "Twin",
    "View",
    "prepare",
    "train_shadows",
    "train_twin",
]
