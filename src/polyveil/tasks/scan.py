# SPDX-License-Identifier: Apache-2.0
"""What would identify whom: the find stage alone. Changes nothing and writes nothing."""

from __future__ import annotations

import heapq
from collections import Counter
from pathlib import Path

from polyveil.records.source import open_source
from polyveil.report.facts import RecordRisk
from polyveil.report.result import ScanReport
from polyveil.tasks import about
from polyveil.tasks.events import Listener, silence
from polyveil.tasks.find import Found
from polyveil.tasks.personas import new_graph
from polyveil.tasks.search import survey
from polyveil.tasks.settings import cores
from polyveil.tasks.tally import Tally

LISTED = 1000
"""Records that a report lists one by one, those with most findings first."""

SOUGHT_ONCE = (
    "A name that was found in one record was not looked for in the others, as 'desensitize' does: "
    "it may replace more than is listed here."
)
NOT_TESTED = (
    "Voice, behaviour, text inside pictures, video and DICOM were not searched.",
    "What the detectors miss is not in this list.",
    SOUGHT_ONCE,
)


def scan(
    source: str | Path, *, workers: int | None = None, on_event: Listener = silence
) -> ScanReport:
    """Finds faces, names, identifiers and descriptions of people in a data set.

    Args:
      source: folder with metadata.jsonl, folder of pictures, or a Parquet file.
      workers: processes; None for one a core.
      on_event: hears about progress.

    Returns:
      Kinds and counts by record, never content. `exit_code` 1 where anything was found.

    Raises:
      UsageError: nothing is there that can be read as a data set.
    """
    started, opened = about.now(), open_source(Path(source))
    tally, graph = Tally(), new_graph()
    listed: list[tuple[int, int, RecordRisk]] = []
    processes = workers or cores()
    for index, found in survey(opened, tally, graph, workers=processes, on_event=on_event):
        entry = (risk(found).total, -index, risk(found))
        (heapq.heappush if len(listed) < LISTED else heapq.heappushpop)(listed, entry)
    tally.persons = sum(1 for _ in graph.persons())
    return ScanReport(
        job=about.job(
            "scan",
            started=started,
            input_kind=opened.kind,
            counts=tally.counts(),
            settings={"workers": processes},
        ),
        records=tuple(entry[2] for entry in sorted(listed, reverse=True)),
        refusals=tally.refusals(),
        times=tally.times(),
        not_tested=NOT_TESTED,
        warnings=tuple(f"Left out: {n} × {why}." for why, n in opened.ignored.items()),
    )


def risk(found: Found) -> RecordRisk:
    """Kinds and counts of one record."""
    persons = found.identities.persons
    return RecordRisk(
        record_id=found.findings.record_id,
        faces=len(found.findings.faces),
        mentions=dict(Counter(mention.kind.value for mention in found.findings.mentions)),
        persons=len(persons),
        linked=sum(bool(person.faces and person.mentions) for person in persons),
    )
