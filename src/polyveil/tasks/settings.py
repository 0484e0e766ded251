# SPDX-License-Identifier: Apache-2.0
"""The public facts of a desensitization job; equal settings, input and key make the same job."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass, field

from polyveil import _validate
from polyveil.assess.objective import Weights


@dataclass(frozen=True, slots=True)
class Settings:
    """How to desensitize.

    Attributes:
      faces: backend of the face stand-ins: "model", or one of the weak "blur", "pixelate", "solid".
      keep_sex, keep_age: whether a persona keeps the sex and the age band of the person.
      attempts: how often a record is tried before it is refused, >= 1.
      least_agreement: alignment score in [0, 1] below which picture and words disagree.
      weights: the lambdas of image, text and alignment in the loss that chooses a candidate.
    """

    faces: str = "model"
    keep_sex: bool = True
    keep_age: bool = True
    attempts: int = 3
    least_agreement: float = 0.2
    weights: Weights = field(default_factory=Weights)

    def __post_init__(self) -> None:
        _validate.at_least(1, attempts=self.attempts)
        _validate.probability(least_agreement=self.least_agreement)

    def fingerprint(self, *parts: str) -> str:
        """Hex that names the job: these settings, and `parts` (input, key id, version)."""
        text = json.dumps([asdict(self), *parts], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:32]


def cores() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
