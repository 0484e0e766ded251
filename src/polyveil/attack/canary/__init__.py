# SPDX-License-Identifier: Apache-2.0
"""A claimed epsilon put to the test: canaries in one training run, and a bound from guesses."""

from polyveil.attack.canary.bound import OneRunBound, default_guesses, one_run_bound, p_value
from polyveil.attack.canary.claim import ClaimCheck, TrainingFacts, check_claim

__all__ = [
    "ClaimCheck",
    "OneRunBound",
    "TrainingFacts",
    "check_claim",
    "default_guesses",
    "one_run_bound",
    "p_value",
]
