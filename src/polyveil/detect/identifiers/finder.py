# SPDX-License-Identifier: Apache-2.0
"""All identifier detectors over all readings of a string.

A reading that guesses adds findings and never moves one: where a detector already found something
of the same kind in an earlier, more careful reading, that finding stays unless the later one
contains it whole and reaches further.
"""

from __future__ import annotations

from polyveil.detect.identifiers import (
    address,
    age,
    card,
    coordinates,
    date,
    email,
    handle,
    iban,
    national_id,
    network,
    phone,
    plate,
    url,
)
from polyveil.detect.normalise import views
from polyveil.records.finding import Mention

_DETECTORS = (
    email, card, iban, national_id, phone, network, url, handle, coordinates, date, age, plate,
    address,
)  # fmt: skip


class IdentifierFinder:
    """Finds e-mails, numbers, dates, addresses ... in any disguise that a reader sees through."""

    name = "identifiers"

    def find(self, text: str) -> list[Mention]:
        """Every identifier, by position; mentions of different kinds may overlap."""
        found: list[Mention] = []
        for view in views(text):
            for detector in _DETECTORS:
                if view.name in detector.VIEWS:
                    for mention in detector.find(view):
                        _add(found, mention)
        return sorted(found, key=lambda mention: (mention.start, -mention.end))


def _add(found: list[Mention], mention: Mention) -> None:
    """Adds a mention unless an earlier reading knows it; replaces what it contains and exceeds."""
    rivals = [
        other
        for other in found
        if other.kind == mention.kind and other.start < mention.end and mention.start < other.end
    ]
    if any(other.score > mention.score or not _inside(other, mention) for other in rivals):
        return
    for other in rivals:
        found.remove(other)
    found.append(mention)


def _inside(inner: Mention, outer: Mention) -> bool:
    longer = outer.end - outer.start > inner.end - inner.start
    return longer and outer.start <= inner.start and inner.end <= outer.end
