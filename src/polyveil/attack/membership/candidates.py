# SPDX-License-Identifier: Apache-2.0
"""Whose membership is asked about, and which further records help to ask."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from polyveil.attack.examples import Examples, joined
from polyveil.errors import UsageError


@dataclass(frozen=True, slots=True)
class Candidates:
    """Whose membership is asked about.

    Attributes:
      members: the target was trained on them (all of them, or a random sample).
      nonmembers: drawn as the members were, never seen by the target.
      population: further such records that nobody asks about: RMIA compares with them, the
        population attack sets its threshold on them. None without.
      background: records that every shadow model is trained on besides its half of members and
        non-members, so that it sees as many as the target did; for an owner, the rest of the
        training set. Nobody asks about them. None without.
    """

    members: Examples
    nonmembers: Examples
    population: Examples | None = None
    background: Examples | None = None

    def __post_init__(self) -> None:
        if not len(self.members) or not len(self.nonmembers):
            raise UsageError(
                f"membership: {len(self.members)} members, {len(self.nonmembers)} non-members; "
                "expected both."
            )
        kinds = {name: _kind(part) for name, part in self.parts().items()}
        if len(set(kinds.values())) > 1:
            raise UsageError(
                f"membership: {kinds}; expected the same modalities of the same shapes in every "
                "part."
            )

    @property
    def pool(self) -> Examples:
        """Members, then non-members: what shadow models are trained on halves of."""
        return joined(self.members, self.nonmembers)

    @property
    def is_member(self) -> NDArray[np.bool_]:
        """bool (pool,)."""
        return np.arange(len(self.members) + len(self.nonmembers)) < len(self.members)

    def parts(self) -> dict[str, Examples]:
        """All that must be disjoint, by name."""
        found = {
            "members": self.members,
            "non-members": self.nonmembers,
            "population": self.population,
            "background": self.background,
        }
        return {name: part for name, part in found.items() if part is not None}

    def set_aside(self, share: float, *, seed: int) -> Candidates:
        """The same, a random share of the non-members having become the population."""
        if self.population is not None or not 0 < share < 1:
            raise UsageError(
                f"membership: share {share}; expected a share in (0, 1), and no population yet."
            )
        order = np.random.default_rng(seed).permutation(len(self.nonmembers))
        cut = round(share * len(order))
        return replace(
            self,
            nonmembers=self.nonmembers.at(np.sort(order[cut:])),
            population=self.nonmembers.at(np.sort(order[:cut])),
        )


def _kind(part: Examples) -> str:
    return ", ".join(
        f"{name} {tuple(values.shape[1:])}" for name, values in sorted(part.inputs.items())
    )
