# SPDX-License-Identifier: Apache-2.0
"""Can two templates under different keys be told to be of one person? D(s) and D_sys.

Mated scores compare templates of one person under different keys, non-mated scores templates of
different people under different keys. D(s) is how much more likely mated than not a pair of score s
is, from 0 (no more) to 1 (surely); D_sys is its mean over mated scores. 0 is unlinkable, 1 fully
linkable. Estimated from histograms it is above 0 even where nothing can be linked; what chance
alone gives, by shuffling the labels, is told beside it.

Source: Gomez-Barrero et al., General framework to evaluate unlinkability in biometric template
protection systems, IEEE TIFS 13 (2018), equations 4 to 8.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from polyveil.errors import UsageError
from polyveil.recognize.scheme import Floats

_MOST_BINS = 100
_PER_BIN = 10
_SHUFFLES = 200


@dataclass(frozen=True, slots=True, eq=False)
class Linkability:
    """How linkable templates are by a score.

    Attributes:
      d_sys: in [0, 1].
      chance: mean D_sys of shuffled labels, what these counts give where nothing is linkable.
      chance_high: 95th percentile of the same; a D_sys above it is evidence of linkability.
      edges: (bins + 1,) of the scores.
      local: (bins,) D(s), in [0, 1].
      mated, non_mated: how many scores.
    """

    d_sys: float
    chance: float
    chance_high: float
    edges: Floats
    local: Floats
    mated: int
    non_mated: int

    @property
    def demonstrated(self) -> bool:
        """Whether chance alone would give less than this in 95 of 100 cases."""
        return self.d_sys > self.chance_high


def linkability(
    mated: Floats, non_mated: Floats, *, seed: int, prior_ratio: float = 1.0
) -> Linkability:
    """D(s) and D_sys of linkage scores.

    Bins are of equal width over all scores, a tenth as many as mated scores, at most 100.

    Args:
      mated, non_mated: scores (n,), larger is more alike.
      seed: of the shuffles.
      prior_ratio: mated pairs for each non-mated pair that the attacker expects; 1 is the worst
        case that the source recommends.

    Raises:
      UsageError: fewer than 20 scores of a kind, scores that are not finite, or a ratio <= 0.
    """
    both = np.concatenate([mated, non_mated])
    if min(len(mated), len(non_mated)) < 2 * _PER_BIN or not np.isfinite(both).all():
        raise UsageError(
            f"linkability: expected at least {2 * _PER_BIN} finite scores of each kind, got "
            f"{len(mated)} and {len(non_mated)}."
        )
    if not prior_ratio > 0:
        raise UsageError(f"linkability: expected prior_ratio > 0, got {prior_ratio}.")
    bins = min(_MOST_BINS, len(mated) // _PER_BIN)
    edges = np.histogram_bin_edges(both, bins=bins)
    bin_of = np.clip(np.searchsorted(edges, both, side="right") - 1, 0, bins - 1)
    d_sys, local = _measure(bin_of[: len(mated)], bin_of[len(mated) :], bins, prior_ratio)
    draw = np.random.default_rng(seed)
    by_chance = []
    for _ in range(_SHUFFLES):
        shuffled = draw.permutation(bin_of)
        by_chance.append(
            _measure(shuffled[: len(mated)], shuffled[len(mated) :], bins, prior_ratio)[0]
        )
    chance, high = float(np.mean(by_chance)), float(np.percentile(by_chance, 95))
    return Linkability(d_sys, chance, high, edges, local, len(mated), len(non_mated))


def _measure(
    mated: np.ndarray, non_mated: np.ndarray, bins: int, ratio: float
) -> tuple[float, Floats]:
    """D_sys and D(s), from the bins of the scores."""
    ours = np.bincount(mated, minlength=bins) / len(mated)
    others = np.bincount(non_mated, minlength=bins) / len(non_mated)
    # 2 p(mated | s) - 1, which is 1 where no non-mated score falls.
    weight = ratio * ours + others
    local = np.zeros(bins)
    np.divide(ratio * ours - others, weight, out=local, where=weight > 0)
    local = np.maximum(local, 0.0)
    return float((local * ours).sum()), local
