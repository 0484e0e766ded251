# SPDX-License-Identifier: Apache-2.0
"""Stage one and a half: records that hold a name which was found only in others, searched again."""

from __future__ import annotations

from collections.abc import Iterator

from polyveil.detect.known_names import KnownNames
from polyveil.export.journal import Journal
from polyveil.records.record import Record, Refused
from polyveil.records.source import Source
from polyveil.tasks.find import Found
from polyveil.tasks.options import Options
from polyveil.tasks.sealed import SealedFindings
from polyveil.tasks.search import Job, carried_out
from polyveil.tasks.tally import Tally

_DONE = "known names sought"


def find_known_names(
    source: Source, journal: Journal, sealed: SealedFindings, tally: Tally, options: Options
) -> None:
    """Adds them to what was found; done once a job, whatever kills it in between."""
    if journal.get(_DONE) is not None:
        return
    known = KnownNames.of(
        (record, found.findings.mentions) for _, record, found in _searched(source, sealed)
    )

    def jobs() -> Iterator[Job]:
        for index, record, found in _searched(source, sealed):
            missed = known.missed(record, found.findings.mentions)
            if missed.names:
                yield Job(index, record, missed)

    for searched in carried_out(jobs() if known.names else (), workers=options.workers):
        if not isinstance(searched.result, Refused):
            tally.took(searched.result.seconds)
            sealed.put(searched.index, searched.result)
    journal.set(_DONE, "1")


def _searched(source: Source, sealed: SealedFindings) -> Iterator[tuple[int, Record, Found]]:
    """Every record that was searched, its place, and what was found in it."""
    for index, item in enumerate(source.records()):
        found = sealed.get(index)
        if found is not None and isinstance(item, Record):
            yield index, item, found
