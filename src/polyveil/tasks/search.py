# SPDX-License-Identifier: Apache-2.0
"""The find stage over a whole data set: every record searched once, in workers, in input order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from polyveil.detect.known_names import KnownNames
from polyveil.errors import RecordError
from polyveil.records.graph import IdentityGraph
from polyveil.records.record import Record, Refused
from polyveil.records.source import Source
from polyveil.tasks.events import Listener, RecordDone, StageStarted
from polyveil.tasks.find import Found, find, refused
from polyveil.tasks.pool import Pool
from polyveil.tasks.tally import Tally

STAGE = "find"


@dataclass(frozen=True, slots=True)
class Job:
    """A record, or a refusal of the reader's that only passes through.

    Attributes:
      known: names from other records that stand in this one; None on the first search.
    """

    index: int
    item: Record | Refused
    known: KnownNames = field(default=KnownNames(), repr=False)


@dataclass(frozen=True, slots=True)
class Searched:
    """What became of one job."""

    index: int
    result: Found | Refused


def search(
    items: Iterable[tuple[int, Record | Refused]],
    *,
    workers: int,
    on_event: Listener,
    skip: Callable[[int], bool] = lambda index: False,
) -> Iterator[Searched]:
    """Searches the items that are not to be skipped; yields in order."""
    jobs = (Job(index, item) for index, item in items if not skip(index))
    for searched in carried_out(jobs, workers=workers):
        on_event(RecordDone(STAGE, refused=isinstance(searched.result, Refused)))
        yield searched


def carried_out(jobs: Iterable[Job], *, workers: int) -> Iterator[Searched]:
    """What became of the jobs, in order."""
    return Pool(_one, crashed=_crashed, workers=workers).map(jobs)


def survey(
    source: Source,
    tally: Tally,
    graph: IdentityGraph,
    *,
    workers: int,
    on_event: Listener,
) -> Iterator[tuple[int, Found]]:
    """Searches a whole data set, counts it, joins its persons, and yields what was found."""
    on_event(StageStarted(STAGE, len(source)))
    for searched in search(_counted(source, tally), workers=workers, on_event=on_event):
        if isinstance(searched.result, Refused):
            tally.refused(searched.result)
            continue
        found = searched.result
        tally.found(found.findings, found.identities)
        tally.took(found.seconds)
        graph.add(found.findings, found.identities)
        yield searched.index, found


def _counted(source: Source, tally: Tally) -> Iterator[tuple[int, Record | Refused]]:
    for index, item in enumerate(source.records()):
        tally.read(item)
        yield index, item


def _one(job: Job) -> Searched:
    if isinstance(job.item, Refused):
        return Searched(job.index, job.item)
    return Searched(job.index, find(job.item, job.known))


def _crashed(job: Job, error: RecordError) -> Searched:
    return Searched(job.index, refused(job.item.id, error))
