# SPDX-License-Identifier: Apache-2.0
"""Who is on the left, in the middle, in front: position words against the faces of one picture.

Words of place compare people with one another ("the man on the left" is the leftmost man, wherever
the picture ends), so scores follow the spread of the faces, not the frame.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from polyveil.records.facets import POSITIONS
from polyveil.records.finding import Box

_OPEN = 0.5
"""Score of a word that cannot tell these faces apart."""


def positions(boxes: Sequence[Box]) -> list[dict[str, float]]:
    """For every face: position word -> how well it fits, in [0, 1]; 0.5 where it says nothing.

    Left, right, top, bottom grow linearly between the outermost faces; middle falls off from the
    centre; front and back compare sizes. A row of faces has no top and bottom, faces of one size
    no front and back, a single face nothing at all.
    """
    if not boxes:
        return []
    centre = np.array([((b.left + b.right) / 2, (b.top + b.bottom) / 2) for b in boxes])
    size = np.array([max(1.0, np.sqrt(max(b.area, 1.0))) for b in boxes])
    usual = float(np.median(size))
    across = _between(centre[:, 0], at_least=0.5 * usual)
    down = _between(centre[:, 1], at_least=0.9 * usual)
    near = _between(np.log(size), at_least=float(np.log(1.25)))
    # In two rows the front row stands lower and is often no larger.
    front = near if near is not None else down
    columns: dict[str, NDArray[np.float64] | None] = {
        "left": None if across is None else 1 - across,
        "middle": None if across is None else 1 - 2 * np.abs(across - 0.5),
        "right": across,
        "front": front,
        "back": None if front is None else 1 - front,
        "top": None if down is None else 1 - down,
        "bottom": down,
    }
    if columns["middle"] is not None and len(boxes) == 2:
        columns["middle"] = None
    return [
        {word: _OPEN if (c := columns[word]) is None else float(c[at]) for word in POSITIONS}
        for at in range(len(boxes))
    ]


def _between(values: NDArray[np.float64], *, at_least: float) -> NDArray[np.float64] | None:
    """Values on a line from 0 to 1; None where they lie closer together than `at_least`."""
    spread = float(values.max() - values.min())
    if spread <= at_least:
        return None
    return np.asarray((values - values.min()) / spread)
