# SPDX-License-Identifier: Apache-2.0
"""One look at a set of reconstructions: how close they are, or whom they point at.

An attack takes several looks (each modality, by closeness and by identity). The strongest decides,
and pays for all of them.

Source: Bonferroni; see `polyveil.attack.multiplicity`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from polyveil.assess.measure import Measure
from polyveil.attack.multiplicity import all_trials
from polyveil.interval import Interval, clopper_pearson

NEGLIGIBLE = 0.02
"""R² up to which a reconstruction counts as nothing."""


@dataclass(frozen=True, slots=True)
class Look:
    """One figure that could decide.

    Attributes:
      measure: with its interval, and "chance" or "without the target" beside it.
      p_value: of this look alone.
      tolerance: how far above its baseline the figure counts as nothing.
      sentence: for a reader who is no engineer.
    """

    measure: Measure
    p_value: float
    tolerance: float
    sentence: str

    @property
    def beyond(self) -> bool:
        """Whether the estimate is more than negligible."""
        base = self.measure.baseline
        without = max(base.get("chance", 0.0), base.get("without the target", 0.0))
        return self.measure.estimate > without + self.tolerance


def deciding(looks: Sequence[Look]) -> tuple[Look, float]:
    """The look with the smallest p-value among those beyond nothing (else the first), and its
    p-value after paying for all looks."""
    able = [one for one in looks if one.beyond]
    best = min(able, key=lambda one: one.p_value) if able else looks[0]
    return best, all_trials(best.p_value, len(looks))


def explained(
    modality: str, value: Interval, p_value: float, *, beside: dict[str, float], attacker: str
) -> Look:
    """The look by closeness: R² of one modality."""
    measure = Measure(
        f"R² of rebuilt {modality}", value, unit="", better="lower",
        baseline={"without the target": 0.0, **beside}, attacker=attacker,
        note="0: no closer than the attacker's own mean; 1: an exact copy.",
    )  # fmt: skip
    said = (
        f"Of what tells one person's {modality} from another's, the attacker rebuilds "
        f"{_share(value.estimate)} ({_share(value.low)} to {_share(value.high)}); without the "
        "target it would be 0%."
    )
    return Look(measure, p_value, NEGLIGIBLE, said)


def led_back(
    modality: str, hits: int, looked: int, *, chance: float, p_value: float, attacker: str, of: str
) -> Look:
    """The look by identity: the share of reconstructions that point at the right original.

    Args:
      of: what the gallery holds, e.g. "200 records".
    """
    measure = Measure(
        f"re-identified by rebuilt {modality}, rank 1", clopper_pearson(hits, looked),
        better="lower", baseline={"chance": chance}, attacker=attacker,
        note=f"The gallery holds {of}.",
    )  # fmt: skip
    said = (
        f"{hits:,} of {looked:,} reconstructions ({modality}) lead back to the right one of {of}; "
        f"by chance {chance * looked:.1f} would."
    )
    return Look(measure, p_value, chance, said)


def _share(value: float) -> str:
    """Below the mean is as good as the mean, for who reads a sentence."""
    return f"{max(0.0, value):.0%}"
