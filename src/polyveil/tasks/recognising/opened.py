# SPDX-License-Identifier: Apache-2.0
"""What every verb of recognition opens: a calibrated recogniser, a gallery, files of one person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from polyveil import _database
from polyveil.errors import UsageError
from polyveil.privacy.key import ProjectKey
from polyveil.recognize import recogniser_folder
from polyveil.recognize.centred import Centred
from polyveil.recognize.gallery import Gallery
from polyveil.recognize.ready_made import COLUMN, vector_file
from polyveil.recognize.recogniser_folder import Calibrated
from polyveil.recognize.recognizer import Recognizer
from polyveil.records.record import Record
from polyveil.records.source import Source
from polyveil.tasks.recognising.encoders import READY_MADE, reopen

NOT_DONE = (
    "whether the face, voice or behaviour was live: a photograph, a recording or a replay is not "
    "told from the person",
)
"""What no verb of recognition checks."""


@dataclass(frozen=True, slots=True, eq=False)
class OpenedRecogniser:
    """A recogniser whose files are as they were calibrated.

    Attributes:
      calibrated: what decides.
      encoder: what embeds.
      key: of the project. Secret.
    """

    calibrated: Calibrated
    encoder: Centred
    key: ProjectKey

    @classmethod
    def of(
        cls, folder: str | Path, *, key: ProjectKey, people: Source | None = None
    ) -> OpenedRecogniser:
        """
        Raises:
          UsageError: no recogniser, or of another project key.
          WeightsError: damaged or edited.
        """
        path = Path(folder)
        found = recogniser_folder.read(path, key=key)
        encoder = reopen(path, found.encoder, people)
        return cls(found, Centred(encoder, found.centres), key)

    def gallery(self, place: str | Path) -> Gallery:
        """The gallery at a place, for templates of this recogniser."""
        return Gallery(
            place, key=self.key, schemes=self.calibrated.schemes, encoder=self.encoder.id
        )

    def recognizer(self, place: str | Path, far: float | None) -> Recognizer:
        """With an existing gallery, at a rate; None for the calibrated one.

        Raises:
          UsageError: no gallery there.
          GalleryError: of another key, damaged or not reachable.
        """
        must_exist(place)
        rate = self.calibrated.far if far is None else far
        return Recognizer(
            self.gallery(place), self.calibrated.decider, rate, self.calibrated.cohort
        )

    def records(
        self,
        *,
        face: Sequence[str | Path] = (),
        voice: Sequence[str | Path] = (),
        behaviour: Sequence[str | Path] = (),
    ) -> list[Record]:
        """Files of one person as records, the first of each kind together, then the second.

        Raises:
          UsageError: no file, a missing one, or one that this recogniser does not read.
        """
        given = {"face": face, "voice": voice, "behaviour": behaviour}
        files = {name: [Path(one) for one in own] for name, own in given.items() if own}
        if not files:
            raise UsageError("expected a file: --face, --voice or --behaviour.")
        for name, own in files.items():
            if not all(path.is_file() for path in own):
                raise UsageError(f"--{name}: no such file.")
        most = max(map(len, files.values()))
        return [
            self._record(
                f"file:{at + 1}", {name: own[at] for name, own in files.items() if at < len(own)}
            )
            for at in range(most)
        ]

    def _record(self, name: str, files: dict[str, Path]) -> Record:
        """One of each kind together; every file must be something that the encoder reads."""
        if self.calibrated.encoder["kind"] == READY_MADE:
            known = self.encoder.dimensions
            row = {COLUMN + one: vector_file(path, one) for one, path in files.items()
                   if one in known}  # fmt: skip
            return self._all_read(Record(name, row), set(files) - set(known))
        parts: dict[str, Any] = {_PART[one]: path for one, path in files.items()}
        alone = {one: Record(name, {}, **{_PART[one]: parts[_PART[one]]}) for one in files}
        unread = {one for one, record in alone.items() if not self.encoder.modalities(record)}
        return self._all_read(Record(name, {}, **parts), unread)

    def _all_read(self, record: Record, unread: set[str]) -> Record:
        if unread:
            raise UsageError(
                f"--{min(unread)}: this recogniser reads only {', '.join(self.encoder.dimensions)}."
            )
        return record


_PART = {"face": "image", "voice": "voice", "behaviour": "behaviour"}


def exists(place: str | Path) -> bool:
    """Whether a gallery may be there: a SQLite file is, a server is taken to be."""
    url = _database.address(place, what="gallery")
    return not _database.is_sqlite(url) or Path(str(url.database)).is_file()


def must_exist(place: str | Path) -> None:
    """Raises UsageError where a SQLite gallery is asked for that is not there: a mistyped path
    would otherwise answer that nobody is enrolled."""
    if not exists(place):
        raise UsageError("gallery: none there; expected one that `polyveil enroll` made.")
