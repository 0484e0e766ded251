# SPDX-License-Identifier: Apache-2.0
"""The decision, on the decrypting side: who is it, or nobody.

Whoever decrypts sees every score. To reveal the best one only, or those over a threshold only,
takes a comparison under encryption or a second party with a share of the key; this protocol has
neither and does not pretend to.

Decrypted scores stay with the key holder. A CKKS decryption is the score plus the noise of the
ciphertext, and that noise is a linear equation in the secret key: a server that gets approximate
results of its own ciphertexts back solves for the key (Li and Micciancio, EUROCRYPT 2021). The
noise that would provably prevent that (Li, Micciancio, Schultz, Sorrell, CRYPTO 2022) grows with
the number of decryptions and costs more digits than these parameters have. So the rule is: scores
are never sent. `Scores` cannot be pickled or copied and does not print; what may leave is a
`Decision`, which holds names and no number. Even of those keep the number small, and change the key
now and then: a server that can choose ciphertexts and sees the decisions learns a little from each.

Sources: https://eprint.iacr.org/2020/1533; https://eprint.iacr.org/2022/816.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from polyveil.errors import UsageError


@dataclass(frozen=True, slots=True)
class Decision:
    """What may leave the key holder: names, no scores.

    Attributes:
      best: name of the best template if its score reaches the threshold; else None, "unknown".
      over: every name whose score reaches the threshold, best first.
    """

    best: str | None
    over: tuple[str, ...]


class Scores:
    """Decrypted scores of the templates that are alive. For the key holder's eyes only.

    Attributes:
      names: of the templates.
      error_bound: on the difference of each value to the plain cosine; no unit.
    """

    __slots__ = ("_values", "error_bound", "names")

    def __init__(
        self, names: Sequence[str], values: NDArray[np.float64], *, error_bound: float
    ) -> None:
        if len(names) != len(values):
            raise UsageError(f"expected {len(names)} scores, got {len(values)}.")
        self.names = tuple(names)
        self.error_bound = error_bound
        self._values = np.array(values, dtype=np.float64)
        self._values.flags.writeable = False

    @property
    def values(self) -> NDArray[np.float64]:
        """float64 (n,), read-only, in the order of `names`. Secret: never to the server."""
        return self._values

    def decide(self, *, threshold: float) -> Decision:
        """Compares with a threshold, chosen beforehand on other people.

        A score closer to the threshold than `error_bound` may fall on either side.

        Args:
          threshold: a cosine in [-1, 1].

        Raises:
          UsageError: the threshold is none, so that everyone or nobody would match.
        """
        if not -1 <= threshold <= 1:
            raise UsageError(f"expected a threshold from -1 to 1, got {threshold}.")
        order = np.argsort(-self._values, kind="stable")
        over = tuple(self.names[place] for place in order if self._values[place] >= threshold)
        return Decision(over[0] if over else None, over)

    def __len__(self) -> int:
        return len(self.names)

    def __repr__(self) -> str:
        return f"Scores({len(self)} values, not shown)"

    def __reduce__(self) -> str | tuple[object, ...]:
        raise UsageError(
            "decrypted scores are not pickled or copied: approximate results that reach the server "
            "give it the secret key. Hand out the Decision of decide()."
        )
