# SPDX-License-Identifier: Apache-2.0
"""Which faces are the same person, by the vectors of a face recogniser that the user plugged in.

Leader clustering: a face joins the nearest earlier leader within reach, else it leads a cluster of
its own. Two faces of one picture are two people, so they never share a cluster.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from polyveil import _validate

_GROWTH = 1024


class FaceClusters:
    """Gives faces their cluster's key, `face:<number>`, in the order in which pictures come.

    Args:
      threshold: cosine above which two faces count as the same person.
    """

    def __init__(self, threshold: float) -> None:
        _validate.probability(threshold=threshold)
        self._threshold = threshold
        self._leaders: NDArray[np.float32] = np.zeros((0, 0), np.float32)
        self._count = 0

    def keys(self, embeddings: Sequence[NDArray[np.float32] | None]) -> list[str | None]:
        """One key a face of one picture; None for a face without a vector."""
        result: list[str | None] = [None] * len(embeddings)
        taken: set[int] = set()
        for at, embedding in enumerate(embeddings):
            if embedding is None:
                continue
            cluster = self._nearest(embedding, taken)
            taken.add(cluster)
            result[at] = f"face:{cluster}"
        return result

    def _nearest(self, embedding: NDArray[np.float32], taken: set[int]) -> int:
        if self._count:
            near = self._leaders[: self._count] @ embedding
            near[list(taken)] = -1.0
            best = int(near.argmax())
            if near[best] > self._threshold:
                return best
        if self._count == len(self._leaders):
            room = np.zeros((_GROWTH, len(embedding)), np.float32)
            self._leaders = np.concatenate([self._leaders.reshape(-1, len(embedding)), room])
        self._leaders[self._count] = embedding
        self._count += 1
        return self._count - 1
