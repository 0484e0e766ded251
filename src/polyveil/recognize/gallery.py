# SPDX-License-Identifier: Apache-2.0
"""The gallery: who is enrolled, as protected templates under pseudonymous ids.

The database holds no key, no name and no embedding; the key stays with the caller. A subject has at
most one active template a modality. Enrolling, renewing and revoking are one transaction each, over
all modalities given.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike
from sqlalchemy import Connection, delete, select, update

from polyveil.errors import GalleryError, UsageError
from polyveil.privacy.key import ProjectKey
from polyveil.recognize.normalise import Cohort
from polyveil.recognize.scheme import Floats, Scheme, embeddings_of
from polyveil.recognize.scoring import Comparison, scores_under
from polyveil.recognize.store import SUBJECTS, TEMPLATES, Store, address
from polyveil.recognize.template import Template, new_enrolment, protect, template_secret

_SUBJECT_BYTES = 16


@dataclass(frozen=True, slots=True)
class Entry:
    """One enrolment, as listed; says nothing about the person.

    Attributes:
      subject: pseudonymous id, 32 hex digits.
      enrolment: id of this enrolment, public, never used twice.
      modality: e.g. "face".
      encoder: id of what made the embedding.
      status: revoked entries have no template left.
      created, revoked: UTC, ISO 8601.
    """

    subject: str
    enrolment: str
    modality: str
    encoder: str
    status: Literal["active", "revoked"]
    created: str
    revoked: str | None


class Gallery:
    """Enrolled people. Safe to use from several threads and processes at once."""

    def __init__(
        self,
        place: str | Path,
        *,
        key: ProjectKey,
        schemes: Mapping[str, Scheme] | None = None,
        encoder: str = "",
    ) -> None:
        """Opens a gallery; an empty one is made where there is none.

        Args:
          place: path of a SQLite file, or a sqlite: or postgresql: URL.
          key: of the project; secret, never stored.
          schemes: modality -> scheme for new templates; None for `Scheme.for_dimension`.
          encoder: id of what makes the embeddings. Templates of another are never compared with:
            their angles mean nothing.

        Raises:
          UsageError: the place is neither.
          GalleryError: not reachable, damaged, readable by others, or of another key.
        """
        self._key, self._schemes, self._encoder = key, dict(schemes or {}), encoder
        self._store = Store(address(place), key_id=key.id)

    def subject(self, name: str) -> str:
        """The pseudonymous id of a name under this key; nobody without the key can make it."""
        return self._key.mac("recognize/subject", name)[:_SUBJECT_BYTES].hex()

    def enroll(self, name: str, samples: Mapping[str, ArrayLike]) -> str:
        """Enrols a person. Nothing of the embeddings is kept but templates.

        Args:
          name: whatever the caller calls the person; only its keyed hash is stored.
          samples: modality -> embeddings (dimension,) or (n, dimension). Secret.

        Returns:
          The subject's pseudonymous id.

        Raises:
          UsageError: no modality, an unfit embedding, or one that has an active template: renew it.
        """
        rows = self._rows(name, samples)
        with self._store.writing() as connection:
            active = _active(connection, rows[0]["subject"]) & {row["modality"] for row in rows}
            if active:
                raise UsageError(
                    f"gallery: this subject has an active template for "
                    f"{', '.join(sorted(active))}. Renew or revoke it first; nothing was enrolled."
                )
            self._insert(connection, rows)
        return str(rows[0]["subject"])

    def renew(
        self, name: str, samples: Mapping[str, ArrayLike], *, enrol_missing: bool = False
    ) -> str:
        """Revokes what is active in these modalities and enrols under fresh secrets, at once.

        Args:
          enrol_missing: enrol as well what has no active template, instead of refusing.

        Raises:
          UsageError: as `enroll`, or a modality that was never enrolled or has been revoked.
        """
        rows = self._rows(name, samples)
        subject = str(rows[0]["subject"])
        with self._store.writing() as connection:
            missing = {row["modality"] for row in rows} - _active(connection, subject)
            if missing and not enrol_missing:
                raise UsageError(
                    f"gallery: no active template for {', '.join(sorted(missing))}; enrol instead. "
                    "Nothing was changed."
                )
            _revoke(connection, subject, [row["modality"] for row in rows])
            self._insert(connection, rows)
        return subject

    def revoke(self, name: str, modality: str | None = None) -> int:
        """Revokes and erases a person's active templates, of one modality or all; how many."""
        subject = self.subject(name)
        with self._store.writing() as connection:
            chosen = _active(connection, subject)
            if modality is not None:
                chosen &= {modality}
            return _revoke(connection, subject, sorted(chosen))

    def forget(self, name: str) -> int:
        """Deletes every row of a person, revoked ones too; how many templates it were."""
        subject = self.subject(name)
        with self._store.writing() as connection:
            mine = TEMPLATES.c.subject == subject
            found = len(connection.execute(select(TEMPLATES.c.enrolment).where(mine)).all())
            connection.execute(delete(TEMPLATES).where(mine))
            connection.execute(delete(SUBJECTS).where(SUBJECTS.c.id == subject))
            return found

    def active(self, name: str) -> dict[str, str]:
        """Modalities in which a person has an active template -> id of the encoder behind it."""
        mine = (TEMPLATES.c.subject == self.subject(name), TEMPLATES.c.status == "active")
        query = select(TEMPLATES.c.modality, TEMPLATES.c.encoder).where(*mine)
        with self._store.reading() as connection:
            return {row.modality: row.encoder for row in connection.execute(query)}

    def entries(self) -> tuple[Entry, ...]:
        """Every enrolment, active or revoked, by date."""
        columns = [TEMPLATES.c[name] for name in Entry.__slots__]
        query = select(*columns).order_by(TEMPLATES.c.created, TEMPLATES.c.enrolment)
        with self._store.reading() as connection:
            return tuple(Entry(*row) for row in connection.execute(query))

    def compare(
        self,
        probe: Mapping[str, ArrayLike],
        *,
        names: Sequence[str] | None = None,
        cohort: Cohort | None = None,
    ) -> Comparison:
        """A probe against active templates: of everybody, or of the named people only.

        Args:
          probe: modality -> embedding (dimension,), any subset of modalities, at least one. Secret.
          cohort: background people, to normalise the scores by.

        Raises:
          UsageError: no modality, or an embedding of another length than the templates.
          GalleryError: templates of another encoder, which nothing can be compared with.
        """
        return self.compare_all([probe], names=names, cohort=cohort)[0]

    def compare_all(
        self,
        probes: Sequence[Mapping[str, ArrayLike]],
        *,
        names: Sequence[str] | None = None,
        cohort: Cohort | None = None,
    ) -> list[Comparison]:
        """Several probes, each as `compare` does it: secrets are derived once for all of them.

        A probe is compared in its own modalities: people who have none of them are in none of its
        columns.
        """
        if not all(probes):
            raise UsageError("gallery: expected at least one modality in the probe.")
        rows = self._templates(sorted({name for probe in probes for name in probe}), names)
        tables = {
            modality: self._scores(modality, probes, own, cohort) for modality, own in rows.items()
        }
        found = []
        for at, probe in enumerate(probes):
            mine = {modality: tables[modality] for modality in probe}
            subjects = sorted({one for subjects, _ in mine.values() for one in subjects})
            places = {subject: index for index, subject in enumerate(subjects)}
            scores = {modality: np.full(len(subjects), np.nan) for modality in probe}
            for modality, (columns, table) in mine.items():
                scores[modality][[places[one] for one in columns]] = table[at]
            found.append(Comparison(tuple(subjects), scores))
        return found

    def _templates(
        self, modalities: Sequence[str], names: Sequence[str] | None
    ) -> dict[str, list[Any]]:
        """Modality -> rows with active templates, of everybody or of the named people."""
        columns = ("subject", "modality", "encoder", "enrolment", "template")
        query = (
            select(*(TEMPLATES.c[name] for name in columns))
            .where(TEMPLATES.c.status == "active", TEMPLATES.c.modality.in_(list(modalities)))
            .order_by(TEMPLATES.c.subject)
        )
        if names is not None:
            query = query.where(TEMPLATES.c.subject.in_([self.subject(name) for name in names]))
        with self._store.reading() as connection:
            rows = connection.execute(query).all()
        self._only_ours(rows)
        return {name: [row for row in rows if row.modality == name] for name in modalities}

    def _only_ours(self, rows: Sequence[Any]) -> None:
        """To leave such templates out would call the people unknown whom they are of."""
        others = {row.subject for row in rows if row.encoder != self._encoder}
        if others:
            raise GalleryError(
                f"gallery {self._store.place}: templates of {len(others)} people were made by "
                "another encoder than the one at hand. Nothing was compared. Use that encoder, or "
                "enrol these people again (renew)."
            )

    def _scores(
        self,
        modality: str,
        probes: Sequence[Mapping[str, ArrayLike]],
        rows: Sequence[Any],
        cohort: Cohort | None,
    ) -> tuple[list[str], Floats]:
        """Subjects, and scores (probes, subjects) of one modality; NaN for probes without it."""
        table = np.full((len(probes), len(rows)), np.nan)
        present = [at for at, probe in enumerate(probes) if modality in probe]
        by_scheme: dict[Scheme, list[tuple[int, bytes, Template]]] = {}
        for place, row in enumerate(rows):
            template = _read(row.template, self._store.place)
            secret = self._secret(row.subject, modality, row.enrolment)
            by_scheme.setdefault(template.scheme, []).append((place, secret, template))
        for scheme, found in by_scheme.items():
            columns, secrets, templates = zip(*found, strict=True)
            vectors = [embeddings_of(probes[at][modality], scheme)[0] for at in present]
            table[np.ix_(present, columns)] = scores_under(
                np.stack(vectors), secrets, templates, modality=modality, cohort=cohort
            )
        return [row.subject for row in rows], table

    def _rows(self, name: str, samples: Mapping[str, ArrayLike]) -> list[dict[str, Any]]:
        """Rows to insert, one a modality; protected before the database is asked for its lock."""
        if not samples:
            raise UsageError("gallery: expected at least one modality to enrol.")
        subject, now = self.subject(name), _now()
        rows = []
        for modality, values in sorted(samples.items()):
            vectors = embeddings_of(values, self._schemes.get(modality))
            scheme = self._schemes.get(modality) or Scheme.for_dimension(vectors.shape[1])
            enrolment = new_enrolment()
            template = protect(vectors, self._secret(subject, modality, enrolment), scheme)
            rows.append(
                {
                    "enrolment": enrolment,
                    "subject": subject,
                    "modality": modality,
                    "encoder": self._encoder,
                    "template": template.to_bytes(),
                    "status": "active",
                    "created": now,
                }
            )
        return rows

    def _secret(self, subject: str, modality: str, enrolment: str) -> bytes:
        return template_secret(self._key, subject=subject, modality=modality, enrolment=enrolment)

    def _insert(self, connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
        subject = rows[0]["subject"]
        known = connection.execute(select(SUBJECTS.c.id).where(SUBJECTS.c.id == subject)).first()
        if known is None:
            connection.execute(SUBJECTS.insert(), {"id": subject, "created": rows[0]["created"]})
        connection.execute(TEMPLATES.insert(), list(rows))


def _active(connection: Connection, subject: str) -> set[str]:
    """Modalities in which a subject has an active template."""
    query = select(TEMPLATES.c.modality).where(
        TEMPLATES.c.subject == subject, TEMPLATES.c.status == "active"
    )
    return set(connection.execute(query).scalars())


def _revoke(connection: Connection, subject: str, modalities: Sequence[str]) -> int:
    chosen = (
        TEMPLATES.c.subject == subject,
        TEMPLATES.c.status == "active",
        TEMPLATES.c.modality.in_(list(modalities)),
    )
    values = {"status": "revoked", "revoked": _now(), "template": None}
    return connection.execute(update(TEMPLATES).where(*chosen).values(**values)).rowcount


def _read(data: bytes | None, place: str) -> Template:
    try:
        return Template.from_bytes(data or b"")
    except UsageError as error:
        raise GalleryError(f"gallery {place}: {error}") from None


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")
