# SPDX-License-Identifier: Apache-2.0
"""Who sits where: the people behind a release, as many who are not behind it, and a spare part.

An attack on a table counts only where it does better on the people whom the release was made from
than on others of the same population: what it finds out about those as well, it learned about the
population. So that the two can be compared exactly, both are drawn to one size. A quarter of the
control people is set apart: to judge how common a guess is, and to be the release of the null
control.

Source: Stadler, Oprisanu & Troncoso, USENIX Security 2022, https://arxiv.org/abs/2011.07018.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from polyveil import _validate
from polyveil.attack.tables.space import Points, Space
from polyveil.attack.tables.table import Table
from polyveil.errors import UsageError

FEWEST = 20
"""People on each side below which nothing is tried."""
PLANTED = 0.2
"""Share of the release's rows that a planted leak replaces by real ones."""


@dataclass(frozen=True, slots=True)
class Seats:
    """Everybody as points of one space, in random order.

    Attributes:
      space: the scale, the same for all.
      release: rows that the attacker holds.
      members: people behind the release, (n, columns).
      control: people who are not, (n, columns).
      spare: more people who are not.
      member_rows: which rows of the members' table sit.
    """

    space: Space
    release: Points = field(repr=False)
    members: Points = field(repr=False)
    control: Points = field(repr=False)
    spare: Points = field(repr=False)
    member_rows: NDArray[np.intp] = field(repr=False)

    def __len__(self) -> int:
        return len(self.members)

    @property
    def people(self) -> Points:
        """Members, then control: (2n, columns)."""
        return np.concatenate([self.members, self.control])

    @property
    def is_member(self) -> NDArray[np.bool_]:
        """bool (2n,), as in `people`."""
        return np.arange(2 * len(self)) < len(self)

    def releases(self, seed: int) -> Mapping[str, Points]:
        """What the attack is tried on: the release, and releases of which the truth is known.

        "release": the one in question. "identity": the members themselves, which any attack must
        catch. "planted": the release with a fifth of its rows replaced by members. "null": people
        who are neither members nor control, of which no attack may conclude anything.
        """
        draw = np.random.default_rng([seed, 1])
        planted = self.release.copy()
        count = min(len(self), max(1, round(PLANTED * len(planted))))
        places = draw.permutation(len(planted))[:count]
        planted[places] = self.members[draw.permutation(len(self))[:count]]
        return {
            "release": self.release,
            "identity": self.members,
            "planted": planted,
            "null": self.spare,
        }


def seat(release: Table, members: Table, control: Table, *, most: int, seed: int) -> Seats:
    """Everybody seated at random.

    Args:
      most: people on each side at most.

    Raises:
      UsageError: fewer than `FEWEST` people on a side, or no column in all three.
    """
    _validate.at_least(FEWEST, most=most)
    apart = len(control) // 4
    size = min(len(members), len(control) - apart, most)
    if size < FEWEST or len(release) < 2:
        raise UsageError(
            f"tables: {len(members)} members, {len(control)} control rows, {len(release)} released;"
            f" expected {FEWEST} members, {FEWEST * 4 // 3 + 1} control rows, 2 released or more. "
            "Hold rows of the same population out before the release is made."
        )
    space = Space.of([release, members, control])
    draw = np.random.default_rng(seed)
    chosen = draw.permutation(len(members))[:size]
    others = draw.permutation(len(control))
    spare, seated = others[:apart], others[apart : apart + size]
    outside = space.points(control)
    return Seats(
        space,
        space.points(release),
        space.points(members)[chosen],
        outside[seated],
        outside[spare],
        chosen,
    )
