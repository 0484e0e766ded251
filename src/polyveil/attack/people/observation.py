# SPDX-License-Identifier: Apache-2.0
"""What all attackers on a pair of folders see, read once: faces as vectors, words as mentions.

Each pair of records is decoded, searched and described a single time; every attack then works on
arrays. What is kept per face are three vectors a recogniser (original, weakened original as a
control, released), in half precision: 2,000 faces take 110 MB with local binary patterns. No pixels
are kept. Everything here is secret.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from polyveil.assess.reidentify import FEWEST, weaken
from polyveil.attack.people.pair import FolderPair
from polyveil.attack.people.pairing import Link
from polyveil.attack.people.recogniser import LocalPatterns, Recogniser
from polyveil.attack.people.same_picture import Look
from polyveil.detect.alignment import AlignmentModel
from polyveil.detect.faces import find_faces
from polyveil.detect.mentions import find_mentions
from polyveil.errors import RecordError, UnreadableRecord
from polyveil.records.finding import Box, Face, Kind
from polyveil.records.picture import decode
from polyveil.records.record import Record, Refused

MOST = 2000
"""Records that are read."""
MOST_FACES = 8
"""Faces of one picture, the largest ones."""
INSIDE = 48
"""Pixels of the aligned face whose change is measured."""

_TARGET = np.array([[9, 11], [39, 11], [24, 25], [13, 38], [35, 38]], dtype=np.float32)
_SAME_SHAPE = 0.02

Paired: TypeAlias = tuple[Link, Record, Record]


@dataclass(frozen=True, slots=True)
class Sight:
    """One face, before and after.

    Attributes:
      person: equal for faces of equal persons, as far as the originals say who they are.
      face: the original's, with attributes.
      rows: for each recogniser float16 (3, d): original, weakened original, released; empty for
        bystanders where enough people are labelled.
      kept: correlation of the inside of the face before and after, in [-1, 1].
      digest: hash of the original face's pixels, aligned.
    """

    person: str
    face: Face
    rows: tuple[NDArray[np.float16], ...] = field(repr=False)
    kept: float
    digest: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Words:
    """The text of one side of a record.

    Attributes:
      text: all of its strings, a line each.
      names: names of people in it, as they came, in order.
      looks: facets of everything it says about how people look, a mapping a mention.
    """

    text: str
    names: tuple[str, ...] = ()
    looks: tuple[dict[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Observed:
    """One pair of records.

    Attributes:
      place: of the original record; never in a report.
      person: the label, or a token of its own.
      label: the original's own label of who this is; None without one.
      sights: its faces, the largest first: that one bears the label.
      before, after: words of either side.
      looks: the picture before and after with its faces painted over; None without a picture.
      file, alias: what the released picture and its person are called; None for no such thing.
    """

    place: int
    person: str
    label: str | None
    sights: tuple[Sight, ...] = ()
    before: Words = Words("")
    after: Words = Words("")
    looks: tuple[Look, Look] | None = None
    file: str | None = None
    alias: str | None = None


@dataclass(frozen=True, slots=True)
class Observations:
    """All that the attackers on a pair of folders see.

    Attributes:
      records: read ones.
      recognisers: names, in the order of `Sight.rows`.
      refused: records that could not be read.
      paired: how many pairs there were; more than records where time or `most` ran out.
      how: ways of pairing -> links.
      seconds: time that reading took.
    """

    records: tuple[Observed, ...]
    recognisers: tuple[str, ...]
    refused: tuple[Refused, ...] = ()
    paired: int = 0
    how: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def matched_by_picture(self) -> bool:
        """Whether some truth rests on how pictures look, so that no attack may claim that."""
        return "picture" in self.how

    def sights(self) -> list[Sight]:
        """Every face."""
        return [sight for one in self.records for sight in one.sights]


def observe(
    pair: FolderPair,
    *,
    recognisers: Sequence[Recogniser] = (LocalPatterns(),),
    most: int = MOST,
    seconds: float | None = None,
    on_progress: Callable[[int, int], None] | None = None,
    each: Callable[[Callable[[Paired], Observed | Refused], Iterable[Paired]],
                   Iterable[Observed | Refused]] = map,
    seed: int = 0,
) -> Observations:  # fmt: skip
    """Read a pair of folders.

    Args:
      pair: which records belong together.
      recognisers: each describes every face.
      most: records at most; those of people with several pictures come first.
      seconds: stop reading then; what was read is whole, and `paired` says that it is not all.
      on_progress: hears (read, of how many).
      each: applies a function to all pairs, perhaps in several processes; in any order.
      seed: of the order in which people are read.

    Raises:
      ValueError: most < 1.
    """
    started = time.monotonic()
    links = pair.chosen(most, seed=seed)
    # Where enough people are known, nobody asks who stands beside them; it costs as much again.
    described = 1 if pair.people_with_several >= FEWEST else MOST_FACES
    describe = partial(_observe, recognisers=tuple(recognisers), described=described)
    records: list[Observed] = []
    refused: list[Refused] = list(pair.broken)
    for number, one in enumerate(each(describe, pair.records(links)), start=1):
        if isinstance(one, Refused):
            refused.append(one)
        else:
            records.append(one)
        if on_progress is not None:
            on_progress(number, len(links))
        if seconds is not None and time.monotonic() - started > seconds:
            break
    spent = time.monotonic() - started
    names = tuple(one.name for one in recognisers)
    return Observations(
        tuple(records), names, tuple(refused), len(pair.links), dict(pair.how), spent
    )


def _observe(
    paired: Paired, recognisers: tuple[Recogniser, ...], described: int
) -> Observed | Refused:
    """One pair; a record that cannot be read is one refusal."""
    link, before, after = paired
    person = f"record {link.original}" if link.person is None else f"person {link.person}"
    try:
        words = _words(before), _words(after)
        sights, looks = _pictures(before, after, person, recognisers, described)
    except RecordError as error:
        return Refused(before.id, type(error).__name__, str(error))
    called = after.image_name, after.person
    return Observed(link.original, person, link.person, sights, *words, looks, *called)


def _words(record: Record) -> Words:
    mentions = find_mentions(record)
    names = tuple(one.surface for one in mentions if one.kind is Kind.NAME)
    sexes = [{"sex": one.facets["sex"]} for one in mentions
             if one.kind is Kind.NAME and "sex" in one.facets]  # fmt: skip
    looks = [dict(one.facets) for one in mentions if one.kind is Kind.EXPRESSION]
    text = "\n".join(text for _, text in record.texts())
    return Words(text, names, tuple(looks + sexes))


def _pictures(
    before: Record,
    after: Record,
    person: str,
    recognisers: tuple[Recogniser, ...],
    described: int,
) -> tuple[tuple[Sight, ...], tuple[Look, Look] | None]:
    if before.image is None or after.image is None:
        return (), None
    old, new = decode(before.image).pixels, decode(after.image).pixels
    found = sorted(find_faces(old), key=lambda face: -face.box.area)[:MOST_FACES]
    faces = _alignment().faces(old, found)
    shown = _in_released(faces, old, new)
    control = weaken(old)
    sights = []
    for at, (face, twin) in enumerate(zip(faces, shown, strict=True)):
        whose = person if at == 0 else f"{person}, record {before.id}, face {at}"
        rows = tuple(
            _rows(one, (old, face), (control, face), (new, twin))
            for one in recognisers
            if at < described
        )
        source, result = _inside(old, face), _inside(new, twin)
        digest = hashlib.sha256(source.tobytes()).digest()
        sights.append(Sight(whose, face, rows, _correlation(source, result), digest))
    return tuple(sights), (Look.of(old, faces), Look.of(new, shown))


def _rows(recogniser: Recogniser, *views: tuple[NDArray[np.uint8], Face]) -> NDArray[np.float16]:
    return np.stack([recogniser.describe(*view) for view in views]).astype(np.float16)


def _in_released(
    faces: Sequence[Face], old: NDArray[np.uint8], new: NDArray[np.uint8]
) -> list[Face]:
    """Where the faces lie in the released picture: at the same place, as that may be resized."""
    down, across = new.shape[0] / old.shape[0], new.shape[1] / old.shape[1]
    if down == across == 1.0:
        return list(faces)
    if abs(down / across - 1) > _SAME_SHAPE:
        raise UnreadableRecord(
            "picture: another shape than its original; expected the same section, perhaps resized."
        )
    return [_scaled(face, across, down) for face in faces]


def _scaled(face: Face, across: float, down: float) -> Face:
    box = face.box
    points = (face.points * np.array([across, down])).astype(np.float32)
    place = Box(box.left * across, box.top * down, box.right * across, box.bottom * down)
    return Face(place, points, face.score, face.source, attributes=face.attributes)


def _inside(pixels: NDArray[np.uint8], face: Face) -> NDArray[np.float32]:
    matrix, _ = cv2.estimateAffinePartial2D(face.points, _TARGET, method=cv2.LMEDS)
    if matrix is None:
        return np.zeros(INSIDE * INSIDE, np.float32)
    crop = cv2.warpAffine(pixels, matrix, (INSIDE, INSIDE), borderMode=cv2.BORDER_REFLECT)
    grey = crop if crop.ndim == 2 else cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)
    # What is left after coarse light and shade is taken out: a stand-in keeps those on purpose.
    values = grey.astype(np.float32)
    return np.asarray(values - cv2.GaussianBlur(values, (0, 0), 3.0), np.float32).ravel()


def _correlation(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    lengths = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float(one @ other) / lengths if lengths > 1e-3 else 0.0


@cache
def _alignment() -> AlignmentModel:
    return AlignmentModel()
