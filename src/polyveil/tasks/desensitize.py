# SPDX-License-Identifier: Apache-2.0
"""The main job: find, join, replace, verify, export, measure, report.

The whole data set is searched first, because who is who is known only at its end; what was found
waits in the journal, sealed by the project key. Then every record is replaced, verified and
released, or refused. A kill at any moment costs at most the records under way: the same command
goes on where it stopped.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from polyveil.errors import UsageError
from polyveil.export.journal import Journal
from polyveil.export.layout import Layout
from polyveil.export.outcome import OutcomeRow
from polyveil.export.place import appearing, check_apart
from polyveil.export.writer import Writer
from polyveil.privacy.key import ProjectKey
from polyveil.privacy.vault import Vault
from polyveil.records import codec
from polyveil.records.record import Record, Refused
from polyveil.records.source import Source, open_source
from polyveil.replace.face_backends import face_replacer
from polyveil.report.facts import Release as ReleaseForm
from polyveil.report.html import render
from polyveil.report.result import DesensitizeReport, from_json
from polyveil.report.threats import threat_table
from polyveil.tasks import about
from polyveil.tasks import measure as measuring
from polyveil.tasks.before_after import before_after
from polyveil.tasks.events import Listener, Note, RecordDone, StageStarted, silence
from polyveil.tasks.find import Found
from polyveil.tasks.output_key import output_key
from polyveil.tasks.personas import Personas, new_graph
from polyveil.tasks.pool import Pool
from polyveil.tasks.release import Job, Release, Released, crashed
from polyveil.tasks.search import STAGE as FIND
from polyveil.tasks.search import search
from polyveil.tasks.settings import Settings, cores
from polyveil.tasks.tally import Tally
from polyveil.verify.reidentify import FEWEST, Reidentification

REPLACE, MEASURE = "replace", "measure"
_FINDINGS = "findings"
DEFAULT = Settings()
NOT_TESTED = (
    "Text inside pictures, voice, behaviour, video and DICOM were neither searched nor replaced.",
    "Hair, clothes, body, place and occasion stay as they are; an acquaintance may know them.",
    "Names that no detector found were not replaced; recall is measured on benchmarks, not here.",
)


def desensitize(
    source: str | Path,
    out: str | Path,
    *,
    settings: Settings = DEFAULT,
    key: str | Path | None = None,
    one_way: bool = False,
    vault: str | Path | None = None,
    passphrase: str | None = None,
    measure: bool = False,
    pairs: int = 0,
    dry_run: bool = False,
    workers: int | None = None,
    on_event: Listener = silence,
) -> DesensitizeReport:
    """Writes a safe copy of a data set in which every person has one stand-in, and a report.

    With more than one worker, a script must call this under `if __name__ == "__main__":`.

    Args:
      source: folder with metadata.jsonl, folder of pictures, or a Parquet file. Never changed.
      out: a new folder, or that of the same job, which then goes on or is a no-op.
      settings: how.
      key: file of the project key; None for the user's own, made on first use.
      one_way: forget the key at the end. Such a job cannot be resumed.
      vault: encrypted file for the identity map, outside `out`; needs `passphrase`.
      measure: attack the result and report what still leaks.
      pairs: show this many before/after pairs in report.html. They expose people.
      dry_run: find and plan, write nothing.
      workers: processes; None for one a core.
      on_event: hears about progress.

    Raises:
      UsageError: the call is off; nothing was written.
      JournalError: `out` belongs to another job.
      VaultError: wrong passphrase or a damaged vault.
    """
    if vault is not None and not passphrase:
        raise UsageError("vault: expected a passphrase; a vault without one protects nothing.")
    face_replacer(settings.faces)  # an unknown name is a usage error before anything is read
    options = Options(Path(out), settings, measure, pairs, workers or cores(), on_event)
    opened = open_source(Path(source))
    project = ProjectKey.ephemeral() if one_way else ProjectKey.load_or_create(_path(key))
    if dry_run:
        check_apart(options.out, opened.root)
        return _planned(opened, project, options)
    job = settings.fingerprint(opened.fingerprint(project.mac("input")), project.id)
    with Journal.open(options.out, job, source=opened.root) as journal:
        if journal.finished:
            Writer(options.out, journal, Layout.of(opened, journal))  # sweeps what a kill left
            return _finished_report(options.out)
        if vault is None:
            return _run(opened, project, journal, None, options)
        with _vault(Path(vault), str(passphrase), options.out) as kept:
            return _run(opened, project, journal, kept, options)


@dataclass(frozen=True, slots=True)
class Options:
    """What a run needs to know beside its data."""

    out: Path
    settings: Settings
    measure: bool
    pairs: int
    workers: int
    on_event: Listener


def _path(value: str | Path | None) -> Path | None:
    return None if value is None else Path(value)


def _vault(path: Path, passphrase: str, out: Path) -> Vault:
    make = Vault.open if path.exists() else Vault.create
    return make(path, passphrase, outside=out)


def _run(
    source: Source, key: ProjectKey, journal: Journal, vault: Vault | None, options: Options
) -> DesensitizeReport:
    started, tally = about.now(), Tally()
    _find(source, key, journal, tally, options)
    graph = new_graph()
    for _, found in _all_found(journal, key):
        graph.add(found.findings, found.identities)
    personas = Personas(graph, key, options.settings)
    tally.persons = len(personas)
    writer = Writer(options.out, journal, Layout.of(source, journal))
    if vault is not None:
        with vault.batch():
            for person, persona in personas.all():
                vault.put_person(person, persona.to_json())
    _replace(source, key, writer, personas, vault, tally, options)
    report = _report(source, key, writer, tally, started, vault is not None, options)
    _write_report(options.out, report)
    writer.finish(expected=len(source))
    return report


def _find(
    source: Source, key: ProjectKey, journal: Journal, tally: Tally, options: Options
) -> None:
    """Searches what no earlier run searched; seals findings into the journal."""
    options.on_event(StageStarted(FIND, len(source)))

    def known(index: int) -> bool:
        done = journal.findings(index) is not None or journal.settled(index)
        if done:
            options.on_event(RecordDone(FIND))
        return done

    items = enumerate(source.records())
    for searched in search(items, workers=options.workers, on_event=options.on_event, skip=known):
        if isinstance(searched.result, Refused):
            journal.settle(searched.index, OutcomeRow.refusal(searched.result))
            continue
        tally.took(searched.result.seconds)
        data = codec.to_bytes(searched.result.findings, searched.result.identities)
        journal.put_findings(searched.index, key.seal(_FINDINGS, data))


def _all_found(journal: Journal, key: ProjectKey) -> Iterator[tuple[int, Found]]:
    for index, blob in journal.all_findings():
        yield index, Found(*codec.from_bytes(key.open(_FINDINGS, blob)))


def _replace(
    source: Source,
    key: ProjectKey,
    writer: Writer,
    personas: Personas,
    vault: Vault | None,
    tally: Tally,
    options: Options,
) -> None:
    """Replaces, verifies and releases what is not settled yet; counts everything."""
    journal = writer.journal
    options.on_event(StageStarted(REPLACE, len(source)))

    def jobs() -> Iterator[Job]:
        for index, item in enumerate(source.records()):
            tally.read(item)
            blob = journal.findings(index)
            if blob is not None:
                found = Found(*codec.from_bytes(key.open(_FINDINGS, blob)))
                tally.found(found.findings, found.identities)
            if journal.settled(index) or blob is None or isinstance(item, Refused):
                options.on_event(RecordDone(REPLACE))
                continue
            cast = tuple(personas.of(person) for person in found.identities.persons)
            yield Job(index, item, found, cast, personas.originals(cast))

    work = Release(options.settings, key, writer.door, keep_reversals=vault is not None)
    for done in Pool(work, crashed=crashed, workers=options.workers).map(jobs()):
        _settle(done, writer, vault, tally)
        options.on_event(RecordDone(REPLACE, refused=done.outcome.refused is not None))
    for _, outcome in journal.outcomes():
        if outcome.refused is None:
            tally.released(outcome.facts)
        else:
            tally.refused(outcome.refused)


def _settle(done: Released, writer: Writer, vault: Vault | None, tally: Tally) -> None:
    # The vault first: a kill in between leaves a map too many, never one too few.
    if vault is not None and done.outcome.refused is None:
        vault.put_texts(output_key(done.outcome.row, done.outcome.file), done.reversals)
    writer.settle(done.index, done.outcome)
    tally.took(done.seconds)


def _report(
    source: Source,
    key: ProjectKey,
    writer: Writer,
    tally: Tally,
    started: str,
    with_vault: bool,
    options: Options,
) -> DesensitizeReport:
    results = _measure(source, key, writer, options) if options.measure else []
    untested = _untested(results, options.measure)
    warning = face_replacer(options.settings.faces).warning
    return DesensitizeReport(
        job=about.job(
            "desensitize",
            started=started,
            input_kind=source.kind,
            counts=tally.counts(),
            settings=_public(options),
        ),
        release=ReleaseForm("vault" if with_vault else "one-way", key.id),
        measures=measuring.as_measures(results),
        threats=threat_table(
            [
                measuring.searched_again(tally.counts().records_released),
                *measuring.as_threats(results),
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


def _untested(results: list[Reidentification], wanted: bool) -> tuple[str, ...]:
    if results:
        return ()
    if wanted:
        return (f"Attacks on faces need at least {FEWEST} faces; this output has fewer.",)
    return ("No attack was run on this output (--measure runs one).",)


def _public(options: Options) -> dict[str, Any]:
    flat = asdict(options.settings)
    lambdas = flat.pop("weights")
    return {
        **flat,
        **{f"lambda {term}": value for term, value in lambdas.items()},
        "workers": options.workers,
        "measure": options.measure,
        "pairs": options.pairs,
    }


def _measure(
    source: Source, key: ProjectKey, writer: Writer, options: Options
) -> list[Reidentification]:
    journal = writer.journal
    options.on_event(StageStarted(MEASURE, len(source)))

    def jobs() -> Iterator[measuring.Job]:
        for index, item in enumerate(source.records()):
            options.on_event(RecordDone(MEASURE))
            outcome, blob = journal.outcome(index), journal.findings(index)
            if outcome is None or outcome.file is None or blob is None:
                continue
            findings, _ = codec.from_bytes(key.open(_FINDINGS, blob))
            if isinstance(item, Record) and findings.faces:
                yield measuring.Job(item, findings.faces, options.out / outcome.file)

    pool = Pool(measuring.describe_pair, crashed=lambda job, error: [], workers=options.workers)
    return measuring.attack([pair for pairs in pool.map(jobs()) for pair in pairs])


def _write_report(out: Path, report: DesensitizeReport) -> None:
    with appearing(out, "report.json") as file:
        file.write(json.dumps(report.to_json(), ensure_ascii=False, indent=2).encode())
    with appearing(out, "report.html") as file:
        file.write(render(report).encode())


def _finished_report(out: Path) -> DesensitizeReport:
    path = out / "report.json"
    if not path.is_file():
        raise UsageError(f"{out.name}: this job is done, but its report.json was removed.")
    report = from_json(json.loads(path.read_text(encoding="utf-8")))
    if not isinstance(report, DesensitizeReport):
        raise UsageError("report.json: expected a report of desensitize.")
    return report


def _planned(source: Source, key: ProjectKey, options: Options) -> DesensitizeReport:
    """Find and cast, and count what would be replaced."""
    started, tally, graph = about.now(), Tally(), new_graph()
    options.on_event(StageStarted(FIND, len(source)))

    def counted() -> Iterator[tuple[int, Record | Refused]]:
        for index, item in enumerate(source.records()):
            tally.read(item)
            yield index, item

    for searched in search(counted(), workers=options.workers, on_event=options.on_event):
        if isinstance(searched.result, Refused):
            tally.refused(searched.result)
            continue
        found = searched.result
        tally.found(found.findings, found.identities)
        tally.took(found.seconds)
        graph.add(found.findings, found.identities)
    tally.persons = len(Personas(graph, key, options.settings))
    options.on_event(Note("Dry run: nothing was written."))
    return DesensitizeReport(
        job=about.job(
            "desensitize",
            started=started,
            input_kind=source.kind,
            counts=tally.counts(),
            settings={**_public(options), "dry run": True},
        ),
        release=ReleaseForm("one-way", key.id),
        threats=threat_table(()),
        refusals=tally.refusals(),
        times=tally.times(),
        not_tested=("This was a dry run: nothing was replaced, verified or measured.", *NOT_TESTED),
        warnings=("Dry run: nothing was written.",),
    )
