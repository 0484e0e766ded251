# SPDX-License-Identifier: Apache-2.0
"""Finds and casts, counts what would be replaced, and writes nothing."""

from __future__ import annotations

from collections import deque

from polyveil.privacy.key import ProjectKey
from polyveil.records.source import Source
from polyveil.report.facts import Release
from polyveil.report.result import DesensitizeReport
from polyveil.report.threats import threat_table
from polyveil.tasks import about
from polyveil.tasks.options import Options
from polyveil.tasks.personas import Personas, new_graph
from polyveil.tasks.scan import SOUGHT_ONCE
from polyveil.tasks.search import survey
from polyveil.tasks.tally import Tally
from polyveil.tasks.write_up import NOT_TESTED

_NOTHING = "This was a dry run: nothing was replaced, verified, measured or written."


def dry_run(source: Source, key: ProjectKey, options: Options) -> DesensitizeReport:
    """The report of a job that was only planned."""
    started, tally, graph = about.now(), Tally(), new_graph()
    found = survey(source, tally, graph, workers=options.workers, on_event=options.on_event)
    deque(found, maxlen=0)
    tally.persons = len(Personas(graph, key, options.settings))
    return DesensitizeReport(
        job=about.job(
            "desensitize",
            started=started,
            input_kind=source.kind,
            counts=tally.counts(),
            settings={**options.public(), "dry run": True},
        ),
        release=Release("one-way", key.id),
        threats=threat_table(()),
        refusals=tally.refusals(),
        times=tally.times(),
        not_tested=(_NOTHING, SOUGHT_ONCE, *NOT_TESTED),
        warnings=(_NOTHING,),
    )
