# SPDX-License-Identifier: Apache-2.0
"""Who attacks, what he reaches, what he brings along: the table that an audit fills in.

Rows that nobody tried stay in the table and say so. Leaving one out would read as a clean result.

Source: names follow NIST AI 100-2e2025 and the three risks of WP29 Opinion 05/2014 (singling out,
linkability, inference).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Risk: TypeAlias = Literal["singling out", "linkability", "inference", ""]
Kind: TypeAlias = Literal["privacy", "integrity"]


@dataclass(frozen=True, slots=True)
class Threat:
    """One attacker.

    Attributes:
      id: stable short name, e.g. "membership".
      attacker: who, in words that need no training.
      access: to what, e.g. "the model's outputs, any number of queries".
      knowledge: what he brings along.
      kind: "privacy": he learns about people; "integrity": he makes a model say what he wants.
      risk: which of the three risks; "" where none of them.
    """

    id: str
    attacker: str
    access: str
    knowledge: str
    kind: Kind = "privacy"
    risk: Risk = ""
