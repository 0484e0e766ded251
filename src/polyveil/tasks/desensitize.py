# SPDX-License-Identifier: Apache-2.0
"""The main job: find, join, replace, verify, export, measure, report.

The whole data set is searched first, because who is who is known only at its end; what was found
waits in the journal, sealed by the project key. Then every record is replaced, verified and
released, or refused. A kill at any moment costs at most the records under way: the same command
goes on where it stopped.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from polyveil.errors import UsageError
from polyveil.export.journal import Journal
from polyveil.export.layout import Layout
from polyveil.export.outcome import OutcomeRow
from polyveil.export.place import check_apart
from polyveil.export.writer import Writer
from polyveil.privacy.key import ProjectKey
from polyveil.privacy.vault import Vault
from polyveil.records.record import Refused
from polyveil.records.source import Source, open_source
from polyveil.replace.face_backends import face_replacer
from polyveil.report.facts import Release as ReleaseForm
from polyveil.report.result import DesensitizeReport
from polyveil.tasks import about
from polyveil.tasks.dry_run import dry_run as plan_only
from polyveil.tasks.events import Listener, RecordDone, StageStarted, silence
from polyveil.tasks.known_names import find_known_names
from polyveil.tasks.options import Options
from polyveil.tasks.output_key import output_key
from polyveil.tasks.personas import Personas, new_graph
from polyveil.tasks.pool import Pool
from polyveil.tasks.release import Job, Release, Released, crashed
from polyveil.tasks.sealed import SealedFindings
from polyveil.tasks.search import STAGE as FIND
from polyveil.tasks.search import search
from polyveil.tasks.settings import Settings, cores
from polyveil.tasks.tally import Tally
from polyveil.tasks.write_up import finished_report, write_up

REPLACE = "replace"
DEFAULT = Settings()


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
        return plan_only(opened, project, options)
    job = settings.fingerprint(opened.fingerprint(project.mac("input")), project.id)
    with Journal.open(options.out, job, source=opened.root) as journal:
        if journal.finished:
            Writer(options.out, journal, Layout.of(opened, journal))  # sweeps what a kill left
            return finished_report(options.out)
        if vault is None:
            return _run(opened, project, journal, None, options)
        with _vault(Path(vault), str(passphrase), options.out) as kept:
            return _run(opened, project, journal, kept, options)


def _path(value: str | Path | None) -> Path | None:
    return None if value is None else Path(value)


def _vault(path: Path, passphrase: str, out: Path) -> Vault:
    make = Vault.open if path.exists() else Vault.create
    return make(path, passphrase, outside=out)


def _run(
    source: Source, key: ProjectKey, journal: Journal, vault: Vault | None, options: Options
) -> DesensitizeReport:
    started, tally, sealed = about.now(), Tally(), SealedFindings(journal, key)
    _find(source, journal, sealed, tally, options)
    graph = new_graph()
    for found in sealed.all():
        graph.add(found.findings, found.identities)
    personas = Personas(graph, key, options.settings)
    tally.persons = len(personas)
    writer = Writer(options.out, journal, Layout.of(source, journal))
    if vault is not None:
        with vault.batch():
            for person, persona in personas.all():
                vault.put_person(person, persona.to_json())
    _replace(source, key, sealed, writer, personas, vault, tally, options)
    form = ReleaseForm("one-way" if vault is None else "vault", key.id)
    report = write_up(source, sealed, personas, writer, tally, form, started, options)
    writer.finish(expected=len(source))
    return report


def _find(
    source: Source, journal: Journal, sealed: SealedFindings, tally: Tally, options: Options
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
        sealed.put(searched.index, searched.result)
    find_known_names(source, journal, sealed, tally, options)


def _replace(
    source: Source,
    key: ProjectKey,
    sealed: SealedFindings,
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
            found = sealed.get(index)
            if found is not None:
                tally.found(found.findings, found.identities)
            if journal.settled(index) or found is None or isinstance(item, Refused):
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
