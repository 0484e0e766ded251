# SPDX-License-Identifier: Apache-2.0
"""Measures a finished output and writes its report; reads the report of a job that is done."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from polyveil.assess.reidentify import FEWEST
from polyveil.errors import UsageError
from polyveil.export.place import appearing
from polyveil.export.writer import Writer
from polyveil.records.record import Record
from polyveil.records.source import Source
from polyveil.replace.face_backends import face_replacer
from polyveil.report.facts import Release
from polyveil.report.html import render
from polyveil.report.result import DesensitizeReport, from_json
from polyveil.report.threats import threat_table
from polyveil.tasks import about, measure
from polyveil.tasks.before_after import before_after
from polyveil.tasks.events import RecordDone, StageStarted
from polyveil.tasks.options import Options
from polyveil.tasks.personas import Personas
from polyveil.tasks.pool import Pool
from polyveil.tasks.sealed import SealedFindings
from polyveil.tasks.tally import Tally

STAGE = "measure"

NOT_TESTED = (
    "Text inside pictures, video and DICOM were neither searched nor replaced.",
    "Voices and behaviour have no stand-in: they are left out of the copy and counted.",
    "Hair, clothes, body, place and occasion stay as they are; an acquaintance may know them.",
    "Names that no detector found were not replaced; recall is measured on benchmarks, not here.",
)


def write_up(
    source: Source,
    sealed: SealedFindings,
    personas: Personas,
    writer: Writer,
    tally: Tally,
    release: Release,
    started: str,
    options: Options,
) -> DesensitizeReport:
    """Attacks the output if that is wanted, and writes report.json and report.html."""
    attacked = _measure(source, sealed, personas, writer, options) if options.measure else None
    untested = _untested(attacked)
    warning = face_replacer(options.settings.faces).warning
    report = DesensitizeReport(
        job=about.job(
            "desensitize",
            started=started,
            input_kind=source.kind,
            counts=tally.counts(),
            settings=options.public(),
        ),
        release=release,
        measures=measure.as_measures(attacked) if attacked else (),
        threats=threat_table(
            [
                measure.searched_again(tally.counts().records_released),
                *(measure.as_threats(attacked) if attacked else ()),
            ]
        ),
        refusals=tally.refusals(),
        times=tally.times(),
        not_tested=(*untested, *NOT_TESTED),
        warnings=(
            *((warning,) if warning else ()),
            *(f"Left out: {n} × {why}." for why, n in source.ignored.items()),
        ),
        pairs=before_after(source, writer.journal, options.out, options.pairs),
    )
    _write(options.out, report)
    return report


def _untested(attacked: measure.Attacked | None) -> tuple[str, ...]:
    if attacked is None:
        return ("No attack was run on this output (--measure runs one).",)
    if not attacked.results:
        return (f"Attacks on faces need at least {FEWEST} faces; this output has fewer.",)
    if not attacked.other_pictures:
        return (
            "Re-identification from another picture of a person was not tested: the data set shows "
            "too few people in several pictures, or does not say who they are (column `person`).",
        )
    return ()


def _measure(
    source: Source,
    sealed: SealedFindings,
    personas: Personas,
    writer: Writer,
    options: Options,
) -> measure.Attacked:
    options.on_event(StageStarted(STAGE, len(source)))

    def jobs() -> Iterator[measure.Job]:
        for index, item in enumerate(source.records()):
            options.on_event(RecordDone(STAGE))
            outcome, found = writer.journal.outcome(index), sealed.get(index)
            if outcome is None or outcome.file is None or found is None:
                continue
            if isinstance(item, Record) and found.findings.faces:
                tokens = {
                    face: personas.of(person).token
                    for person in found.identities.persons
                    for face in person.faces
                }
                whose = tuple(tokens[face] for face in range(len(found.findings.faces)))
                path = options.out / outcome.file
                yield measure.Job(item, found.findings.faces, whose, path)

    pool = Pool(measure.describe_pair, crashed=lambda job, error: [], workers=options.workers)
    return measure.attack([one for several in pool.map(jobs()) for one in several])


def _write(out: Path, report: DesensitizeReport) -> None:
    with appearing(out, "report.json") as file:
        file.write(json.dumps(report.to_json(), ensure_ascii=False, indent=2).encode())
    with appearing(out, "report.html") as file:
        file.write(render(report).encode())


def finished_report(out: Path) -> DesensitizeReport:
    """The report that a job which is done has left in its output.

    Raises:
      UsageError: it is not there any more, or is no report of this verb.
    """
    path = out / "report.json"
    if not path.is_file():
        raise UsageError(f"{out.name}: this job is done, but its report.json was removed.")
    report = from_json(json.loads(path.read_text(encoding="utf-8")))
    if not isinstance(report, DesensitizeReport):
        raise UsageError("report.json: expected a report of desensitize.")
    return report
