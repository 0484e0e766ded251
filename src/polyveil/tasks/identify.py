# SPDX-License-Identifier: Apache-2.0
"""Who of the gallery is this, or nobody known? At a stated rate of strangers identified.

    polyveil.identify(face="door.jpg", recogniser="recogniser", gallery="gallery.db")
    polyveil.identify("visitors", recogniser="recogniser", gallery="gallery.db", names="staff.txt")

The gallery holds pseudonymous ids. Whoever knows the names maps ids back with a list of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from polyveil.errors import (
    EXIT_CLEAN,
    EXIT_RECORDS_REFUSED,
    EXIT_RISK_FOUND,
    RecordError,
    UsageError,
)
from polyveil.recognize.decision import Identified
from polyveil.recognize.encoder import PROBE_DRAWS
from polyveil.recognize.recognizer import Recognizer
from polyveil.records.record import Record, Refused
from polyveil.records.source import Source, open_source
from polyveil.report.calibration import NO_GUARANTEE
from polyveil.report.codec import encode
from polyveil.report.facts import Refusals
from polyveil.report.figures import figure
from polyveil.report.sentences import plural
from polyveil.tasks.events import Listener, RecordDone, StageStarted, silence
from polyveil.tasks.recognising.keys import project_key
from polyveil.tasks.recognising.opened import NOT_DONE, OpenedRecogniser
from polyveil.tasks.recognising.people import embed, refusal
from polyveil.tasks.tally import Tally
from polyveil.tasks.verify import NO_SCORE

TOGETHER = 256
"""Probes that are searched at once: what is derived for a template is derived once for all."""

Embeddings: TypeAlias = dict[str, NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one probe.

    Attributes:
      record: place of the probe, e.g. "metadata.jsonl:3".
      subject: pseudonymous id; None for "unknown": nobody in the gallery reaches the threshold.
      name: of the subject, from the list of names; None where it is not in it.
      modalities: that decided; empty where nobody could be compared.
    """

    record: str
    subject: str | None
    name: str | None = field(repr=False)
    modalities: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class IdentifyReport:
    """Who the probes are.

    Attributes:
      answers: one a probe, in order.
      far: chance that a stranger is identified as anybody in the gallery, at most.
      enrolled: people in the gallery.
      refusals: probes that could not be used.
      guarantee: always None.
    """

    answers: tuple[Answer, ...]
    far: float
    enrolled: int
    refusals: tuple[Refusals, ...] = ()
    not_done: tuple[str, ...] = (
        *NOT_DONE,
        NO_SCORE,
        "whether `person` in the probes' own rows is right: it is not read",
    )
    guarantee: None = None
    no_guarantee: str = NO_GUARANTEE

    @property
    def unknown(self) -> int:
        """Probes of nobody known."""
        return sum(one.subject is None for one in self.answers)

    @property
    def exit_code(self) -> int:
        """3 where probes were refused, else 1 where somebody is unknown, else 0."""
        if self.refusals:
            return EXIT_RECORDS_REFUSED
        return EXIT_RISK_FOUND if self.unknown else EXIT_CLEAN

    def to_json(self) -> dict[str, Any]:
        """JSON values, versioned by "schema"."""
        return {"schema": "polyveil.identify/1", "exit_code": self.exit_code, **encode(self)}

    def summary(self) -> str:
        """A line a probe, then the rate."""
        lines = [f"{one.record}: {_said(one)}" for one in self.answers]
        for one in self.refusals:
            lines.append(f"refused: {one.count} × {one.kind}")
            lines += [f"  {shown.record_id}: {shown.reason}" for shown in one.examples[:5]]
        lines.append(
            f"{len(self.answers) - self.unknown} identified, {self.unknown} unknown among "
            f"{plural(self.enrolled, 'enrolled person', 'enrolled people')}; "
            f"at most {figure(self.far, 'share')} of strangers identified as anybody"
        )
        lines.append(f"not checked: {NOT_DONE[0]}")
        return "\n".join(lines).replace("\u00a0", " ")


def identify(
    probes: str | Path | None = None,
    *,
    face: str | Path | None = None,
    voice: str | Path | None = None,
    behaviour: str | Path | None = None,
    recogniser: str | Path,
    gallery: str | Path,
    far: float | None = None,
    names: str | Path | Iterable[str] | None = None,
    key: str | Path | None = None,
    vault: str | Path | None = None,
    passphrase: str | None = None,
    on_event: Listener = silence,
) -> IdentifyReport:
    """Who the probes are, each searched among everybody enrolled.

    Args:
      probes: data set, each record a probe.
      face, voice, behaviour: instead: files of one probe; for ready-made embeddings .npy files.
      recogniser: folder that `calibrate` wrote.
      gallery: path or URL.
      far: chance that a stranger is identified as anybody, at most; None for the calibrated one.
      names: file with one name a line, or names, by which ids are turned back.
      key, vault, passphrase: the project key, as in calibration.
      on_event: hears about progress.

    Raises:
      UsageError: probes and files, or neither; or development people too few for this rate and so
        large a gallery.
      UnreadableRecord: the one probe cannot be read, or shows nobody.
      WeightsError: the recogniser was damaged or edited.
      GalleryError: another key's or encoder's gallery, damaged or not reachable.
    """
    files = {"face": face, "voice": voice, "behaviour": behaviour}
    given = {name: (one,) for name, one in files.items() if one is not None}
    if (probes is None) == (not given):
        raise UsageError("identify: expected a data set of probes, or files of one, not both.")
    held = project_key(key, vault=vault, passphrase=passphrase)
    source = None if probes is None else open_source(Path(probes))
    opened = OpenedRecogniser.of(recogniser, key=held, people=source)
    recognizer = opened.recognizer(gallery, far)
    known = {recognizer.gallery.subject(name): name for name in _names(names)}
    tally = Tally()
    if source is None:
        record = opened.records(**given)[0]
        vectors = embed(record, opened.encoder, draws=PROBE_DRAWS)
        answers = list(_searched([(record.id, vectors)], recognizer, known))
    else:
        answers = list(_answers(source, opened, recognizer, known, tally, on_event))
    active = {one.subject for one in recognizer.gallery.entries() if one.status == "active"}
    return IdentifyReport(tuple(answers), recognizer.far, len(active), tally.refusals())


def _answers(
    source: Source,
    opened: OpenedRecogniser,
    recognizer: Recognizer,
    known: dict[str, str],
    tally: Tally,
    on_event: Listener,
) -> Iterator[Answer]:
    on_event(StageStarted("identify", len(source)))
    waiting: list[tuple[str, Embeddings]] = []
    for item in source.records():
        tally.read(item)
        refused = item if isinstance(item, Refused) else None
        if isinstance(item, Record):
            try:
                waiting.append((item.id, embed(item, opened.encoder, draws=PROBE_DRAWS)))
            except RecordError as error:
                refused = refusal(item, error)
        if refused is not None:
            tally.refused(refused)
        on_event(RecordDone("identify", refused=refused is not None))
        if len(waiting) == TOGETHER:
            yield from _searched(waiting, recognizer, known)
            waiting.clear()
    yield from _searched(waiting, recognizer, known)


def _searched(
    probes: Sequence[tuple[str, Embeddings]], recognizer: Recognizer, known: dict[str, str]
) -> Iterator[Answer]:
    found = recognizer.identify_all([vectors for _, vectors in probes]) if probes else []
    for (record, _), one in zip(probes, found, strict=True):
        used = () if one.threshold is None else one.threshold.modalities
        subject = one.subject if isinstance(one, Identified) else None
        yield Answer(record, subject, known.get(subject or ""), used)


def _names(given: str | Path | Iterable[str] | None) -> list[str]:
    """Names from a file, one a line, or as they come."""
    if given is None:
        return []
    if not isinstance(given, str | Path):
        return [str(name) for name in given]
    try:
        text = Path(given).read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError):
        raise UsageError("names: no text file in UTF-8; expected one name a line.") from None
    return [line.strip() for line in text.splitlines() if line.strip()]


def _said(one: Answer) -> str:
    if one.subject is None:
        return "unknown"
    return one.subject if one.name is None else f"{one.name} ({one.subject})"
