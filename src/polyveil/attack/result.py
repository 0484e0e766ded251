# SPDX-License-Identifier: Apache-2.0
"""What an attack came to: figures beside their baselines, its health, and what that shows.

Every attack of polyveil ends in this one value, whatever it attacked, so that a report, a notebook
and a test read all of them alike. Arrays of single records stay with the value and never enter a
report.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polyveil.assess.measure import Measure, Verdict
from polyveil.attack.guard import Guard, failed
from polyveil.attack.threat import Threat
from polyveil.interval import Interval

SIGNIFICANCE = 0.05
"""Chance that an audit accuses although nothing leaks, all its attacks together."""


@dataclass(frozen=True, slots=True)
class Curve:
    """A line to be drawn: an ROC, an error by noise, an accuracy by strength.

    Attributes:
      name: e.g. "LiRA, online".
      x, y: equally long.
      low, high: a band around y; empty for none.
      x_label, y_label: with units.
      chance: y at each x of an attacker who knows nothing; empty for none.
      log: both axes are logarithmic (an ROC is read at its low end).
    """

    name: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    x_label: str
    y_label: str
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()
    chance: tuple[float, ...] = ()
    log: bool = False


@dataclass(frozen=True, slots=True)
class Exposed:
    """One record that an attack hit hardest, under a pseudonym that only the audit's owner can map.

    Attributes:
      record: pseudonym, e.g. "record 7f3a"; never a file name or an index of the input.
      score: the attack's own.
      sentence: what that means for whoever is in the record.
    """

    record: str
    score: float
    sentence: str


@dataclass(frozen=True, slots=True)
class Effort:
    """What the attacker spent.

    Attributes:
      seconds: wall clock.
      queries: records that went through the target, repeated ones counted again.
      models: networks that were trained for the attack.
      shared_models, shared_seconds: of `models`, those that other attacks on the same threat use
        too, and how long their training took, which is not in `seconds`.
      trials: thresholds, restarts or scores among which the best was reported; 1 if fixed before.
    """

    seconds: float = 0.0
    queries: int = 0
    models: int = 0
    trials: int = 1
    shared_models: int = 0
    shared_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class AttackResult:
    """One attack, carried out and judged.

    Attributes:
      attack: e.g. "LiRA, offline, 16 shadow models".
      threat: the attacker.
      headline: the figure that decides, with its interval, and its baseline (chance, or what the
        attacker gets without the target) under `baseline["without the target"]` or "chance".
      p_value: chance of so strong an outcome if the target gave the attacker nothing; trials within
        the attack already paid for. None where no such test exists (then `verdict` rests on the
        interval alone).
      tolerance: how far above its baseline the headline still counts as nothing.
      sentence: the outcome for a reader who is no engineer: "of 1,000 members, an attacker names
        at most 34, with 10 false alarms among 1,000 others".
      guards: health of the attack.
      measures: further figures; ARS and ASR beside clean accuracy, TPR at several FPR, ...
      curves, exposed, effort: see there.
      not_tested: what a reader could believe was tried and was not.
      notes: plain sentences on how to read it.
      level: significance at which `p_value` is judged; an audit of many attacks lowers it (Holm).
      arrays: name -> per-record values; secret, never in a report, kept for notebooks.
    """

    attack: str
    threat: Threat
    headline: Measure
    sentence: str
    guards: tuple[Guard, ...] = ()
    p_value: float | None = None
    tolerance: float = 0.0
    measures: tuple[Measure, ...] = ()
    curves: tuple[Curve, ...] = ()
    exposed: tuple[Exposed, ...] = ()
    effort: Effort = Effort()
    not_tested: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    level: float = SIGNIFICANCE
    arrays: Mapping[str, NDArray[Any]] = field(default_factory=dict, repr=False, compare=False)

    @property
    def baseline(self) -> float:
        """What the attacker reaches without the target: the greatest of the headline's baselines
        that stand for that."""
        names = ("chance", "without the target")
        found = [v for name, v in self.headline.baseline.items() if name in names]
        return max(found, default=0.0)

    @property
    def shown(self) -> bool:
        """Whether the figures alone, guards aside, show that the attack works."""
        beyond = _low(self.headline) > self.baseline + self.tolerance
        if self.p_value is None:
            return beyond
        # The interval is not corrected for multiplicity, so that the p-value decides, and a real
        # but negligible effect is no leak.
        estimate = self.headline.estimate
        return self.p_value <= self.level and estimate > self.baseline + self.tolerance

    @property
    def verdict(self) -> Verdict:
        """What may be said, its health considered; never that something is free of risk."""
        if self.shown:
            if failed(self.guards, "false alarm"):
                return "inconclusive"
            privacy = self.threat.kind == "privacy"
            return "leak demonstrated" if privacy else "weakness demonstrated"
        if failed(self.guards, "false comfort"):
            return "inconclusive"
        high = self.headline.value
        excluded = isinstance(high, Interval) and high.high <= self.baseline + self.tolerance
        return "none detected" if excluded else "inconclusive"

    def at_level(self, level: float) -> AttackResult:
        """The same outcome judged at another significance."""
        return replace(self, level=level)

    def array(self, name: str) -> NDArray[Any]:
        """Per-record values by name.

        Raises:
          KeyError: naming what there is.
        """
        if name not in self.arrays:
            raise KeyError(f"{self.attack}: no array {name!r}; it has {', '.join(self.arrays)}.")
        return np.asarray(self.arrays[name])

    def _repr_html_(self) -> str:
        from polyveil.attack.notebook import as_html

        return as_html(self)


def _low(measure: Measure) -> float:
    return measure.value.low if isinstance(measure.value, Interval) else measure.estimate
