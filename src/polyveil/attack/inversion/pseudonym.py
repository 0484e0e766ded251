# SPDX-License-Identifier: Apache-2.0
"""The records that an attack hit hardest, under names that say nothing about them.

A name is cut from the hash of the record's content: whoever holds the record can find it again,
and nobody can read it off the name.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from polyveil.attack.result import Exposed

SHOWN = 5


def exposed(
    digests: Sequence[bytes], shares: NDArray[np.float64], said: str
) -> tuple[Exposed, ...]:
    """The `SHOWN` records with the greatest share; records without any are left out."""
    worst = np.argsort(-shares)[:SHOWN]
    return tuple(
        Exposed(pseudonym(digests[at]), float(shares[at]), f"{shares[at]:.0%} {said}")
        for at in worst
        if shares[at] > 0
    )


def pseudonym(digest: bytes) -> str:
    """A record's name in a report."""
    return f"record {hashlib.sha256(b'report' + digest).hexdigest()[:8]}"
