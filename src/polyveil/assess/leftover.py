# SPDX-License-Identifier: Apache-2.0
"""Search the output again: what is found there that is not a stand-in of ours is left over."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from polyveil.records.finding import Box, Face, Kind, Mention
from polyveil.records.record import TextPath

COVERED = 0.6
"""Share of the middle of a face that must be replaced. The middle is what recognisers read."""

Span = tuple[TextPath, int, int]


def middle(face: Face) -> Box:
    """The box that holds eyes, nose and mouth, with a margin of a fifth of its size."""
    left, top = face.points.min(axis=0)
    right, bottom = face.points.max(axis=0)
    across, down = 0.2 * (right - left), 0.2 * (bottom - top)
    return Box(float(left - across), float(top - down), float(right + across), float(bottom + down))


def covered(face: Face, replaced: NDArray[np.bool_]) -> float:
    """Share of the face's middle, as far as it lies inside the picture, that was replaced."""
    box, (height, width) = middle(face), replaced.shape
    x0, x1 = int(max(0, box.left)), int(min(width, np.ceil(box.right)))
    y0, y1 = int(max(0, box.top)), int(min(height, np.ceil(box.bottom)))
    if x1 <= x0 or y1 <= y0:
        return 1.0
    return float(replaced[y0:y1, x0:x1].mean())


def faces_left(found: Iterable[Face], replaced: NDArray[np.bool_]) -> list[Face]:
    """Faces of the output whose middle is not a stand-in's."""
    return [face for face in found if covered(face, replaced) < COVERED]


def mentions_left(
    found: Iterable[Mention], stand_ins: Sequence[Span], kept: Collection[Kind]
) -> list[Mention]:
    """Mentions of the output that touch no stand-in of ours.

    Args:
      found: what the detectors find in the output texts.
      stand_ins: (path, start, end) of everything that we wrote, in the output texts.
      kept: kinds that are meant to stay.
    """
    return [
        mention
        for mention in found
        if mention.kind not in kept and not any(_touches(mention, span) for span in stand_ins)
    ]


def _touches(mention: Mention, span: Span) -> bool:
    path, start, end = span
    return path == mention.path and start < mention.end and mention.start < end
