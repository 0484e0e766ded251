# SPDX-License-Identifier: Apache-2.0
"""What every membership attack comes to: a score for each record, and the same for its controls."""

from __future__ import annotations

from dataclasses import dataclass, field

from polyveil.assess.measure import Measure
from polyveil.attack.guard import Guard
from polyveil.attack.membership.answers import Answers
from polyveil.attack.membership.signal import Floats


@dataclass(frozen=True, slots=True)
class Evidence:
    """Scores of one attack; greater means member.

    Attributes:
      answers: what was asked, and who is a member.
      scores: (n,) against the target.
      unseen: (n,) in (0, 1): the same attack against models that never saw the record.
      seen: (n,) in (0, 1): against models that were trained on it.
      twin: (n,) against the twin that is known to remember.
      halved: (n,) against the target, with half of the shadow models.
      guards, measures: of this attack alone.

    The last five are None or empty where they could not be made.
    """

    answers: Answers
    scores: Floats = field(repr=False)
    unseen: Floats | None = field(default=None, repr=False)
    seen: Floats | None = field(default=None, repr=False)
    twin: Floats | None = field(default=None, repr=False)
    halved: Floats | None = field(default=None, repr=False)
    guards: tuple[Guard, ...] = ()
    measures: tuple[Measure, ...] = ()
