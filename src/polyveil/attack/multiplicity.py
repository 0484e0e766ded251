# SPDX-License-Identifier: Apache-2.0
"""Many attacks on one target: who tries twenty things finds one of them at 5 % by chance.

Source: Holm, Scandinavian Journal of Statistics 6 (1979).
"""

from __future__ import annotations

from collections.abc import Sequence

from polyveil import _validate


def holm_levels(p_values: Sequence[float], *, significance: float = 0.05) -> list[float]:
    """For each p-value the level that it is to be judged at, so that the chance of any false
    accusation is at most `significance`, however the attacks depend on each other.

    A p-value is at most its level exactly if Holm's step-down procedure rejects it.

    Raises:
      ValueError: a p-value outside [0, 1].
    """
    _validate.probability(significance=significance)
    if not all(0.0 <= p <= 1.0 for p in p_values):
        raise ValueError("expected p-values in [0, 1].")
    levels = [0.0] * len(p_values)
    order = sorted(range(len(p_values)), key=lambda at: p_values[at])
    for place, at in enumerate(order):
        level = significance / (len(p_values) - place)
        levels[at] = level
        if p_values[at] > level:
            # Holm stops here: all later ones are judged at the level that stopped it.
            for later in order[place:]:
                levels[later] = level
            break
    return levels


def all_trials(p_value: float, trials: int) -> float:
    """The p-value of the best of `trials` looks at the same evidence (Bonferroni)."""
    _validate.at_least(1, trials=trials)
    return min(1.0, p_value * trials)
