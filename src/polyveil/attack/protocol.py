# SPDX-License-Identifier: Apache-2.0
"""What every attack is: a target goes in, evidence comes out, an analysis judges it.

The two halves are apart on purpose. An attempt costs time and queries and knows no baseline; an
analysis costs nothing, can be repeated on the kept evidence, and alone says what was shown.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Protocol, TypeVar

from polyveil.attack.result import AttackResult

Target = TypeVar("Target", contravariant=True)
Evidence = TypeVar("Evidence")


class Attack(Protocol[Target, Evidence]):
    """One attack, configured with all that the attacker has; frozen, used as often as one likes."""

    @property
    def name(self) -> str:
        """As a report prints it, e.g. "LiRA, offline, 16 shadow models"."""
        ...

    def attempt(self, target: Target) -> Evidence:
        """Scores or reconstructions of single records; reads the target, changes nothing."""
        ...

    def analyse(self, evidence: Evidence) -> AttackResult:
        """What the evidence shows; without the target, without randomness of its own but a seed."""
        ...


def carry_out(attack: Attack[Target, Evidence], target: Target) -> AttackResult:
    """Attempt and analysis, timed."""
    started = time.perf_counter()
    result = attack.analyse(attack.attempt(target))
    spent = time.perf_counter() - started
    return replace(result, effort=replace(result.effort, seconds=spent))
