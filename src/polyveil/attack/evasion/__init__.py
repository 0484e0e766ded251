# SPDX-License-Identifier: Apache-2.0
"""Adversarial samples: inputs changed within a budget until the model errs, in one modality, in
several, or in all at once, with the health of each figure beside it."""

from polyveil.attack.evasion.affordable import affordable
from polyveil.attack.evasion.analysis import THREAT
from polyveil.attack.evasion.apgd import APGD
from polyveil.attack.evasion.attack import Evasion
from polyveil.attack.evasion.budget import Budget, Budgets, default_budget, default_budgets
from polyveil.attack.evasion.ensemble import QUICK, STANDARD, THOROUGH
from polyveil.attack.evasion.fgsm import FGSM
from polyveil.attack.evasion.modalities import ByModality, evaluate_by_modality
from polyveil.attack.evasion.pgd import PGD
from polyveil.attack.evasion.random_search import RandomSearch
from polyveil.attack.evasion.search import Search, perturb

__all__ = [
    "APGD",
    "FGSM",
    "PGD",
    "QUICK",
    "STANDARD",
    "THOROUGH",
    "THREAT",
    "Budget",
    "Budgets",
    "ByModality",
    "Evasion",
    "RandomSearch",
    "Search",
    "affordable",
    "default_budget",
    "default_budgets",
    "evaluate_by_modality",
    "perturb",
]
