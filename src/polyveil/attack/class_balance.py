# SPDX-License-Identifier: Apache-2.0
"""Whether those who train have seen what they are judged on.

Records that lie sorted by class, and are cut in two without a shuffle, give a part without some of
the classes. Everything runs, and its figures mean nothing.
"""

from __future__ import annotations

import torch

from polyveil.attack.examples import Examples
from polyveil.attack.guard import Guard

SEEN = 0.99
"""Share of judged records whose class must have been among those trained on."""


def same_classes(trained: Examples, judged: Examples) -> Guard:
    """The check that goes with a result; a rare class or two may be missing."""
    share = float(torch.isin(judged.labels, trained.labels).double().mean())
    return Guard(
        "classes alike",
        "false comfort",
        share >= SEEN,
        f"{share:.1%} of the judged records are of a class that training saw"
        + ("" if share >= SEEN else ": shuffle the records before they are cut into parts"),
    )
