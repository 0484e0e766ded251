# SPDX-License-Identifier: Apache-2.0
"""The health of an attack: what must hold before its figure may be believed.

An attack errs in two ways. It accuses where nothing leaks (a split that both sides share, a lucky
choice among many), or it comforts where something does (an attacker who was trained too little, a
gradient that vanished). A guard watches one of them, is printed with every result, and a failed one
turns the verdict that it would have carried into "inconclusive".

Source: Carlini et al., "On Evaluating Adversarial Robustness", 2019,
https://arxiv.org/abs/1902.06705; Athalye et al., ICML 2018, https://arxiv.org/abs/1802.00420.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias

Against: TypeAlias = Literal["false alarm", "false comfort"]


@dataclass(frozen=True, slots=True)
class Guard:
    """One check of an attack.

    Attributes:
      name: e.g. "positive control", "null control", "disjoint splits", "gradient masking".
      against: what a failure would have caused.
      passed: whether the attack may be believed in this respect.
      sentence: what was seen, with its numbers, e.g. "an overfit twin was told apart: AUC 0.97".
    """

    name: str
    against: Against
    passed: bool
    sentence: str


def failed(guards: Iterable[Guard], against: Against) -> tuple[Guard, ...]:
    """The guards against one kind of error that did not pass."""
    return tuple(one for one in guards if one.against == against and not one.passed)
