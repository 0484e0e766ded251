# SPDX-License-Identifier: Apache-2.0
"""Whose records are whose, which of them enrol and which probe; and their embeddings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from polyveil.errors import RecordError, UnreadableRecord
from polyveil.recognize.encoder import Encoder
from polyveil.records.record import Record, Refused
from polyveil.records.source import Source
from polyveil.tasks.tally import Tally

SESSION = "session"


@dataclass(frozen=True, slots=True)
class Line:
    """What a row claims, before anything is decoded.

    Attributes:
      person: the user's own label. Secret.
      session: of the recording; None where the row does not say.
      modalities: that the record has, as far as the encoder takes them.
    """

    person: str = field(repr=False)
    session: str | None = field(repr=False)
    modalities: frozenset[str]


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """One record, embedded.

    Attributes:
      index: its place in the data set.
      embeddings: modality -> float32 (dimension,) of length 1. Secret.
    """

    index: int
    embeddings: Mapping[str, NDArray[np.float32]] = field(repr=False)


def lines(source: Source, encoder: Encoder, tally: Tally) -> dict[int, Line]:
    """Place in the data set -> what the row claims; refusals are counted, the rest goes on."""
    found: dict[int, Line] = {}
    for index, item in enumerate(source.records()):
        tally.read(item)
        if isinstance(item, Refused):
            tally.refused(item)
            continue
        try:
            found[index] = _line(item, encoder)
        except UnreadableRecord as error:
            tally.refused(refusal(item, error))
    return found


def by_person(found: Mapping[int, Line]) -> dict[str, list[int]]:
    """Person -> places of the records, in order."""
    people: dict[str, list[int]] = {}
    for index, line in found.items():
        people.setdefault(line.person, []).append(index)
    return people


def embedded(
    source: Source, encoder: Encoder, draws: Mapping[int, int], tally: Tally
) -> Iterator[Sample | None]:
    """The records at the places in `draws`, in order, embedded; None for one that is refused.

    Args:
      draws: place -> embeddings to average, where codes are sampled.
    """
    for index, item in enumerate(source.records()):
        if index not in draws or isinstance(item, Refused):
            continue
        try:
            yield Sample(index, embed(item, encoder, draws=draws[index]))
        except RecordError as error:
            tally.refused(refusal(item, error))
            yield None


def embed(record: Record, encoder: Encoder, *, draws: int) -> dict[str, NDArray[np.float32]]:
    """A record's embeddings, at least one.

    Raises:
      UnreadableRecord: it holds nothing that the encoder reads, or it cannot be read.
    """
    found = encoder.embed(record, draws=draws)
    if not found:
        raise _nothing(encoder)
    return found


def refusal(record: Record, error: RecordError) -> Refused:
    """What a refused record is reported as: its place and why."""
    return Refused(record.id, type(error).__name__, str(error))


def roles(sessions: Sequence[str | None], modalities: Sequence[frozenset[str]]) -> list[bool]:
    """Which of one person's records enrol; the others are probes.

    Where the records name more than one session, the first session enrols, so that no probe was
    recorded on the same day as what it is compared with. Else the earlier half of the records of
    each modality enrols, at least one.
    """
    if len(set(sessions)) > 1:
        return [session == sessions[0] for session in sessions]
    total: dict[str, int] = {}
    for one in modalities:
        for name in one:
            total[name] = total.get(name, 0) + 1
    taken = dict.fromkeys(total, 0)
    enrols = []
    for one in modalities:
        chosen = any(taken[name] < max(1, total[name] // 2) for name in one)
        enrols.append(chosen)
        for name in one if chosen else ():
            taken[name] += 1
    return enrols


def _line(record: Record, encoder: Encoder) -> Line:
    if record.person is None:
        raise UnreadableRecord("person: missing; expected who the record is of.")
    holds = encoder.modalities(record)
    if not holds:
        raise _nothing(encoder)
    session = record.row.get(SESSION)
    if session is not None and not isinstance(session, str | int | float):
        raise UnreadableRecord(f"{SESSION}: a {type(session).__name__}; expected text or a number.")
    return Line(record.person, None if session is None else str(session), holds)


def _nothing(encoder: Encoder) -> UnreadableRecord:
    return UnreadableRecord(
        f"record: it holds none of {', '.join(encoder.dimensions)}; expected one at least."
    )
