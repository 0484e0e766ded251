# SPDX-License-Identifier: Apache-2.0
"""Stage one: who can be recognised where, in one record. Runs in a worker; writes nothing."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from polyveil.detect.alignment import AlignmentModel
from polyveil.detect.embedder import FaceEmbedder, discover
from polyveil.detect.faces import find_faces
from polyveil.detect.known_names import KnownNames
from polyveil.detect.landmarks import landmarks
from polyveil.detect.link import link
from polyveil.detect.mentions import MentionDetector, default_detectors, find_mentions
from polyveil.errors import RecordError
from polyveil.records.finding import Face, Findings
from polyveil.records.identity import RecordIdentities
from polyveil.records.perceptual_hash import perceptual_hash
from polyveil.records.picture import Picture, decode
from polyveil.records.record import Record, Refused


@dataclass(frozen=True, slots=True)
class Found:
    """What one record shows.

    Attributes:
      findings, identities: the faces and mentions, and who is who among them.
      seconds: stage -> time spent.
    """

    findings: Findings
    identities: RecordIdentities
    seconds: Mapping[str, float] = field(default_factory=dict)


@cache
def alignment() -> AlignmentModel:
    """One model a process."""
    return AlignmentModel()


@cache
def embedder() -> FaceEmbedder | None:
    """The face recogniser that the user plugged in, the first by name."""
    return next(iter(discover()), None)


def find(record: Record, known: KnownNames | None = None) -> Found | Refused:
    """Faces, mentions and persons of a record, or its refusal; never raises for a bad record.

    Args:
      known: names from other records that count wherever they stand; None for none.
    """
    clock = Clock()
    try:
        return _find(record, clock, known)
    except RecordError as error:
        return refused(record.id, error)


def _find(record: Record, clock: Clock, known: KnownNames | None) -> Found:
    faces: tuple[Face, ...] = ()
    picture = picture_hash = None
    if record.image is not None:
        picture = decode(record.image)
        clock.lap("decode")
        picture_hash = perceptual_hash(picture.pixels)
        faces = look(picture, clock)
    detectors: Sequence[MentionDetector] | None = None
    if known is not None:
        detectors = (*default_detectors(), known)
    mentions = find_mentions(record, detectors=detectors)
    clock.lap("read text")
    findings = Findings(record.id, faces, mentions, picture_hash)
    key = None if picture_hash is None else f"{picture_hash:016x}"
    identities = link(record, findings, alignment=alignment(), picture_key=key)
    clock.lap("link")
    if picture is not None:
        findings = _recognised(picture, findings)
        clock.lap("recognise")
    return Found(findings, identities, clock.seconds)


def look(picture: Picture, clock: Clock) -> tuple[Face, ...]:
    """Faces with outline and attributes."""
    faces = find_faces(picture.pixels)
    clock.lap("find faces")
    if not faces:
        return ()
    described = alignment().faces(picture.pixels, landmarks(picture.pixels, faces))
    clock.lap("describe faces")
    return tuple(described)


def refused(record_id: str, error: RecordError) -> Refused:
    """The refusal that an error stands for."""
    return Refused(record_id, type(error).__name__, str(error))


def _recognised(picture: Picture, findings: Findings) -> Findings:
    """Faces with a plugged-in recogniser's vectors, or none: linking within is done by now."""
    vectors: list[NDArray[np.float32] | None] = [None] * len(findings.faces)
    recogniser = embedder()
    if recogniser is not None and findings.faces:
        pixels = picture.pixels
        colour = pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, axis=2)
        vectors = list(recogniser.embed(colour, findings.faces))
    faces = (replace(f, embedding=v) for f, v in zip(findings.faces, vectors, strict=True))
    return replace(findings, faces=tuple(faces))


class Clock:
    """Adds up the time of named stages within one record."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, stage: str) -> None:
        """Everything since the last lap was this stage."""
        now = time.perf_counter()
        self.seconds[stage] = self.seconds.get(stage, 0.0) + now - self._last
        self._last = now
