# SPDX-License-Identifier: Apache-2.0
"""Which described person is which face: the cheapest assignment, and a margin that it must win by.

Evidence for a pair is a sum of log odds against a face about which nothing is known: attributes of
the head (alignment model), colour of the clothes, place in the picture. A pair of the best
assignment counts only if forbidding it costs at least the margin; two people whom the words do not
tell apart swap at no cost and so stay open.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from polyveil.detect.alignment import AlignmentModel
from polyveil.detect.position import positions
from polyveil.records.facets import COLOURS
from polyveil.records.finding import Face

MARGIN = 0.3
"""Log odds by which an assignment must beat the next best one; tuned on composed scenes of the
development part of the synthetic faces."""
_ABSENT = -4.0
# A described person may be outside the picture: worse evidence than this and nobody is linked.
_CONTRADICTED = -5.0
_FORBIDDEN = -1e6


class Links(NamedTuple):
    """For every described person its faces, and for undecided ones the faces it may be."""

    faces: list[tuple[int, ...]]
    open: dict[int, tuple[int, ...]]


def evidence(
    face: Face,
    place: Mapping[str, float],
    facets: Mapping[str, str],
    alignment: AlignmentModel | None,
) -> float:
    """Log odds that a face is the described person, against an unknown face; 0 says nothing."""
    total = 0.0
    if alignment is not None:
        total += alignment.log_odds(face, facets)
    worn = face.attributes.get("clothes")
    if worn and facets.get("clothes") in COLOURS:
        # Colour names are few and light deceives: one facet never outweighs two.
        total += float(
            np.clip(math.log((worn.get(facets["clothes"], 0.0) + 0.04) / 0.16), -1.6, 1.8)
        )
    said = facets.get("position", "")
    if said in place:
        total += 3.0 * (place[said] - 0.5)
    return total


def assign(
    faces: Sequence[Face],
    described: Sequence[Mapping[str, str]],
    counts: Sequence[int],
    *,
    alignment: AlignmentModel | None,
    margin: float = MARGIN,
) -> Links:
    """Links described persons to faces.

    Args:
      faces: of one picture; for clothes and heads, with attributes filled in.
      described: facets, one mapping a person.
      counts: how many faces each may have; 0 for an open plural.
      alignment: None leaves the attributes of heads out.
      margin: see MARGIN.
    """
    links = Links([()] * len(described), {})
    if not faces or not described:
        return links
    places = positions([face.box for face in faces])
    looks = list(zip(faces, places, strict=True))
    score = np.array(
        [[evidence(f, p, facets, alignment) for f, p in looks] for facets in described]
    )
    if len(faces) == 1 and len(described) == 1:
        if score[0, 0] > _CONTRADICTED:
            return Links([(0,)], {})
        return Links([()], {0: (0,)})
    owner = [who for who, count in enumerate(counts) for _ in range(count or len(faces))]
    slots = score[owner].astype(np.float64)
    pairs, best = _solve(slots)
    found: list[list[int]] = [[] for _ in described]
    for slot, face in pairs:
        who = owner[slot]
        without = slots.copy()
        without[np.array(owner) == who, face] = _FORBIDDEN
        if best - _solve(without)[1] >= margin:
            found[who].append(face)
        else:
            rivals = np.flatnonzero(score[who] > score[who].max() - 2 * margin)
            links.open[who] = tuple(int(rival) for rival in rivals)
    return Links([tuple(sorted(each)) for each in found], links.open)


def _solve(slots: NDArray[np.float64]) -> tuple[list[tuple[int, int]], float]:
    """Best pairs (slot, face) and their sum; a slot may stay empty at the price of _ABSENT."""
    empty = np.full((len(slots), len(slots)), _ABSENT)
    table = np.hstack([slots, empty])
    from scipy.optimize import linear_sum_assignment  # half a second: only where it is needed

    rows, columns = linear_sum_assignment(table, maximize=True)
    pairs = [(int(r), int(c)) for r, c in zip(rows, columns, strict=True) if c < slots.shape[1]]
    return pairs, float(table[rows, columns].sum())
