# SPDX-License-Identifier: Apache-2.0
"""Put people into a gallery as protected templates: a whole data set, or one person's files.

    polyveil.enroll("staff", recogniser="recogniser", gallery="gallery.db")
    polyveil.enroll(person="Ada", face=["ada.jpg"], recogniser="recogniser", gallery="gallery.db")

A person is enrolled in one transaction: whole, or not at all. What was enrolled before a kill is
skipped by the same call.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polyveil.errors import EXIT_CLEAN, EXIT_RECORDS_REFUSED, RecordError, UsageError
from polyveil.recognize.encoder import ENROLMENT_DRAWS
from polyveil.recognize.gallery import Gallery
from polyveil.records.record import Record
from polyveil.records.source import Source, open_source
from polyveil.report.calibration import NO_GUARANTEE
from polyveil.report.codec import encode
from polyveil.report.facts import Refusals
from polyveil.report.sentences import plural
from polyveil.tasks.events import Listener, RecordDone, StageStarted, silence
from polyveil.tasks.recognising.keys import project_key
from polyveil.tasks.recognising.opened import OpenedRecogniser, exists
from polyveil.tasks.recognising.people import Line, by_person, embed, embedded, lines, refusal
from polyveil.tasks.tally import Tally

_Vectors = dict[str, list[NDArray[np.float32]]]


@dataclass(frozen=True, slots=True)
class EnrollReport:
    """What became of the people. Names are in none of it.

    Attributes:
      enrolled: people who got templates, for every modality or for those they lacked.
      renewed: people whose templates were revoked and made anew.
      already: people who had every template before; nothing of them was touched.
      not_enrolled: people of whom no record could be used.
      subject: pseudonymous id, where one person was named.
      modalities: modality -> people who got a template of it.
      records: that were read.
      dry_run: whether nothing was written.
      refusals: records that could not be used.
      guarantee: always None.
    """

    enrolled: int
    renewed: int
    already: int
    not_enrolled: int
    subject: str | None
    modalities: Mapping[str, int]
    records: int
    dry_run: bool
    refusals: tuple[Refusals, ...] = ()
    not_done: tuple[str, ...] = (
        "whether a person is enrolled under two names",
        "whether records of one person show one person",
    )
    guarantee: None = None
    no_guarantee: str = NO_GUARANTEE

    @property
    def exit_code(self) -> int:
        """3 where records were refused, else 0."""
        return EXIT_RECORDS_REFUSED if self.refusals else EXIT_CLEAN

    def to_json(self) -> dict[str, Any]:
        """JSON values, versioned by "schema"."""
        return {"schema": "polyveil.enroll/1", "exit_code": self.exit_code, **encode(self)}

    def summary(self) -> str:
        """Counts, refusals, what was not done."""
        would = "would be " if self.dry_run else ""
        parts = [f"{plural(self.enrolled, 'person', 'people')} {would}enrolled"]
        parts += [f"{self.renewed} renewed"] if self.renewed else []
        parts += [f"{self.already} there already, skipped"] if self.already else []
        parts += [f"{self.not_enrolled} without a usable record"] if self.not_enrolled else []
        lines_ = [f"{', '.join(parts)}; {plural(self.records, 'record')} read"]
        if self.modalities:
            each = ", ".join(f"{name} {count}" for name, count in self.modalities.items())
            lines_.append(f"templates: {each}")
        lines_ += [f"subject {self.subject}"] if self.subject else []
        for one in self.refusals:
            lines_.append(f"refused: {one.count} × {one.kind}")
            lines_ += [f"  {shown.record_id}: {shown.reason}" for shown in one.examples[:5]]
        lines_.append(f"not checked: {'; '.join(self.not_done)}")
        return "\n".join([*lines_, f"guarantee: none; {self.no_guarantee}"])


def enroll(
    people: str | Path | None = None,
    *,
    person: str | None = None,
    face: Sequence[str | Path] = (),
    voice: Sequence[str | Path] = (),
    behaviour: Sequence[str | Path] = (),
    recogniser: str | Path,
    gallery: str | Path,
    renew: bool = False,
    key: str | Path | None = None,
    vault: str | Path | None = None,
    passphrase: str | None = None,
    dry_run: bool = False,
    on_event: Listener = silence,
) -> EnrollReport:
    """Enrols the people of a data set, or one person from files.

    Args:
      people: data set whose records say `person`; all records of a person are averaged.
      person: instead: the name of one person, whose files follow.
      face, voice, behaviour: files of that person; for ready-made embeddings .npy files.
      recogniser: folder that `calibrate` wrote.
      gallery: path of a SQLite file or a postgresql: URL; made where there is none.
      renew: revoke templates that are there and make new ones, under fresh secrets.
      key, vault, passphrase: the project key, as in calibration.
      dry_run: embed and say what would be enrolled; write nothing.
      on_event: hears about progress.

    Raises:
      UsageError: people and person, or neither; an unfit recogniser or place.
      WeightsError: the recogniser was damaged or edited.
      GalleryError: another key's gallery, damaged or not reachable; people enrolled by another
        encoder, without `renew`.
    """
    if (people is None) == (person is None):
        raise UsageError("enroll: expected a data set, or --person with files, not both.")
    if people is not None and (face or voice or behaviour):
        raise UsageError("enroll: files of one person go with --person.")
    held = project_key(key, vault=vault, passphrase=passphrase)
    source = None if people is None else open_source(Path(people))
    opened = OpenedRecogniser.of(recogniser, key=held, people=source)
    records = [] if source else opened.records(face=face, voice=voice, behaviour=behaviour)
    there = opened.gallery(gallery) if exists(gallery) or not dry_run else None
    job = _Job(opened, there, renew, dry_run, on_event)
    if source is not None:
        job.data_set(source)
    else:
        job.one(str(person), records)
    return job.report()


@dataclass(slots=True)
class _Job:
    opened: OpenedRecogniser
    gallery: Gallery | None
    renew: bool
    dry_run: bool
    on_event: Listener
    tally: Tally = field(default_factory=Tally)
    people: Counter[str] = field(default_factory=Counter)
    modalities: Counter[str] = field(default_factory=Counter)
    subject: str | None = None

    def data_set(self, source: Source) -> None:
        """Each person as soon as the last of his records was read."""
        found = lines(source, self.opened.encoder, self.tally)
        waiting = {
            name: set(own)
            for name, own in by_person(found).items()
            if not self._has_all(name, [found[index] for index in own])
        }
        places = sorted(index for own in waiting.values() for index in own)
        self.on_event(StageStarted("enroll", len(places)))
        samples = embedded(
            source, self.opened.encoder, dict.fromkeys(places, ENROLMENT_DRAWS), self.tally
        )
        kept: dict[str, _Vectors] = {}
        for index, sample in zip(places, samples, strict=True):
            name = found[index].person
            if sample is not None:
                _add(kept.setdefault(name, {}), sample.embeddings)
            waiting[name].discard(index)
            if not waiting[name]:
                self._put(name, kept.pop(name, {}))
            self.on_event(RecordDone("enroll", refused=sample is None))

    def one(self, name: str, records: Iterable[Record]) -> None:
        """One person from files."""
        vectors: _Vectors = {}
        for record in records:
            self.tally.read(record)
            try:
                _add(vectors, embed(record, self.opened.encoder, draws=ENROLMENT_DRAWS))
            except RecordError as error:
                self.tally.refused(refusal(record, error))
        self._put(name, vectors)
        if vectors and self.gallery is not None:
            self.subject = self.gallery.subject(name)

    def report(self) -> EnrollReport:
        return EnrollReport(
            enrolled=self.people["enrolled"],
            renewed=self.people["renewed"],
            already=self.people["already"],
            not_enrolled=self.people["not enrolled"],
            subject=self.subject,
            modalities=dict(sorted(self.modalities.items())),
            records=self.tally.counts().records_read,
            dry_run=self.dry_run,
            refusals=self.tally.refusals(),
        )

    def _has_all(self, name: str, claims: list[Line]) -> bool:
        """Whether nothing that the records claim to hold is missing in the gallery."""
        if self.renew:
            return False
        wanted = frozenset().union(*(claim.modalities for claim in claims))
        there = wanted <= self._mine(name).keys()
        self.people["already"] += there
        return there

    def _put(self, name: str, vectors: _Vectors) -> None:
        if not vectors:
            self.people["not enrolled"] += 1
            return
        samples = {modality: np.stack(rows) for modality, rows in vectors.items()}
        there = self._mine(name)
        if self.renew:
            self.people["renewed" if there else "enrolled"] += 1
        else:
            samples = {one: rows for one, rows in samples.items() if one not in there}
            self.people["enrolled" if samples else "already"] += 1
        self.modalities.update(samples.keys())
        if self.gallery is not None and samples and not self.dry_run:
            if self.renew:
                self.gallery.renew(name, samples, enrol_missing=True)
            else:
                self.gallery.enroll(name, samples)

    def _mine(self, name: str) -> dict[str, str]:
        """Modalities with an active template -> encoder.

        Raises:
          UsageError: of another encoder, without `renew`.
        """
        active = {} if self.gallery is None else self.gallery.active(name)
        if not self.renew and set(active.values()) - {self.opened.encoder.id}:
            raise UsageError(
                "enroll: a person is enrolled by another encoder, or by another calibration of "
                "this one; the two cannot be compared. Use that recogniser, another gallery, or "
                "renew."
            )
        return active


def _add(vectors: _Vectors, found: Mapping[str, NDArray[np.float32]]) -> None:
    for modality, vector in found.items():
        vectors.setdefault(modality, []).append(vector)
