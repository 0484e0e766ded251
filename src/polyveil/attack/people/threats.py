# SPDX-License-Identifier: Apache-2.0
"""Threats that no program stands for, and those that a release discloses; loads nothing."""

from __future__ import annotations

from polyveil.attack.threat import Threat

DISCLOSED = frozenset({"source-match", "cross-record"})
"""Threats that replacing faces and names does not claim to stop, and a release discloses: their
outcome is reported and does not by itself mean that the tool failed."""

UNTRIED: tuple[tuple[Threat, str], ...] = (
    (
        Threat(
            "context", "Acquaintance", "the output",
            "clothes, hair, body, place, occasion, date, other records of the same event",
            risk="singling out",
        ),
        "Needs people who know the people; no program stands for them.",
    ),
    (
        Threat(
            "attributes", "Recipient who infers attributes", "the output",
            "that sex, age band, clothes and surroundings are kept unless set otherwise",
            risk="inference",
        ),
        "What is kept on purpose was not inferred anew; attacks on faces say what it tells.",
    ),
)  # fmt: skip
"""Threats that no attack here stands for, and why."""
