# SPDX-License-Identifier: Apache-2.0
"""What attacks on people have in common when they are judged: bars, controls, pseudonyms.

A rate is tested against what counts as nothing (chance, what is kept on purpose, a margin), not
against bare chance: a release that keeps sex and age band on purpose lifts every attacker a little,
and enough people make any trifle significant.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from polyveil.assess.reidentify import FEWEST
from polyveil.attack.guard import Guard
from polyveil.attack.people.ranks import Ranked
from polyveil.attack.result import Exposed

MARGIN = 0.03
"""How far above what is kept on purpose a rate still counts as nothing."""
STRONG = 0.2
"""How far above chance an attacker must get on originals for his failure to say anything."""
_SHUFFLED = 0.001
_EXPOSED = 5
_RESAMPLES = 9999


def beyond(hits: NDArray[np.float64], bar: float, *, seed: int = 0) -> float:
    """Chance of per-person rates with so high a mean if the true one were at most `bar`: exact
    where everybody was tried once, else by a bootstrap over people."""
    count = len(hits)
    if count == 0 or bar >= 1.0:
        return 1.0
    if set(np.unique(hits)) <= {0.0, 1.0}:
        from scipy.special import betainc  # takes a moment to load

        total = int(hits.sum())
        return float(betainc(total, count - total + 1, bar)) if total else 1.0
    draw = np.random.default_rng(seed)
    means = np.concatenate([
        hits[draw.integers(0, count, (min(999, left), count))].mean(axis=1)
        for left in range(_RESAMPLES, 0, -999)
    ])  # fmt: skip
    return float(1 + (means <= bar).sum()) / (1 + len(means))


def p_value(
    found: Ranked, bar: float, *, strata: NDArray[np.intp] | None = None, seed: int = 0
) -> float:
    """The larger of two: people dealt anew among their like, and the rate beyond the bar."""
    return max(found.p_value(strata=strata, seed=seed), beyond(found.hits[:, 0], bar, seed=seed))


def strong(reached: float, chance: float, on: str) -> Guard:
    """Whether an attacker who is shown what he should find does find it."""
    return Guard(
        "positive control", "false comfort", reached >= chance + STRONG,
        f"On {on} he reaches {reached:.1%}; expected {chance + STRONG:.1%} or more.",
    )  # fmt: skip


def enough_people(people: int, what: str = "people") -> Guard:
    """Whether there are enough for a rate to say anything."""
    return Guard(
        f"enough {what}", "false comfort", people >= FEWEST,
        f"{people:,} {what}; expected {FEWEST} or more.",
    )  # fmt: skip


def null_control(shuffled: Ranked, what: str, *, seed: int = 0) -> Guard:
    """Whether he finds nothing where there is nothing to find."""
    chance = shuffled.p_value(seed=seed + 1)
    return Guard(
        "null control", "false alarm", chance > _SHUFFLED,
        f"With {what} dealt out to others he finds {shuffled.rate().estimate:.1%} first, "
        f"p = {chance:.2g}.",
    )  # fmt: skip


def dealt(count: int, *, seed: int = 0) -> NDArray[np.intp]:
    """Everybody's successor in one large round, by lot: nobody gets what is his own."""
    order = np.random.default_rng(seed).permutation(count)
    successor = np.empty(count, np.intp)
    successor[order] = np.roll(order, 1)
    return successor


def exposed(hits: Sequence[float] | NDArray[np.float64], how: str) -> tuple[Exposed, ...]:
    """The people hit hardest, under pseudonyms by lot."""
    scores = np.asarray(hits, float)
    names = np.random.default_rng(len(scores)).permutation(max(16**4, len(scores)))
    worst = [int(at) for at in np.argsort(-scores, kind="stable")[:_EXPOSED] if scores[at] > 0]
    return tuple(
        Exposed(f"person {names[at]:04x}", float(scores[at]),
                f"{how} first in {scores[at]:.0%} of tries")
        for at in worst
    )  # fmt: skip
