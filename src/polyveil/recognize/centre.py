# SPDX-License-Identifier: Apache-2.0
"""What all people have in common, taken out of embeddings before they become templates.

Embeddings of most encoders lie in a narrow cone: the direction that everybody shares takes most of
the cells' resolution, and what tells people apart falls within one cell. Plain cosines suffer less,
so this shows only under protection. Centring is part of the encoder: what is enrolled, probed with,
fitted on and normalised by must all have gone through the same one.

Measured by benchmarks/template_protection.py on real embeddings.

Source: Mu & Viswanath, All-but-the-top, ICLR 2018 (the common mean); Garcia-Romero & Espy-Wilson,
Analysis of i-vector length normalization, Interspeech 2011 (centre, then length 1).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike

from polyveil.errors import UsageError
from polyveil.recognize.scheme import Floats, embeddings_of

_FEWEST = 10


@dataclass(frozen=True, slots=True, eq=False)
class Centre:
    """The mean embedding of background people. Made by `of`.

    Attributes:
      mean: float64 (dimension,), of embeddings of length 1. A mean over people; no guarantee that
        it tells nothing about any one of them.
    """

    mean: Floats = field(repr=False)

    @classmethod
    def of(cls, background: ArrayLike) -> Centre:
        """From embeddings (n, dimension), n >= 10, best one mean embedding a person.

        Raises:
          UsageError: fewer, or unfit embeddings.
        """
        rows = embeddings_of(background)
        if len(rows) < _FEWEST:
            raise UsageError(
                f"centre: expected at least {_FEWEST} background embeddings, got {len(rows)}."
            )
        return cls(rows.mean(axis=0))

    def apply(self, embeddings: ArrayLike) -> Floats:
        """Embeddings (n, dimension) around the centre, of length 1; one vector becomes a row.

        Raises:
          UsageError: embeddings of another dimension, or one that is the centre itself.
        """
        rows = embeddings_of(embeddings)
        if rows.shape[1] != len(self.mean):
            raise UsageError(
                f"centre: expected embeddings of {len(self.mean)} numbers, got {rows.shape[1]}. "
                "Use the encoder that the centre was made with."
            )
        return np.asarray(embeddings_of(rows - self.mean))
